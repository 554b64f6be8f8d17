"""What an embedder has computed is computed once, whatever happens to the file that keeps it."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvreplay.files import write_whole
from kvreplay.simulator.caches.embedders import store
from kvreplay.simulator.caches.embedders.idf_seeded import IdfSeeded
from kvreplay.simulator.caches.embedders.store import Precomputed
from kvreplay.simulator.caches.errors import CacheError

TEXTS = [f"question {i}" for i in range(600)]


class Counting(IdfSeeded):
    """Counts the texts it is asked for."""

    def __init__(self, **params):
        super().__init__(dimensions=16, **params)
        self.asked = []

    def embed(self, texts):
        self.asked += texts
        return super().embed(texts)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path))
    return tmp_path / "embeddings"


def vectors_of(embedder, texts):
    return Precomputed(embedder, texts).embed(texts)


def file_in(folder):
    (file,) = folder.iterdir()
    return file


def test_only_new_texts_are_computed_and_each_once(folder):
    embedder = Counting()
    assert np.array_equal(vectors_of(embedder, ["b", "a", "b"]), IdfSeeded(dimensions=16).embed(["b", "a", "b"]))
    assert embedder.asked == ["b", "a"]
    again = Counting()
    assert np.array_equal(vectors_of(again, ["a", "c", "b"]), IdfSeeded(dimensions=16).embed(["a", "c", "b"]))
    assert again.asked == ["c"]
    other = Precomputed(again, ["a"])
    assert again.asked == ["c"]
    assert np.array_equal(other.embed(["a", "d"]), IdfSeeded(dimensions=16).embed(["a", "d"]))
    assert again.asked == ["c", "d"]
    assert (other.name, other.version, other.dimensions) == (again.name, again.version, 16)
    assert other.embed([]).shape == (0, 16)


def test_who_computed_vectors_has_them_whatever_others_write_then(folder, monkeypatch):
    def write_and_be_overtaken(path, content):
        write_whole(path, content)
        write_whole(path, b"another process" * 1000)

    monkeypatch.setattr(store, "write_whole", write_and_be_overtaken)
    assert np.array_equal(vectors_of(Counting(), TEXTS), IdfSeeded(dimensions=16).embed(TEXTS))


def test_other_embedders_and_versions_share_nothing(folder):
    newer = Counting()
    newer.version = "2"
    for embedder in (Counting(), Counting(seed=1), newer):
        vectors_of(embedder, ["a"])
        assert embedder.asked == ["a"]
    assert len(list(folder.iterdir())) == 3


def test_progress(folder):
    told = []
    Precomputed(Counting(), TEXTS, progress=lambda *so_far: told.append(so_far))
    assert told == [(256, 600), (512, 600), (600, 600)]


def test_an_interruption_keeps_what_was_done(folder):
    def stop(done, total):
        if done > 256:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Precomputed(Counting(), TEXTS, progress=stop)
    embedder = Counting()
    Precomputed(embedder, TEXTS)
    assert embedder.asked == TEXTS[512:]


def test_a_text_that_is_refused_changes_nothing(folder):
    Precomputed(Counting(), TEXTS[:3])
    before = file_in(folder).read_bytes()
    with pytest.raises(CacheError, match="text 500 is blank"):
        Precomputed(Counting(), [*TEXTS[:500], " "])
    assert file_in(folder).read_bytes() == before


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0, 2])
def test_what_is_no_unit_vector_is_refused(folder, wrong):
    embedder = Counting()
    embedder.embed = lambda texts: np.full((len(texts), 16), wrong, np.float32)
    with pytest.raises(CacheError, match="must give vectors of length 1"):
        Precomputed(embedder, ["a"])
    assert not folder.exists()


def test_an_embedder_of_another_shape_is_refused(folder):
    embedder = Counting()
    embedder.embed = lambda texts: np.zeros((len(texts), 15), np.float32)
    with pytest.raises(CacheError, match=r"gave float32 of shape \(1, 15\)"):
        Precomputed(embedder, ["a"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_noticed_told_and_mended(folder, data):
    expected = vectors_of(Counting(), TEXTS[:4])
    file = file_in(folder)
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    embedder = Counting()
    with pytest.warns(UserWarning, match="its vectors are computed again"):
        assert np.array_equal(vectors_of(embedder, TEXTS[:4]), expected)
    assert embedder.asked == TEXTS[:4]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(vectors_of(Counting(), TEXTS[:4]), expected)


def test_a_folder_that_cannot_be_made_costs_the_keeping_alone(folder):
    folder.write_text("in the way")
    with pytest.warns(UserWarning, match="the vectors are not kept"):
        vectors = vectors_of(Counting(), ["a"])
    assert np.array_equal(vectors, IdfSeeded(dimensions=16).embed(["a"]))
