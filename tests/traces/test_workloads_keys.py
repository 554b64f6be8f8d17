"""The workloads without text or sessions: zipf, scan, loop, and mixes of workloads."""

import itertools
import re

import numpy as np
import pytest

from kvreplay.traces.errors import TraceError
from kvreplay.traces.workloads import generate


def test_the_most_popular_zipf_key_is_asked_for_as_often_as_it_should():
    trace = generate("zipf", requests=200_000, keys=1000, skew=0.9)
    share = 1 / sum(k**-0.9 for k in range(1, 1001))
    most = np.bincount(trace.pages).max()
    assert most == pytest.approx(200_000 * share, abs=5 * (200_000 * share * (1 - share)) ** 0.5)


def test_a_drifting_zipf_makes_every_key_the_hottest_once():
    trace = generate("zipf", requests=40_000, keys=20, skew=3.0, drift=1.0)
    # Each key has a twentieth of the trace at the top, and a share 1 / zeta(3) = 0.83 of it while there.
    assert np.bincount(trace.pages).min() > 40_000 / 20 * 0.8
    assert len(set(_most_common(trace.pages, 20))) == 20


def _most_common(pages, parts):
    return [np.bincount(part).argmax() for part in np.split(pages, parts)]


def test_a_zipf_trace_keeps_four_bytes_a_request():
    trace = generate("zipf", requests=50_000)
    columns = (trace.page_offsets, trace.arrival, trace.session, trace.prompt_tokens, trace.parent)
    assert trace.pages.nbytes == 200_000
    assert columns == (None,) * 5


def test_zipf_does_not_depend_on_how_it_is_chunked(monkeypatch):
    whole = generate("zipf", requests=5_000, keys=300, drift=2.0, arrival={"process": "poisson"})
    monkeypatch.setattr("kvreplay.traces.workloads.zipf._CHUNK", 97)
    parts = generate("zipf", requests=5_000, keys=300, drift=2.0, arrival={"process": "poisson"})
    assert parts.content_hash == whole.content_hash


def test_scan_and_loop_are_what_they_say():
    assert generate("scan", requests=5).pages.tolist() == [0, 1, 2, 3, 4]
    assert generate("loop", requests=7, keys=3).pages.tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_clients_of_a_closed_loop_are_the_sessions():
    trace = generate("scan", requests=5, arrival={"process": "closed", "clients": 2, "think": 0})
    assert trace.session.tolist() == [0, 1, 0, 1, 0]


LOOP = {"workload": "loop", "keys": 3}
SCAN = {"workload": "scan"}


def test_weights_are_shares_of_the_requests():
    mixed = generate("mix", parts=[LOOP | {"weight": 3}, SCAN], requests=1000)
    # A loop of 3 keys and 250 keys scanned.
    assert mixed.n_requests == 1000
    assert mixed.n_pages == 3 + 250
    assert np.sort(np.bincount(mixed.pages))[-3:].tolist() == [250, 250, 250]


def test_the_largest_remainder_gets_the_odd_request():
    mixed = generate("mix", parts=[SCAN | {"seed": 1}, SCAN | {"seed": 2}, LOOP | {"weight": 1.1}], requests=10)
    # Exact shares 3.23, 3.23 and 3.55.
    assert mixed.n_pages == 3 + 3 + 3


def test_shuffled_parts_keep_their_own_order():
    mixed = generate("mix", parts=[LOOP, SCAN], requests=40, seed=5)
    assert sorted(mixed.pages.tolist()) != mixed.pages.tolist()
    often = np.flatnonzero(np.bincount(mixed.pages) > 1)
    loop = [page for page in mixed.pages.tolist() if page in often]
    assert loop == list(itertools.islice(itertools.cycle(loop[:3]), 20))
    assert (mixed.tenant == 0).tolist() == np.isin(mixed.pages, often).tolist(), "each part is a tenant"
    assert generate("mix", parts=[LOOP, SCAN], requests=40, order="phased").tenant is None


def test_a_later_phase_goes_on_where_the_same_part_stopped():
    mixed = generate("mix", parts=[LOOP, SCAN, LOOP], requests=12, order="phased")
    assert mixed.pages.tolist() == [0, 1, 2, 0, 3, 4, 5, 6, 1, 2, 0, 1]


def test_timed_parts_keep_their_times_and_share_nothing():
    chat = {"workload": "conversation", "sessions": 300, "seed": 3}
    agents = {"workload": "agent", "sessions": 300, "seed": 4}
    mixed = generate("mix", parts=[chat, agents], requests=400, order="timed")
    parts = [generate(part["workload"], sessions=300, requests=200, seed=part["seed"]) for part in (chat, agents)]
    assert mixed.arrival.tolist() == sorted([*parts[0].arrival, *parts[1].arrival])
    assert mixed.n_pages == sum(part.n_pages for part in parts)
    assert len(set(mixed.session)) == sum(len(set(part.session)) for part in parts)
    assert mixed.prompt_tokens.sum() == sum(part.prompt_tokens.sum() for part in parts)
    assert mixed.page_tokens == 16
    assert mixed.parent is not None


def test_arrivals_of_a_mix_are_its_own():
    mixed = generate("mix", parts=[LOOP, SCAN], requests=4, arrival={"process": "uniform", "rate": 2})
    assert mixed.arrival.tolist() == [0, 0.5, 1, 1.5]


def test_intents_and_texts_of_mixed_parts_stay_with_their_requests():
    parts = [{"workload": "repetitive", "questions": 5, "seed": 1}, {"workload": "diverse", "seed": 2}]
    mixed = generate("mix", parts=parts, requests=200)
    repetitive = generate("repetitive", questions=5, requests=100, seed=1)
    diverse = generate("diverse", requests=100, seed=2)
    texts = list(mixed.texts())
    assert sorted(texts) == sorted([*repetitive.texts(), *diverse.texts()])
    assert len(set(mixed.intent)) == len(set(repetitive.intent)) + len(set(diverse.intent))
    assert len(set(zip(texts, mixed.intent.tolist(), strict=True))) == len(set(texts))


def test_an_intent_is_unknown_where_a_part_knows_none():
    text = {"workload": "repetitive", "questions": 5}
    chat = {"workload": "conversation", "sessions": 100}
    mixed = generate("mix", parts=[text, chat], requests=100)
    assert np.sum(mixed.intent == -1) == 50
    assert mixed.text_bytes is None
    assert mixed.session is None


def test_mixes_nest():
    inner = {"workload": "mix", "parts": [LOOP, SCAN]}
    assert generate("mix", parts=[inner, SCAN], requests=100).n_pages == 3 + 25 + 50


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"parts": []}, "mix: parts is empty; name at least one workload"),
        ({"parts": [{}]}, "mix: part 1 names no workload; write workload: NAME"),
        ({"parts": [{"workload": "zip"}]}, "unknown workload 'zip'; did you mean 'zipf'?"),
        ({"parts": [LOOP, SCAN | {"weight": 0}]}, "mix: part 2 (scan) has weight 0; make it positive"),
        ({"parts": [LOOP | {"requests": 3}]}, "mix: part 1 (loop) sets requests; set the mix's, and weights"),
        ({"parts": [LOOP | {"kys": 3}]}, "mix: part 1 (loop): unknown parameter 'kys', did you mean 'keys'?"),
        ({"parts": [LOOP], "order": "timed"}, "mix: a timed part has no arrival times; give every part an arrival"),
        (
            {"parts": [LOOP, {"workload": "conversation"}], "requests": 100},
            "mix: parts have different page_tokens (none and 16); mix like with like",
        ),
        (
            {"parts": [LOOP], "order": "timed", "arrival": {}},
            "mix: timed parts keep their own arrivals; leave it out, or shuffle",
        ),
    ],
)
def test_wrong_mixes_are_refused_in_one_line(params, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        generate("mix", **params)


def test_a_part_that_cannot_fill_its_share_says_so():
    with pytest.raises(TraceError, match=r"conversation: the sessions make \d+ requests, 500 are asked for"):
        generate("mix", parts=[{"workload": "conversation", "sessions": 3}], requests=500)
