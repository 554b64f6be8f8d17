"""What is decoded together, with drafts and in little memory is what each prompt would get alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.backends.model import Decoder, Llama, ModelError, SpeculativeDecoder
from kvreplay.simulator.backends.model.decoder import Request
from kvreplay.simulator.backends.model.lookup import lookup
from kvreplay.simulator.caches.pages import PageError

from .tiny import MODEL, SHAPE, paged, tokens


def one_by_one(model: Llama, prompt: np.ndarray, most: int) -> list[int]:
    """Greedy decoding that keeps nothing: everything is computed again for every token."""
    whole = prompt
    for _ in range(most):
        _, logits = paged(model=model).prefill(whole)
        whole = np.append(whole, int(logits.argmax()))
    return whole[len(prompt) :].tolist()


@settings(max_examples=12, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    most=st.integers(1, 12),
    capacity=st.integers(11, 30),
    at_once=st.integers(1, 4),
    kind=st.sampled_from([Decoder, SpeculativeDecoder]),
)
def test_requests_get_what_they_would_alone(lengths, most, capacity, at_once, kind):
    prompts = [tokens(30)[:length] for length in lengths]  # with prefixes to share
    decoder = kind(paged(capacity), at_once=at_once)
    outputs = decoder.generate(prompts, most)
    for prompt, output in zip(prompts, outputs, strict=True):
        assert output.tolist() == one_by_one(MODEL, prompt, most)
    assert decoder.stats.generated == most * len(prompts)
    stats = decoder.paged.pool.stats()
    assert stats.physical == stats.logical == decoder.paged.sequences.cache.stats().cached  # the requests left nothing


def test_requests_that_do_not_fit_together_wait_and_lose_nothing():
    prompts = [tokens(14, seed) for seed in range(3)]
    decoder = Decoder(paged(12))
    outputs = decoder.generate(prompts, 20)
    assert decoder.stats.preemptions > 0
    assert [output.tolist() for output in outputs] == [one_by_one(MODEL, prompt, 20) for prompt in prompts]


def test_drafts_change_nothing_but_the_number_of_steps():
    drafted = accepted = 0
    for seed in range(12):
        model = Llama.random(SHAPE, seed=seed)
        prompts = [np.tile(tokens(7, seed), 3), tokens(5, seed)]
        greedy, speculative = Decoder(paged(model=model)), SpeculativeDecoder(paged(model=model), length=1 + seed % 8)
        for expected, output in zip(greedy.generate(prompts, 24), speculative.generate(prompts, 24), strict=True):
            assert output.tolist() == expected.tolist()
        assert speculative.stats.steps <= greedy.stats.steps
        drafted += speculative.stats.drafted
        accepted += speculative.stats.accepted
    assert 0 < accepted < drafted


@pytest.mark.parametrize("kind", [Decoder, SpeculativeDecoder])
def test_it_ends_at_the_stop_token(kind):
    prompt = np.tile(tokens(7), 3)
    whole = one_by_one(MODEL, prompt, 30)
    stop = whole[20]
    [output] = kind(paged(), stop=stop).generate([prompt], 30)
    assert output.tolist() == whole[: whole.index(stop) + 1]


def test_requests_that_cannot_be_served_are_refused():
    decoder = Decoder(paged(4))
    for prompt, most, told in (
        ([], 1, "tokens are none"),
        ([61], 1, "give some from 0 to 60"),
        ([1], 0, "0 tokens to generate"),
        (range(10), 7, "a request of 5 pages, the pool has 4"),
    ):
        with pytest.raises((ModelError, PageError), match=told):
            decoder.generate([tokens(3), np.array(prompt, np.int64)], most)
    assert not decoder.waiting
    with pytest.raises(ModelError, match="0 requests at once"):
        Decoder(paged(4), at_once=0)


@given(text=st.lists(st.integers(0, 2), min_size=1, max_size=20), ngram=st.integers(1, 4), length=st.integers(0, 5))
def test_lookup_takes_what_followed_last_time(text, ngram, length):
    expected: list[int] = []
    for size in range(min(ngram, len(text) - 1), 0, -1):
        places = [at for at in range(size, len(text)) if text[at - size : at] == text[-size:]]
        if places:
            expected = text[places[-1] :][:length]
            break
    assert lookup(np.array(text), ngram, length).tolist() == expected


def test_who_is_cancelled_leaves_nothing_and_the_others_go_on():
    decoder = SpeculativeDecoder(paged(30), at_once=2)
    requests = [Request(tokens(14, seed), 20) for seed in range(3)]
    for request in requests:
        decoder.submit(request)
    decoder.step()
    running, other, waiting = requests
    decoder.cancel(running)
    decoder.cancel(waiting)
    while decoder.waiting or decoder.running:
        decoder.step()
    assert other.output == one_by_one(MODEL, other.prompt, 20)
    assert len(running.output) < 20
    assert waiting.output == []
    assert decoder.paged.pool.stats().physical == decoder.paged.sequences.cache.stats().cached


def test_tenants_share_no_pages():
    decoder = Decoder(paged())
    requests = [Request(tokens(14), 1, salt=salt) for salt in ("a", "b", "a")]
    for request in requests:
        decoder.submit(request)
        decoder.step()
    assert [request.cached for request in requests] == [0, 0, 12]
