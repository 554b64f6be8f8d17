"""Admission filters: equal to their twins in front of several policies in all three loops, and what holds for all."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.policies import PolicyError, filtered, get, names
from kvreplay.policies.admission import FILTERS
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.experiment import ExperimentError
from kvreplay.simulator.experiment.plan import make_plan
from kvreplay.simulator.replay import fit, loops, replay
from kvreplay.simulator.replay.cell import Cell
from kvreplay.simulator.replay.trial import try_out
from kvreplay.traces import generate
from kvreplay.traces.trace import Trace
from tests.oracles import admission as twins
from tests.oracles.admission.adaptsize import model_hits
from tests.oracles.policies import TWINS
from tests.policies.test_policies import hits_of, page_traces, trace_of
from tests.policies.test_registry import MINE, write
from tests.simulator.replay.test_prefix import prefix_traces, requests_of, run

UNSIZED = ("bloom", "probabilistic", "tinylfu")
# Whose twins take a page back after they gave it up; in prefixes there may be several such pages.
POLICIES = ("clock", "fifo", "lfu", "lru", "mru", "random", "sieve")
WITH_GHOSTS = ("2q", "arc", "lirs", "qd-lp-fifo", "s3-fifo")  # and theirs do not
IN_PREFIXES = ("fifo", "lfu", "lru", "mru", "sieve")
SIZED = ("fifo", "lru", "mru")
OPEN = [get(n) for n in names() if not (get(n).hooks.admission or get(n).hooks.by_request or "future" in get(n).needs)]
TAKEN = [(policy.hooks.reading, f"{policy.name}+{filter}") for policy in OPEN for filter in ("bloom", "tinylfu")]


def behind(policy: str, filter: str, capacity: int, trace: Trace, seed: int) -> twins.Behind:
    twin = TWINS[policy](capacity, trace.pages.tolist(), seed)
    return twins.Behind(twin, twins.FILTERS[filter](min(capacity, trace.n_pages), seed))


@pytest.mark.parametrize(
    ("policy", "filter"),
    [*itertools.product(POLICIES, UNSIZED), *itertools.product(WITH_GHOSTS, ("bloom", "probabilistic"))],
)
@settings(max_examples=8, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100), seed=st.integers(0, 5))
def test_hits_are_those_of_the_twins(policy, filter, trace, capacity, seed):
    slow = twins.IndependentCache(behind(policy, filter, capacity, trace, seed), capacity, trace.n_pages)
    expected = [slow.access(page) for page in trace.pages.tolist()]
    assert hits_of(trace, f"{policy}+{filter}", capacity, seed=seed, compiled=False) == expected


@pytest.mark.parametrize(("policy", "filter"), [*itertools.product(SIZED, UNSIZED)])
@settings(max_examples=10, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 300), seed=st.integers(0, 99))
def test_hits_are_those_of_the_twins_where_sizes_differ(policy, filter, trace, capacity, seed):
    sized = with_sizes(trace, seed)
    entries = max(min(trace.n_pages * capacity // int(sized.page_bytes.sum()), trace.n_pages), 1)
    twin = TWINS[policy](trace.n_pages, trace.pages.tolist(), seed)
    pair = twins.Behind(twin, twins.FILTERS[filter](entries, seed))
    slow = twins.SizedCache(pair, capacity, sized.page_bytes.tolist())
    expected = [slow.access(page) for page in trace.pages.tolist()]
    assert hits_of(sized, f"{policy}+{filter}", capacity, sized=True, seed=seed, compiled=False) == expected


@pytest.mark.parametrize(("policy", "filter"), [*itertools.product(IN_PREFIXES, UNSIZED)])
@settings(max_examples=10, deadline=None)
@given(trace=prefix_traces(), capacity=st.integers(1, 80), seed=st.integers(0, 5))
def test_hits_are_those_of_the_twins_on_prefixes(policy, filter, trace, capacity, seed):
    slow = twins.PrefixCache(behind(policy, filter, capacity, trace, seed), capacity)
    expected = [slow.request(pages) for pages in requests_of(trace)]
    assert run(trace, f"{policy}+{filter}", capacity, seed=seed, compiled=False)[1] == expected


@pytest.mark.parametrize("policy", IN_PREFIXES)
@settings(max_examples=10, deadline=None)
@given(trace=prefix_traces(), capacity=st.integers(1, 80))
def test_the_slow_prefix_cache_is_right_without_a_filter(policy, trace, capacity):
    pair = twins.Behind(TWINS[policy](capacity, trace.pages.tolist()), twins.Open())
    slow = twins.PrefixCache(pair, capacity)
    assert run(trace, policy, capacity)[1] == [slow.request(pages) for pages in requests_of(trace)]


@settings(max_examples=60, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 60))
def test_behind_lru_the_page_in_hand_is_the_one_at_the_tail(trace, capacity):
    filter = twins.FILTERS["tinylfu"](min(capacity, trace.n_pages))
    order: OrderedDict[int, None] = OrderedDict()
    expected = []
    for page in trace.pages.tolist():
        filter.use(page)
        expected.append(page in order)
        if page in order:
            order.move_to_end(page)
        elif len(order) < capacity:
            order[page] = None
        elif filter.admits(page, next(iter(order))):
            order.popitem(last=False)
            order[page] = None
    assert hits_of(trace, "lru+tinylfu", capacity, compiled=False) == expected


# What the filters do in a policy's stead must not break its books: several policies take a victim before they hear
# of the page that asks to enter, and take it back.
@pytest.mark.parametrize("policy", [policy for reading, policy in TAKEN if reading is None])
@settings(max_examples=3, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100), beyond=st.integers(0, 50))
def test_books_balance_behind_every_policy(policy, trace, capacity, beyond):
    cell = Cell(trace, get(policy), capacity, compiled=False)
    hits = sum(int(hit.sum()) for *_, hit in cell.chunks(1))
    cached = np.flatnonzero(cell.cached)
    misses = trace.n_accesses - hits
    assert cell.tally[loops.USED] == len(cached) == min(capacity, trace.n_pages)
    assert cell.tally[loops.EVICTIONS] == misses - cell.tally[loops.REJECTIONS] - len(cached)
    evict = cell.policy.hooks.decide
    assert sorted(int(evict(cell.state, trace.n_accesses - 1)) for _ in cached) == cached.tolist()
    assert sum(hits_of(trace, policy, trace.n_pages + beyond, compiled=False)) == trace.n_accesses - trace.n_pages


@pytest.mark.parametrize("policy", [policy for _, policy in TAKEN])
@settings(max_examples=2, deadline=None)
@given(trace=prefix_traces(), capacity=st.integers(1, 80))
def test_prefixes_stay_whole_behind_every_policy(policy, trace, capacity):
    cell, _ = run(trace, policy, capacity, compiled=False)
    parents = trace.parent[cell.cached > 0]
    assert cell.cached[parents[parents >= 0]].all()
    known = np.flatnonzero(cell.cached == 1)
    evict = cell.policy.hooks.decide
    assert sorted(int(evict(cell.state, trace.n_accesses - 1)) for _ in known) == known.tolist()


@pytest.mark.parametrize("filter", ["bloom:bits=4", "probabilistic:p=0.3", "tinylfu"])
@pytest.mark.parametrize("policy", ["gdsf", "lru"])
@settings(max_examples=10, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 300), factor=st.integers(2, 1000), seed=st.integers(0, 99))
def test_scaling_all_sizes_and_the_capacity_changes_nothing(policy, filter, trace, capacity, factor, seed):
    once, scaled = with_sizes(trace, seed), with_sizes(trace, seed, factor)
    spec = f"{policy}+{filter}"
    assert hits_of(once, spec, capacity, sized=True, compiled=False) == hits_of(
        scaled, spec, capacity * factor, sized=True, compiled=False
    )


@settings(max_examples=5, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 300), factor=st.integers(2, 1000), seed=st.integers(0, 99))
def test_adaptsize_is_that_of_its_twin_and_of_any_unit(trace, capacity, factor, seed):
    twin_class = type("Twin", (twins.AdaptSize,), {"window": 100})
    sized, scaled = with_sizes(trace, seed), with_sizes(trace, seed, factor)
    twin = twin_class(sized.page_bytes.tolist(), capacity, seed)
    pair = twins.Behind(TWINS["lru"](trace.n_pages, trace.pages.tolist()), twin)
    slow = twins.SizedCache(pair, capacity, sized.page_bytes.tolist())
    expected = [slow.access(page) for page in trace.pages.tolist()]
    options = {"sized": True, "seed": seed, "compiled": False}
    assert hits_of(sized, "lru+adaptsize:window=100", capacity, **options) == expected
    assert hits_of(scaled, "lru+adaptsize:window=100", capacity * factor, **options) == expected


def skewed(accesses: int, pages: int) -> tuple[Trace, np.ndarray]:
    """Independent requests, Zipf(0.9), of sizes that say nothing of popularity; each page's share of the requests."""
    rng = np.random.default_rng(0)
    shares = np.arange(1, pages + 1) ** -0.9
    shares /= shares.sum()
    keys = np.concatenate([np.arange(pages), rng.choice(pages, accesses, p=shares)]).astype(np.uint32)
    sizes = np.exp(rng.normal(5, 1.5, pages)).astype(np.int64) + 1
    return Trace("skewed", keys, pages, page_bytes=sizes), shares


def simulate(trace: Trace, capacity: int, c: float) -> float:
    """Page hit ratio of LRU that lets a page in with probability exp(-size / c), even while there is room."""
    rng = np.random.default_rng(1)
    order: OrderedDict[int, int] = OrderedDict()
    used = hits = 0
    for page, size, luck in zip(trace.pages.tolist(), sizes_of(trace), rng.random(trace.n_accesses), strict=True):
        if page in order:
            hits += 1
            order.move_to_end(page)
        elif size <= capacity and luck < math.exp(-size / c):
            order[page], used = size, used + size
            while used > capacity:
                used -= order.popitem(last=False)[1]
    return hits / trace.n_accesses


def sizes_of(trace: Trace) -> list[int]:
    return trace.page_bytes[trace.pages].tolist()


def test_adaptsizes_model_foretells_what_a_cache_hits():
    trace, shares = skewed(60_000, 2000)
    capacity = int(trace.page_bytes.sum()) // 20
    pages = [(1.0, 60_000 * share, float(size)) for share, size in zip(shares, trace.page_bytes.tolist(), strict=True)]
    for c in (128.0, 512.0, 2048.0, 32768.0):
        assert model_hits(pages, capacity, c) / 60_000 == pytest.approx(simulate(trace, capacity, c), abs=0.025)


def test_adaptsize_tunes_itself_to_the_best_c():
    trace, _ = skewed(60_000, 2000)
    capacity = int(trace.page_bytes.sum()) // 20
    best = max(simulate(trace, capacity, 2.0**octave) for octave in range(4, 15))
    tuned, plain = (replay(trace, policy, "5%").row for policy in ("lru+adaptsize:window=10000", "lru"))
    c = json.loads(tuned["policy_stats"])["adaptsize"]["c"]
    assert simulate(trace, capacity, c) > best - 0.01
    assert tuned["hit_ratio"] > plain["hit_ratio"] + 0.5 * (best - plain["hit_ratio"])


def test_kinds_of_pages_stand_for_the_pages():
    trace, _ = skewed(60_000, 2000)
    capacity = int(trace.page_bytes.sum()) // 20
    twin = twins.AdaptSize(trace.page_bytes.tolist(), capacity)
    for page in trace.pages.tolist():
        twin.use(page)
    pages = [(1.0, requests, twin.sizes[page]) for page, requests in twin.requests.items()]
    assert len(twin.kinds()) < len(pages) / 3
    for c in (50.0, 400.0, 3000.0):
        each, of_kinds = (model_hits(listed, twin.capacity, c) for listed in (pages, twin.kinds()))
        assert of_kinds == pytest.approx(each, rel=0.01)


# A compiled loop is made for each of these: few of them, for the sake of time.
@pytest.mark.parametrize(
    ("policy", "reading"),
    [
        ("lru+tinylfu", "independent"),
        ("lru+tinylfu", "prefix"),
        ("lru+bloom", "independent"),
        ("lru+adaptsize:window=100", "sized"),
    ],
)
def test_compiled_and_plain_python_agree(policy, reading):
    rng = np.random.default_rng(2)
    if reading == "prefix":
        trace = generate("conversation", sessions=20, seed=1)
    else:
        trace = with_sizes(trace_of((rng.zipf(1.3, 3000) % 400).tolist()), 3)
    kind = "independent" if reading == "sized" else reading
    options = {"reading": kind, "sized": reading == "sized", "seed": 4}
    assert hits_of(trace, policy, 60, **options) == hits_of(trace, policy, 60, compiled=False, **options)


def with_sizes(trace: Trace, seed: int, factor: int = 1) -> Trace:
    sizes = np.random.default_rng(seed).integers(1, 20, trace.n_pages)
    return Trace("sized", trace.pages, trace.n_pages, page_bytes=sizes * factor)


# Worked by hand, one letter a page: accesses, capacity, and 1 where it hits.
@pytest.mark.parametrize(
    ("policy", "accesses", "capacity", "hits"),
    [
        ("lru+tinylfu", "aabcccb", 2, "0100001"),  # c is seen as often as a, then more often, and takes its place
        ("lru+tinylfu", "abcacba", 2, "0001001"),  # a, in hand since c came, is used and stays; c takes b's place
        ("fifo+tinylfu", "abcacb", 2, "000100"),  # a queues up anew: c takes b's place, not a's
        ("lru+bloom", "abcbccd", 2, "0001010"),
        ("lru+probabilistic:p=1", "abcabdab", 3, "00011011"),  # as lru
    ],
)
def test_by_hand(policy, accesses, capacity, hits):
    assert "".join(str(int(hit)) for hit in hits_of(trace_of(accesses), policy, capacity, compiled=False)) == hits


def test_a_filter_is_part_of_the_policys_name_parameters_and_fingerprint():
    policy = get("slru:segments=2+bloom:bits=8")
    assert policy.label == "slru:segments=2+bloom:bits=8"
    assert policy.params == {"segments": 2, "bloom.bits": 8}
    assert policy.needs == {"page_bytes", "byte_capacity"}
    again = filtered(get("slru", segments=2), "bloom:bits=8")
    assert (again.label, again.params, again.fingerprint) == (policy.label, policy.params, policy.fingerprint)
    others = ("slru:segments=2", "slru+bloom:bits=8", "slru:segments=2+bloom:bits=4", "slru:segments=2+tinylfu")
    assert len({policy.fingerprint, *(get(other).fingerprint for other in others)}) == 5
    assert get("random+probabilistic").needs == {"seed"}
    assert get("s3fifo+tinylfu").label == "s3-fifo+tinylfu"
    assert get("lru+probabilistic:p=1e-1").label == "lru+probabilistic:p=0.1"


def test_fingerprints_are_the_same_in_every_process():
    # Hashes of texts differ from process to process, and so the order of a set.
    program = "from kvreplay.policies import get; print(get('gdsf+adaptsize').fingerprint)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == get("gdsf+adaptsize").fingerprint


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tinylfu", "an admission filter alone evicts nothing; write a policy before it"),
        ("+tinylfu", "an admission filter alone evicts nothing; write a policy before it"),
        ("lru+tinylf", "unknown admission filter 'tinylf', did you mean 'tinylfu'?"),
        ("lru+bloom:bitz=3", "filter 'bloom': unknown parameter 'bitz', did you mean 'bits'?"),
        ("lru+probabilistic:p=2", "filter 'probabilistic': parameter 'p' is 2"),
        ("lru+bloom+tinylfu", r"lru\+bloom decides already who enters; leave tinylfu out"),
        ("w-tinylfu+bloom", "w-tinylfu decides already who enters; leave bloom out"),
        ("belady+bloom", "belady knows the future .*; leave bloom out"),
        ("belady-bypass+tinylfu", "belady-bypass knows the future .*; leave tinylfu out"),
        ("arc+adaptsize", "adaptsize judges by size, and arc counts in pages of one size; use a policy for pages"),
    ],
)
def test_what_makes_no_sense_is_refused(spec, message):
    with pytest.raises(PolicyError, match=message) as raised:
        get(spec)
    assert "\n" not in str(raised.value)


def test_a_policy_that_decides_by_request_takes_no_filter():
    class Server:
        init = staticmethod(lambda capacity, n_pages: None)
        serve = staticmethod(lambda state, pages, request: (0, 0, 0))

    with pytest.raises(PolicyError, match="Server decides by request, and would not ask a filter about a page"):
        filtered(Server, "bloom")


def test_adaptsize_needs_pages_that_differ_in_size():
    trace = with_sizes(trace_of("abcabc"), 0)
    fit(trace, get("lru+adaptsize"), "50%", reading="independent")
    for other, capacity in ((trace, 2), (trace_of("abcabc"), "50%")):
        with pytest.raises(PolicyError, match=r"judges pages by their size, and here all count as one; use a trace"):
            fit(other, get("lru+adaptsize"), capacity, reading="independent")


def test_a_policy_from_a_file_goes_behind_a_filter_in_a_folder_with_a_plus(tmp_path):
    folder = tmp_path / "c++" / "a+b.d"
    folder.mkdir(parents=True)
    file = write(folder, MINE.replace("class State", "SIZED = True\n\nclass State"))
    trace = with_sizes(trace_of("abcdabcd" * 40), 0)
    specs = (f"{file}:extra=300+tinylfu", "fifo+tinylfu")
    row, fifo = (replay(trace, spec, "60%", compiled=False).row for spec in specs)
    assert row["policy"] == f"{file}:extra=300+tinylfu"
    assert row["hits"] == fifo["hits"]
    try_out(get(f"{file}:extra=300+adaptsize"))


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("tinylfu", "00001000101"),  # c takes a's place at its second use
        ("probabilistic:p=1", "00011000101"),
    ],
)
def test_the_policys_own_refusal_stands(tmp_path, filter, expected):
    file = write(tmp_path, MINE + "\ndef admit(state, page, now):\n    return page != 3\n")
    hits = hits_of(trace_of("abcccdddcdb"), f"{file}+{filter}", 2, compiled=False)
    assert "".join(str(int(hit)) for hit in hits) == expected  # d never enters


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("return state.ring[(", "state.ring[(", r"mine\.py:19: evict\(\) returned None; return the number of"),
        ("    pass", "    state.rinq[0] = page", r"mine\.py:13: AttributeError"),
        ("    pass", "    np.zeros(3)[0] = page", r"mine\.py:13: allocates memory in a hook"),
        ("return State(np", "return State(1 / 0, np", r"mine\.py:10: init\(\) failed: ZeroDivisionError"),
        # Only behind a filter is a page inserted that was given up: more insertions than misses.
        ("state.ring[state.ends[1] % len(state.ring)]", "state.ring[state.ends[1]]", r"mine\.py:16: IndexError"),
    ],
)
def test_a_mistake_behind_a_filter_is_blamed_on_its_line(tmp_path, old, new, message):
    assert old in MINE
    trace = Trace("short", np.array([0, 1, 2, 0, 3, 1, 4, 0] * 20, np.uint32), 5)
    with pytest.raises(PolicyError, match=message):
        replay(trace, write(tmp_path, MINE.replace(old, new)) + "+tinylfu", 3)


def test_stats_of_policy_and_filter_stand_side_by_side():
    trace = with_sizes(trace_of("abcdabcd"), 0)
    told = json.loads(replay(trace, "gdsf+adaptsize", "50%", compiled=False).row["policy_stats"])
    assert told == {"adaptsize": {"c": trace.page_bytes.sum() // 2}}  # not tuned yet: the capacity
    assert "lru_weight" in json.loads(replay(trace, "lecar+bloom", 2, compiled=False).row["policy_stats"])


def test_an_experiment_names_filters_and_parameters(tmp_path):
    write(tmp_path, MINE)
    experiment = tmp_path / "mine.yaml"
    experiment.write_text(
        """
        name: mine
        trace: {generate: zipf, requests: 100, keys: 30}
        policy: [lru+tinylfu, mine.py+bloom:bits=8, {name: [slru+bloom:bits=8, slru], segments: [2, 3]}]
        capacity: 10
        exclude: [{policy: slru+bloom, capacity: 10}, {policy: {name: slru, segments: 3}, capacity: 10}]
        """
    )
    labels = [cell.policy.label for cell in make_plan(experiment).cells]
    assert labels == ["lru+tinylfu", f"{tmp_path}/mine.py+bloom:bits=8", "slru:segments=2"]
    experiment.write_text(experiment.read_text().replace("[slru+bloom:bits=8, slru]", "[slru+blom, slru]"))
    with pytest.raises(
        ExperimentError, match=r"mine\.yaml:4:\d+: unknown admission filter 'blom', did you mean 'bloom'"
    ):
        make_plan(experiment)


def test_the_command_lists_and_explains_filters(capsys):
    assert main(["policies"]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n{name} " in listed for name in FILTERS)
    assert main(["policies", "lru+bloom:bits=8"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("LRU, least recently used")
    assert "Second hit" in told
    assert "bloom.bits = 8" in told
    assert main(["policies", "adaptsize"]) == 0
    assert "window = 250000" in capsys.readouterr().out
