"""A budget of memory divided among tiers and pages: against slow caches resized as they go, and fixed divisions."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay
from kvreplay.policies import get
from kvreplay.simulator.caches.division import Division, entry_bytes
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.caches.front import front
from kvreplay.simulator.caches.sizing import SizingError
from kvreplay.simulator.caches.stack import parse
from kvreplay.simulator.replay import CapacityError, replay
from kvreplay.simulator.replay.tiered import Tiered
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace
from tests.oracles.answer_cache import ExactLRU
from tests.oracles.policies import TWINS

SETTINGS = {"reading": "prefix", "bytes_per_token": 64}
REPEATED = {"workload": "repetitive", "questions": 600, "skew": 0.6}
LONG = {
    "workload": "system_prompt",
    "system_prompts": 40,
    "system_words": 250,
    "system_skew": 0.6,
    "verbatim_share": 0.4,
}
SEMANTIC = {"semantic": {"embedder": "idf-seeded", "threshold": 0.999}}


class Scheduled:
    """A sizing, and its divider, that knows beforehand what it will say."""

    label, params, output_weight = "scheduled", {}, 1.0

    def __init__(self, period: int, divisions: list[list[int]]) -> None:
        self.period, self.capacities, self.hit_ratios = period, divisions[0], [0.0, 0.0]
        self._divisions, self._decisions = divisions, 0

    def start_division(self, capacity, parts, weights=None):
        return Scheduled(self.period, self._divisions)

    def observe(self, part, pages, worth):
        pass

    def decide(self):
        self._decisions += 1
        return self._divisions[self._decisions % len(self._divisions)]


@settings(max_examples=40, deadline=None)
@given(
    pages=st.lists(st.integers(0, 12), min_size=2, max_size=120),
    period=st.integers(1, 40),
    shares=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), min_size=1, max_size=4),
    warmup=st.floats(0, 0.9),
)
def test_hits_are_those_of_caches_resized_as_requests_pass(pages, period, shares, warmup):
    known = list(dict.fromkeys(pages))
    ids = np.array([known.index(page) for page in pages], np.uint32)
    # Half of the prompts are longer by a token: other prompts, on the same page.
    tokens = np.arange(len(ids), dtype=np.int32) % 2 + 16
    parent = np.full(len(known), -1, np.int32)
    trace = Trace("t", ids, len(known), parent=parent, page_tokens=16, prompt_tokens=tokens)
    stack = parse(["exact"])
    unit, page = entry_bytes(trace, stack.tiers[0]), 4096
    divisions = [[entries * unit, cached * page] for entries, cached in shares]
    division = Division(trace, stack, Scheduled(period, divisions), 256 * 4096, page)
    exact, cache = ExactLRU(shares[0][0]), TWINS["lru"](shares[0][1], ids.tolist())
    answered, hits = [], []
    for number, key in enumerate(zip(ids.tolist(), tokens.tolist(), strict=True)):
        exact.capacity, cache.capacity = shares[number // period % len(shares)]
        exact.entries = exact.entries[-exact.capacity :]
        while len(cache.cached) > cache.capacity:
            cache.cached.remove(cache.leave())
        answered.append(exact.ask(key, -1))
        hits.append(None if answered[-1] else cache.access(key[0]))
    first = int(warmup * len(ids))
    before = front(trace, stack, first, 0, division)
    assert (division.answered_by >= 0).tolist() == answered
    cell = Tiered(before.rest, get("lru"), division, first, "independent")
    cell.warm_up(before.warmed_up)
    chunks = [(window, hit.tolist()) for window, *_, hit in cell.chunks(3)]
    assert [byte == 1 for _, hit in chunks for byte in hit] == [hit for hit in hits[first:] if hit is not None]
    edges = np.linspace(first, len(ids), 4).astype(int)
    of_window = [sum(len(hit) for window, hit in chunks if window == number) for number in range(3)]
    assert of_window == [sum(not hit for hit in answered[a:b]) for a, b in itertools.pairwise(edges)]
    told = cell.told(np.zeros(3, np.int64))
    last = [division.history[-1][1]] if len(ids) > first else []
    assert [[own["capacity"][-1] for own in told.values()]] == last
    spared = [tokens[a:b][answered[a:b]].sum() for a, b in itertools.pairwise(edges)]
    assert told["exact"]["hits"] == spared


@pytest.fixture(scope="module")
def questions():
    parts = [{"workload": "paraphrased", "intents": 100, "verbatim_share": 0.3}, LONG | {"system_prompts": 9}]
    return kvreplay.generate("mix", requests=1000, order="phased", parts=parts)


def test_shares_for_good_are_a_stack_of_these_capacities(questions):
    row = replay(questions, "lru", "400KiB", sizing="shares", stack=["exact", SEMANTIC], warmup=0.2, **SETTINGS).row
    exact, semantic, pages = (own["capacity"][0] for own in json.loads(row["parts"]).values())
    assert exact + semantic + pages == row["capacity"] == 400 * 1024
    costs = [entry_bytes(questions, tier) for tier in parse(["exact", SEMANTIC]).tiers]
    given = [{"exact": {"capacity": exact // costs[0]}}]
    given += [{"semantic": SEMANTIC["semantic"] | {"capacity": semantic // costs[1]}}]
    alone = replay(questions, "lru", pages // (16 * 64), stack=given, warmup=0.2, **SETTINGS).row
    same = ["asked", "answered", "exact_hits", "semantic_hits", "semantic_false_hits", "hits", "evictions"]
    assert [row[name] for name in same] == [alone[name] for name in same]
    assert row["semantic_hits"] > 0
    assert row["hits"] > 0


def test_what_is_told_of_parts_is_what_the_row_counts(questions):
    row = replay(
        *(questions, "lru", "1MiB"),
        sizing="marginal-shares:period=100",
        stack=["exact", SEMANTIC],
        warmup=0.3,
        **SETTINGS,
    ).row
    parts = json.loads(row["parts"])
    by_tiers = sum(sum(parts[name]["hits"]) for name in ("exact", "semantic"))
    assert by_tiers == row["prompt_tokens_answered"] + row["output_tokens_answered"]
    assert sum(parts["pages"]["hits"]) == row["tokens_saved"]
    all_tokens = questions.prompt_tokens.astype(int) + questions.output_tokens
    assert all(sum(own["accesses"]) == all_tokens[300:].sum() for own in parts.values())
    assert all(
        sum(own["capacity"][window] for own in parts.values()) == 2**20 for window in range(len(row["series_hits"]))
    )
    assert row["resizes"] > 0


EIGHTHS = [f"shares:shares=[{k}, {8 - k}]" for k in range(1, 8)]
MOVING = "marginal-shares:period=200:half_life=2"


def spared(trace, sizing) -> tuple[int, int]:
    """Tokens of prompts and answers, and reversals."""
    row = replay(trace, "lru", "1MiB", sizing=sizing, stack=["exact"], **SETTINGS).row
    return sum(sum(own["hits"]) for own in json.loads(row["parts"]).values()), row["reversals"]


def test_it_beats_every_fixed_division_where_traffic_changes():
    trace = kvreplay.generate("mix", requests=8000, order="phased", parts=[REPEATED | {"weight": 3}, LONG])
    tokens, reversals = spared(trace, MOVING)
    assert tokens > 1.05 * max(spared(trace, fixed)[0] for fixed in EIGHTHS)
    assert reversals <= 2 * 2, "the change itself turns both parts once"


def test_it_is_near_the_best_fixed_division_where_traffic_is_steady():
    trace = kvreplay.generate("mix", requests=4000, parts=[REPEATED, LONG])
    assert spared(trace, MOVING)[0] > 0.93 * max(spared(trace, fixed)[0] for fixed in EIGHTHS)


def test_the_more_a_token_of_an_answer_is_worth_the_more_answers_get():
    trace = kvreplay.generate("mix", requests=4000, parts=[REPEATED, LONG])
    shares = []
    for weight in (0, 1, 20):
        row = replay(trace, "lru", "1MiB", sizing=f"{MOVING}:output_weight={weight}", stack=["exact"], **SETTINGS).row
        shares.append(np.mean(json.loads(row["parts"])["exact"]["capacity"]))
    assert shares == sorted(shares)
    assert shares[2] > 2 * shares[0]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"stack": [{"exact": {"capacity": 5}}]},
            SizingError,
            "the exact tier has a capacity of its own; leave it out",
        ),
        (
            {"stack": [{"exact": {"policy": "arc"}}]},
            SizingError,
            "policy arc is built for one capacity; to resize, use",
        ),
        ({"policy": "arc"}, SizingError, "policy arc is built for one capacity; to resize, use"),
        ({"capacity": "10KiB"}, SizingError, "of 10240 bytes exact may be left 40 bytes, and one entry takes [0-9]+;"),
        ({"capacity": "100KiB", "bytes_per_token": 999}, SizingError, "of 102400 bytes exact may be left 400 bytes"),
        ({"bytes_per_token": None}, CapacityError, "set bytes_per_token"),
        (
            {"capacity": 50},
            TraceError,
            "has no tenants to divide among; use a trace with them, or divide a capacity in",
        ),
        ({"stack": []}, TraceError, "has no tenants to divide among"),
        ({"sizing": "shares:shares=[1, 2, 3]"}, SizingError, "3 shares for 2 parts; give one each"),
    ],
)
def test_what_cannot_be_divided_is_told(questions, changes, error, message):
    given = {"policy": "lru", "capacity": "1MiB", "stack": ["exact"], "sizing": "marginal-shares:period=100"} | SETTINGS
    with pytest.raises(error, match=message) as caught:
        replay(questions, **given | changes)
    assert isinstance(caught.value, ValueError | CacheError)
    assert "\n" not in str(caught.value)
