"""Every embedder that is installed here: unit vectors that depend on the text alone."""

import subprocess
import sys

import numpy as np
import pytest

from kvreplay.parameters import ParameterError
from kvreplay.simulator.caches import embedders
from kvreplay.simulator.caches.errors import CacheError

TEXTS = [
    "How do I get a new card?",
    "how do i get another card",
    "Play some jazz in the kitchen",
    "é ß 漢字 🙂",
    "?",
    "x" * 200,
    "What is the balance of my account, and when was it last changed by anyone but me?",
]


@pytest.fixture(scope="module", params=["idf-seeded"])
def embedder(request):
    return embedders.get(request.param)


def test_vectors(embedder):
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors.astype(float), axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_batches_make_no_difference(embedder):
    whole = embedder.embed(TEXTS)
    backwards = embedder.embed(TEXTS[::-1])[::-1]
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.array_equal(whole, backwards)
    assert np.array_equal(whole, alone)


@pytest.mark.parametrize("blank", ["", " \n\t", "\ud800"])
def test_what_says_nothing_is_refused(embedder, blank):
    with pytest.raises(CacheError, match=r"^embedder .*: text 1.*; ") as error:
        embedder.embed(["fine", blank])
    assert "\n" not in str(error.value)


def test_names():
    assert embedders.default() in embedders.names()
    for name in ("idf-seeded", "idf-seeded:seed=2", "idf-seeded:dimensions=64:seed=2"):
        assert embedders.get(name).name == name
    assert embedders.get("idf-seeded", dimensions=64).embed(["a"]).shape == (1, 64)
    with pytest.raises(CacheError, match="did you mean 'idf-seeded'"):
        embedders.get("idf-seedd")
    with pytest.raises(ParameterError, match="unknown parameter 'sed', did you mean 'seed'"):
        embedders.get("idf-seeded:sed=1")


def test_idf_seeded_hangs_on_rare_words_and_not_on_common_ones():
    one, rare, common = embedders.get("idf-seeded").embed(["where is the bank", "where is the zoo", "is a bank"])
    assert one @ common > one @ rare


def test_idf_seeded_is_the_weighted_mean_of_unrelated_vectors():
    """Two words, of idf a and b: the cosine with the first alone is a / sqrt(a² + b²), up to the vectors' overlap."""
    embedder = embedders.get("idf-seeded:dimensions=4096")
    the, zebra, both = embedder.embed(["the", "zebra", "the zebra"])
    weights = [-np.log(1 - (1 - 0.1 / rank) ** 12) for rank in (7, 2000)]  # "the" is seventh of the list
    assert both @ the == pytest.approx(weights[0] / np.hypot(*weights), abs=0.05)
    assert both @ zebra == pytest.approx(weights[1] / np.hypot(*weights), abs=0.05)


def test_another_process_makes_the_same_vectors():
    program = (
        "from kvreplay.simulator.caches import embedders;"
        "print(embedders.get('idf-seeded').embed(['How do I get a new card?']).tobytes().hex())"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == embedders.get("idf-seeded").embed(TEXTS[:1]).tobytes().hex()
