"""A real model behind the caches: it hits what is modelled, says what it says alone, and survives full memory."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

import kvreplay as kv
from kvreplay.policies import PolicyError
from kvreplay.simulator.backends import metrics_file
from kvreplay.simulator.caches.pages import PageError
from kvreplay.simulator.measured import measure, measurement
from kvreplay.simulator.measured.engine import run
from kvreplay.simulator.measured.prompts import Prompts
from kvreplay.simulator.replay import CapacityError
from kvreplay.traces import Trace

TINY = "stories260k"
STACK = ["exact", {"semantic": {"embedder": "idf-seeded", "threshold": 0.8}}]


@pytest.fixture(scope="module")
def chats():
    """Conversations behind one of two system prompts."""
    return kv.generate(
        "conversation",
        sessions=8,
        seed=1,
        system_prompts=2,
        system_tokens=48,
        user={"mean": 20, "max": 40},
        output={"mean": 4, "max": 8},
    )


@pytest.fixture(scope="module")
def questions():
    return kv.generate("paraphrased", requests=40, intents=15, verbatim_share=0.3, output={"mean": 3, "max": 6}, seed=1)


@pytest.mark.parametrize(("policy", "pages"), [("lru", 30), ("lru", 1000), ("s3-fifo", 30)])
def test_serial_requests_hit_what_is_modelled(chats, policy, pages):
    real = measure(chats, policy, pages, model=TINY, concurrency=1)
    expected = kv.simulate(chats, policy, pages, model=TINY, concurrency=1).requests
    assert real.requests["hit_tokens"].to_list() == expected["hit_tokens"].to_list()
    assert real.requests["prefilled_tokens"].to_list() == expected["prefilled_tokens"].to_list()
    assert expected["hit_tokens"].sum() > 0
    assert real.requests["preemptions"].sum() == 0


def test_its_pages_are_told_while_it_runs(chats, monkeypatch, tmp_path):
    file = tmp_path / "run.prom"

    def run_and_tell(*arguments, **settings):
        outcome = run(*arguments, **settings)
        with metrics_file.written(file, lambda: ()):  # writes at once what is watched
            return outcome

    monkeypatch.setattr(measurement, "run", run_and_tell)
    real = measure(chats, "lru", 30, model=TINY, concurrency=1)
    lines = [line.split(" ") for line in file.read_text().splitlines() if not line.startswith("#")]
    figures = {name: int(value) for name, value in lines}
    assert figures["kvreplay_prefix_hit_pages_total"] == real.requests["hit_tokens"].sum() // chats.page_tokens
    assert figures['kvreplay_pool_pages{state="used"}'] + figures['kvreplay_pool_pages{state="free"}'] == 30


def written(*prompts: str, output: int = 1) -> Trace:
    """A letter a page, known by the letters up to it; every prompt ends in a token that no other has."""
    ids: dict[str, int] = {}
    pages = [ids.setdefault(prompt[:end], len(ids)) for prompt in prompts for end in range(1, len(prompt) + 1)]
    lengths = np.array([len(prompt) for prompt in prompts])
    return Trace(
        "written",
        np.array(pages, np.uint32),
        len(ids),
        np.concatenate([[0], np.cumsum(lengths)]),
        prompt_tokens=(4 * lengths + 1).astype(np.int32),
        output_tokens=np.full(len(prompts), output, np.int32),
        parent=np.array([ids.get(prefix[:-1], -1) for prefix in ids], np.int32),
        page_tokens=4,
    )


@pytest.mark.parametrize("pages", [5, 9, 40])
def test_serial_requests_hit_what_a_replay_hits(pages):
    rng = np.random.default_rng(pages)
    trace = written(*("".join(rng.choice(list("ab"), rng.integers(1, 6))) for _ in range(40)))
    untimed = kv.replay(trace, "lru", min(pages, trace.n_pages), reading="prefix").row
    # A request's last token takes a page that is never cached.
    real = measure(trace, "lru", pages + 1, model=TINY, concurrency=1).requests
    assert real["hit_tokens"].sum() == untimed["tokens_saved"] > 0


def test_tiers_answer_what_they_answer_without_a_clock(questions):
    real = measure(questions, model=TINY, concurrency=1, stack=STACK)
    untimed = kv.replay(questions, "lru", "unlimited", reading="prefix", stack=STACK).row
    for tier in ("exact", "semantic"):
        assert real.requests.filter(pl.col("tier") == tier).height == untimed[f"{tier}_hits"] > 0
    assert real.row["semantic_false_hits"] == untimed["semantic_false_hits"]
    assert real.row["semantic_precision"] == untimed["semantic_precision"]


def test_answers_are_those_that_are_generated_without_caches(chats, questions):
    """To the bit, as one thread gives them: also where pages were evicted between uses."""
    for trace, settings in ((chats, {"capacity": 30}), (questions, {"stack": ["exact"]})):
        cached = measure(trace, model=TINY, concurrency=1, **settings)
        plain = measure(trace, None, model=TINY, concurrency=1)
        assert set(cached.requests["hit"]) >= {"none", "exact" if "stack" in settings else "prefix"}
        assert set(plain.requests["hit"]) == {"none"}
        for answer, own in zip(cached.answers, plain.answers, strict=True):
            both = min(len(answer), len(own))  # the same question may ask for more or less
            assert answer[:both].tolist() == own[:both].tolist()


def test_bytes_and_kinds_by_hand():
    trace = written("ab", "ab", output=3)
    requests = measure(trace, model=TINY, concurrency=1).requests
    token = 2 * 5 * 4 * 8 * 2  # K and V, layers, heads, their width, bfloat16
    assert requests["hit"].to_list() == ["none", "prefix"]
    assert requests["reused_bytes"].to_list() == [0, 8 * token]
    assert requests["computed_bytes"].to_list() == [(9 + 2) * token, (1 + 2) * token]
    assert (requests["ttft"] > 0).all()
    assert (requests["e2e"] > requests["ttft"]).all()


def test_too_little_memory_is_told_and_survived():
    trace = written("abc", "abcdef", "xyz", "uvw", output=6)
    alone = measure(trace, model=TINY, concurrency=1)
    # Two of them do not fit into 8 pages with all their tokens, and the longest one not even alone into 7.
    for pages, preempted, refused in ((8, True, []), (7, False, [1])):
        tight = measure(trace, model=TINY, concurrency=4, capacity=pages)
        assert (tight.requests["preemptions"].sum() > 0) == preempted
        assert [number for number, answer in enumerate(tight.answers) if answer is None] == refused
        assert tight.requests["replica"].null_count() == len(refused)
        for answer, own in zip(tight.answers, alone.answers, strict=True):
            assert answer is None or answer.tolist() == own.tolist()


def test_memory_that_the_machine_lacks_is_told():
    with pytest.raises(PageError, match=r"pages of .* bytes do not fit into the memory of cpu; give fewer$"):
        measure(written("ab"), model=TINY, concurrency=1, capacity=2**27)


def test_arrivals_wait_for_nobody_but_each_other():
    """An hour between two requests is not waited for, and stands in the table."""
    trace = dataclasses.replace(written("ab", "ab"), arrival=np.array([0.0, 3600.0]))
    requests = measure(trace, model=TINY).requests
    assert requests["arrival"].to_list() == [0.0, 3600.0]
    assert requests["end"][1] > 3600
    assert requests["queueing"][1] < 1800


def test_what_cannot_be_measured_is_refused():
    chats = written("ab")
    with pytest.raises(ValueError, match=r"has no arrival times; set concurrency, for a closed loop$"):
        measure(chats, model=TINY)
    with pytest.raises(ValueError, match=r"has no pages of tokens that form prefixes; use a trace with them$"):
        measure(dataclasses.replace(chats, parent=None), model=TINY, concurrency=1)
    with pytest.raises(PolicyError, match=r"^policy belady must know the order of requests"):
        measure(chats, "belady", model=TINY, concurrency=1)
    with pytest.raises(PolicyError, match=r"^policy vllm-lru: is only simulated; use lru"):
        measure(chats, "vllm-lru", model=TINY, concurrency=1)
    with pytest.raises(CapacityError, match=r"^capacity device: is what a modelled device leaves"):
        measure(chats, "lru", "device", model=TINY, concurrency=1)
    with pytest.raises(ValueError, match=r"^model deepseek-v3: is no plain Llama; use one of "):
        measure(chats, model="deepseek-v3", concurrency=1)
    with pytest.raises(ValueError, match=r"^measure: unknown parameter 'replicas'"):
        measure(chats, model=TINY, concurrency=1, replicas=3)


def test_prompts_share_tokens_as_far_as_they_share_pages():
    trace = written("abc", "abd", "b", "abc")
    prompts = [Prompts(trace, 1 << 40).tokens(r, int(n)) for r, n in enumerate(trace.prompt_tokens)]
    again = [Prompts(trace, 1 << 40).tokens(r, int(n)) for r, n in enumerate(trace.prompt_tokens)]
    assert all(a.tolist() == b.tolist() for a, b in zip(prompts, again, strict=True))
    shared = [
        [int((a[:k] == b[:k]).all()) for k in (4, 8, 12, 13)]
        for a, b in ((prompts[0], p) for p in prompts[1:])
        if len(b) > 12
    ]
    assert shared == [[1, 1, 0, 0], [1, 1, 1, 0]]
    assert len(set(np.concatenate([prompts[0], prompts[2]]))) == 13 + 5
    assert max(Prompts(trace, 7).tokens(0, 13)) < 7
