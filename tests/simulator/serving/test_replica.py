"""The scheduler against a slow one that steps one by one, and against what can be worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kvreplay.policies import get
from kvreplay.simulator.serving.cost import step_cost
from kvreplay.simulator.serving.engine import VLLM, Server, run
from kvreplay.simulator.serving.replica import Limits
from kvreplay.simulator.serving.speculation import Speculation
from kvreplay.simulator.serving.tiers import parse
from kvreplay.traces.trace import Trace
from tests.oracles.serving import Sequence, serve

PAGE = 4
COST = step_cost("llama-3.1-8b", "h100")


def trace_of(arrival, prompt, output, texts=None) -> Trace:
    """Requests whose prompts are the first tokens of endless texts: equal texts share their pages."""
    texts = [0] * len(prompt) if texts is None else texts
    ids: dict[tuple[int, int], int] = {}
    pages, offsets, parent = [], [0], {}
    for text, tokens in zip(texts, prompt, strict=True):
        for depth in range(-(-tokens // PAGE)):
            # A last page that is not full is another page than the full one.
            key = (text, depth) if (depth + 1) * PAGE <= tokens else (text, depth, tokens)
            page = ids.setdefault(key, len(ids))
            parent.setdefault(page, pages[-1] if depth else -1)
            pages.append(page)
        offsets.append(len(pages))
    return Trace(
        "t",
        np.array(pages, np.uint32),
        len(ids),
        np.array(offsets),
        arrival=np.array(arrival, np.float64),
        prompt_tokens=np.array(prompt, np.int32),
        output_tokens=np.array(output, np.int32),
        parent=np.array([parent[page] for page in range(len(ids))], np.int32),
        page_tokens=PAGE,
    )


def tiers(*pages):
    """Tiers of so many pages each, over the links of host memory, SSD and the network."""
    gib = [count * PAGE * COST.model.kv_bytes_per_token / 2**30 for count in pages]
    return parse([{name: {"gib": size}} for name, size in zip(("host", "ssd", "remote"), gib, strict=False)])


def server_of(pages, sequences, batched, *, watermark=0, order="fcfs", caching=True, replicas=1, router="round-robin"):
    limits = Limits(sequences, batched, watermark, order)
    return Server(COST, replicas, pages, PAGE, limits, router, None, get(VLLM) if caching else None)


@st.composite
def traffic(draw):
    count = draw(st.integers(1, 12))
    lists = [st.integers(1, 40), st.integers(1, 30), st.integers(0, 2), st.floats(0, 0.3)]
    prompt, output, texts, gaps = (draw(st.lists(of, min_size=count, max_size=count)) for of in lists)
    arrival = np.cumsum(gaps) - gaps[0]
    largest = max(-(-(p + o) // PAGE) for p, o in zip(prompt, output, strict=True))
    pages = largest + draw(st.integers(0, 6) | st.just(50))  # short of memory, or not
    sequences = draw(st.integers(1, 6))
    server = server_of(
        pages,
        sequences,
        draw(st.integers(sequences, 50)),
        watermark=draw(st.integers(0, 2)),
        caching=draw(st.booleans()),
    )
    return trace_of(arrival, prompt, output, texts), server


def equals_stepping(trace, server, drafted=0):
    found = run(trace, server)
    sequences = [
        Sequence(
            number,
            trace.arrival[number],
            int(trace.prompt_tokens[number]),
            int(trace.output_tokens[number]),
            trace.pages[trace.offsets[number] :][: trace.prompt_tokens[number] // PAGE].tolist()
            if server.policy is not None
            else [],
            server.cost.gain(number),
        )
        for number in range(trace.n_requests)
    ]
    limits, batched = server.limits, server.limits.max_num_batched_tokens
    serve(
        sequences, server.cost.step, server.pages, PAGE, limits.max_num_seqs, batched, limits.watermark, drafted=drafted
    )
    assert found.hit_tokens.tolist() == [sequence.hits for sequence in sequences]
    assert found.preemptions.tolist() == [sequence.preemptions for sequence in sequences]
    for name in ("admission", "first", "end"):
        expected = [getattr(sequence, name) for sequence in sequences]
        assert getattr(found, name) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(traffic())
def test_the_closed_form_equals_stepping(case):
    equals_stepping(*case)


@settings(max_examples=150, deadline=None)
@given(traffic(), st.integers(1, 3), st.data())
def test_so_it_does_where_some_gain_more_tokens_a_step_than_others(case, length, data):
    trace, server = case
    acceptance = np.array([data.draw(st.sampled_from([0.0, 0.4, 0.75, 1.0])) for _ in range(trace.n_requests)])
    limits = server.limits
    batched = limits.max_num_batched_tokens + limits.max_num_seqs * length
    server = dataclasses.replace(
        server,
        cost=Speculation(COST, step_cost("smollm2-135m", "h100"), length, acceptance),
        pages=server.pages + 1,  # for what the last step of a sequence gains too much
        limits=dataclasses.replace(limits, max_num_batched_tokens=batched),
    )
    equals_stepping(trace, server, drafted=length)


def test_by_hand():
    """Two requests of 6 tokens, 4 tokens a step: 4 of one; 2 and 2; 3 beside a decoding one; the last."""
    trace = trace_of([0, 0], [6, 6], [2, 1], [0, 1])
    found = run(trace, server_of(pages=10, sequences=2, batched=4))
    first = COST.step(4, 8, 0, 0)
    second = first + COST.step(4, (4 * 2 + 2) + 2, 0, 0)
    third = second + COST.step(3, 2 * 3 + 3 * 3 / 2, 1, 7)
    fourth = third + COST.step(1, 5 + 1 / 2, 0, 0)
    assert found.first.tolist() == pytest.approx([second, fourth])
    assert found.end.tolist() == pytest.approx([third, fourth])
    assert found.admission.tolist() == pytest.approx([0, first])


@settings(max_examples=60, deadline=None)
@given(
    traffic(),
    st.sampled_from(["fcfs", "shortest-prompt", "priority", "prefix-aware"]),
    st.sampled_from(["round-robin", "least-loaded", "session-sticky", "prefix-aware", "cache-load"]),
    st.sampled_from([VLLM, "lru", "lfu"]),
    st.sampled_from([(), tiers(5), tiers(3, 6), tiers(1000)]),
    st.integers(0, 2),
    st.sampled_from([None, "replicate", "move"]),
    st.booleans(),
    st.sampled_from(["always", "cheaper"]),
)
def test_whatever_the_settings_no_work_is_lost_or_made(
    case, order, router, policy, below, prefill_replicas, on_hit, flag, fetch
):
    trace, server = case
    limits = dataclasses.replace(server.limits, order=order)
    server = dataclasses.replace(
        server,
        replicas=3,
        router=router,
        limits=limits,
        policy=get(policy),
        tiers=below,
        prefill_replicas=prefill_replicas,
        on_hit="replicate" if on_hit == "move" and policy != VLLM else on_hit,
        sync_on_write=flag,
        layerwise=not flag,
        fetch=fetch,
    )
    priority = trace.prompt_tokens % 3
    found = run(trace, server, priority=priority)
    assert found.digest() == run(trace, server, priority=priority).digest()
    assert np.isfinite(found.end).all()
    steps = found.steps()
    # Tokens in: every prompt token is computed once or hit, and what a preemption threw away again.
    assert steps["prefill_tokens"].sum() == found.prefilled_tokens.sum()
    again = found.prefilled_tokens + found.hit_tokens + sum(found.loaded_tokens.values()) - trace.prompt_tokens
    assert (again[found.preemptions == 0] == 0).all()
    # Bytes: what one replica sends another gets, and what is loaded from a tier crosses its link and those above.
    assert found.moved["interconnect_in"] == found.moved["interconnect_out"]
    if not found.preemptions.any():
        crossed = 0
        for tier in reversed(below):
            crossed += found.loaded_tokens[tier.name].sum() * COST.model.kv_bytes_per_token
            assert found.moved[f"{tier.name}_read"] == crossed
    # Tokens out: each, and each but those that a prefill ends with takes a decode step.
    assert steps["output_tokens"].sum() == trace.output_tokens.sum()
    by_prefill = trace.n_requests + found.preemptions.sum()
    decoded = (steps["steps"] * steps["sequences"]).sum()
    assert trace.output_tokens.sum() - by_prefill <= decoded <= trace.output_tokens.sum() - trace.n_requests
    for number in range(3):
        own = steps.filter(steps["replica"] == number)
        assert (own["start"][1:] >= own["end"][:-1] - 1e-12).all()
        # Work conservation: between two steps there is nothing to do, unless pages are loaded.
        elsewhere = below or prefill_replicas or on_hit
        gaps = [] if elsewhere else np.flatnonzero(own["start"][1:].to_numpy() > own["end"][:-1].to_numpy() + 1e-12)
        mine = found.replica == number
        for gap in gaps:
            start, end = own["end"][int(gap)], own["start"][int(gap) + 1]
            assert not (mine & (found.arrival < end - 1e-12) & (found.end > start + 1e-12)).any()
        assert (own["held_pages"] + own["idle_pages"] <= server.pages).all()


@settings(max_examples=30, deadline=None)
@given(traffic())
def test_where_nothing_is_shared_results_do_not_depend_on_the_policy(case):
    trace, server = case
    apart = trace_of(trace.arrival, trace.prompt_tokens, trace.output_tokens, range(trace.n_requests))
    policies = (None, *map(get, (VLLM, "lru", "lfu")))
    found = [run(apart, dataclasses.replace(server, policy=policy)) for policy in policies]
    # One that was preempted shares its pages with itself: how many of them are still there is up to the policy.
    assume(not any(other.preemptions.any() for other in found))
    for other in found[1:]:
        assert other.end.tolist() == found[0].end.tolist()


def test_a_closed_loop_keeps_as_many_under_way_as_it_says():
    trace = trace_of([0] * 9, [8] * 9, [5] * 9)
    found = run(trace, server_of(40, 9, 64), concurrency=2)
    events = sorted([(time, 1) for time in found.arrival] + [(time, -1) for time in found.end])
    under_way = np.cumsum([change for _, change in events])
    assert under_way.max() == 2
    assert found.arrival[2] == found.end[0]


def test_requests_of_nothing():
    """An empty prompt takes a step as one of one token does; a request that generates nothing ends with its prefill."""
    trace = trace_of([0, 1, 2], [0, 4, 4], [1, 0, 2])
    found = run(trace, server_of(10, 4, 64))
    one = COST.step(1, 0.5, 0, 0)
    assert found.end[0] == found.first[0] == pytest.approx(one)
    assert np.isnan(found.first[1])
    assert found.end[1] - found.arrival[1] == pytest.approx(COST.step(4, 8, 0, 0))
    assert found.end[2] > found.first[2]


def test_what_does_not_fit_is_refused_and_the_others_are_served():
    trace = trace_of([0, 0, 0], [8, 41, 8], [1, 1, 1])
    found = run(trace, server_of(10, 4, 64))
    assert found.replica.tolist() == [0, -1, 0]
    assert np.isnan(found.end).tolist() == [False, True, False]
    full = dataclasses.replace(server_of(10, 1, 64), max_queue=1)
    # The first is admitted in the same instant, after all of them arrived.
    assert run(trace_of([0, 0, 0], [8] * 3, [1] * 3), full).replica.tolist() == [0, -1, -1]


@pytest.mark.parametrize(
    ("order", "ends"), [("fcfs", [0, 1, 2]), ("shortest-prompt", [0, 2, 1]), ("priority", [0, 2, 1])]
)
def test_orders(order, ends):
    trace = trace_of([0, 0.001, 0.001], [8, 12, 4], [9, 9, 9], [0, 1, 2])
    found = run(trace, server_of(40, 1, 64, order=order), priority=np.array([0, 1, 0]))
    assert np.argsort(found.end).tolist() == ends


def test_prefix_aware_order_admits_what_is_cached_first():
    trace = trace_of([0, 0.001, 0.001], [8, 12, 12], [9, 9, 9], [0, 1, 0])
    found = run(trace, server_of(40, 1, 64, order="prefix-aware"))
    assert np.argsort(found.end).tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("router", "replicas"),
    [
        ("round-robin", [0, 1, 0]),
        ("least-loaded", [0, 1, 0]),  # the first ended
        ("prefix-aware", [0, 1, 1]),  # text 1 is cached there
        ("cache-load", [0, 1, 1]),
    ],
)
def test_routers(router, replicas):
    trace = trace_of([0, 0.001, 9], [8, 8, 12], [5, 5, 5], [0, 1, 1])
    assert run(trace, server_of(40, 4, 64, replicas=2, router=router)).replica.tolist() == replicas


def test_sessions_stick():
    trace = trace_of([0, 0.001, 9, 9, 9], [8] * 5, [5] * 5, [0] * 5)
    trace = dataclasses.replace(trace, session=np.array([0, 1, 1, 0, -1], np.int32))
    assert run(trace, server_of(40, 4, 64, replicas=2, router="session-sticky")).replica.tolist() == [0, 1, 1, 0, 0]
