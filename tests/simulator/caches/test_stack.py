"""Stacks by name, and replays behind them."""

from __future__ import annotations

import numpy as np
import pytest

from kvreplay.parameters import ParameterError
from kvreplay.simulator.caches import embedders, stack
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.experiment import make_plan, run
from kvreplay.simulator.replay import replay
from kvreplay.simulator.replay.row import FRONT
from kvreplay.traces import TraceError, generate
from kvreplay.traces.subset import subset
from kvreplay.traces.trace import Trace
from tests.oracles.answer_cache import ExactLRU, SemanticLRU

SEMANTIC = {"semantic": {"threshold": 0.8, "embedder": "idf-seeded", "capacity": 40}}


@pytest.fixture(scope="module")
def questions() -> Trace:
    return generate("paraphrased", requests=600, intents=30, verbatim_share=0.2)


@pytest.fixture(scope="module")
def asked(questions) -> tuple[ExactLRU, SemanticLRU, np.ndarray]:
    """Both caches as lists, and which requests they answered."""
    exact, semantic = ExactLRU(25), SemanticLRU(40, 0.8)
    texts = list(questions.texts())
    vectors = embedders.get("idf-seeded").embed(texts)
    answered = []
    for text, intent, vector in zip(texts, questions.intent.tolist(), vectors, strict=True):
        answered.append(exact.lookup(text, intent) or semantic.lookup(text, intent, vector=vector))
        if not answered[-1]:
            exact.insert(text, intent)
            semantic.insert(text, intent, vector=vector)
    return exact, semantic, np.array(answered)


def test_tiers_answer_what_lists_of_entries_answer(questions, asked):
    exact, semantic, answered = asked
    row = replay(questions, "lru", "10%", reading="prefix", stack=[{"exact": {"capacity": 25}}, SEMANTIC]).row
    assert row["stack"] == "exact capacity=25 > semantic threshold=0.8 embedder=idf-seeded capacity=40"
    assert (row["asked"], row["answered"], row["requests"]) == (600, answered.sum(), 600 - answered.sum())
    for name in ("true_hits", "false_hits"):
        assert row[f"exact_{name}"] == exact.verdicts.count(name)
    for name in ("true_hits", "false_hits", "true_misses", "missed_chances"):
        assert row[f"semantic_{name}"] == semantic.verdicts.count(name)
    assert (row["exact_lookups"], row["semantic_lookups"]) == (600, len(semantic.verdicts))
    true, false = semantic.verdicts.count("true_hits"), semantic.verdicts.count("false_hits")
    assert row["semantic_precision"] == true / (true + false)
    assert (row["semantic_embedder"], row["semantic_index"], row["semantic_threshold"]) == ("idf-seeded", "flat", 0.8)
    assert row["semantic_recall_at_1"] == 1.0
    assert 0 < false < true


def test_pages_see_only_what_no_tier_answered(questions, asked):
    *_, answered = asked
    behind = replay(questions, "lru", 50, reading="prefix", stack=[{"exact": {"capacity": 25}}, SEMANTIC]).row
    alone = replay(subset(questions, ~answered), "lru", 50, reading="prefix").row
    for name in ("requests", "pages", "hits", "prefix_hits", "tokens", "tokens_saved", "evictions", "series_hits"):
        assert behind[name] == alone[name]
    spared = questions.prompt_tokens[answered].sum() + alone["tokens_saved"]
    assert behind["tokens_spared_ratio"] == spared / questions.prompt_tokens.sum()
    assert behind["output_tokens_answered"] == questions.output_tokens[answered].sum()
    assert behind["trace_hash"] == questions.content_hash


def test_without_a_stack_a_row_is_what_it_was(questions):
    row = replay(questions, "lru", 50, stack=[]).row
    assert all(row[name] is None for name in FRONT)
    assert row == replay(questions, "lru", 50).row == replay(questions, "lru", 50, stack=None).row


def test_a_warm_up_fills_the_tiers_too(questions, asked):
    *_, answered = asked
    row = replay(questions, "lru", 50, warmup=0.5, stack=[{"exact": {"capacity": 25}}, SEMANTIC]).row
    assert (row["asked"], row["answered"], row["requests"]) == (300, answered[300:].sum(), (~answered[300:]).sum())


def test_the_threshold_may_move(questions):
    tier = {"semantic": {**SEMANTIC["semantic"], "threshold": 0.6, "false_hits": 0.02}}
    row = replay(questions, "lru", "10%", stack=[tier]).row
    assert row["stack"].endswith(" false_hits=0.02")
    n = row["semantic_lookups"]
    assert row["semantic_false_hits"] / n <= 0.02 + (1 + 0.01 - 0.6) / (0.01 * n)
    assert row["semantic_threshold"] != 0.6


def test_a_calibrated_threshold_tells_its_confidence_limit(questions):
    tier = {"semantic": {**SEMANTIC["semantic"], "threshold": "calibrated:precision=0.5:lookups=100"}}
    row = replay(questions, "lru", "10%", stack=[tier]).row
    assert row["semantic_precision_limit"] >= 0.5
    assert replay(questions, "lru", "10%", stack=[SEMANTIC]).row["semantic_precision_limit"] is None


def test_pages_may_be_left_with_nothing():
    trace = generate("repetitive", requests=200, questions=5)
    row = replay(trace, "lru", 5, warmup=0.5, stack=["exact"]).row
    assert (row["answered_ratio"], row["requests"], row["pages"], row["hit_ratio"]) == (1.0, 0, 0, None)
    assert row["tokens_spared_ratio"] == 1.0


def test_rows_do_not_depend_on_threads_and_say_what_stood_in_front(tmp_path, questions):
    experiment = {
        "name": "stacks",
        "trace": {"generate": "paraphrased", "requests": 300},
        "stack": [[], [{"exact": {"capacity": 50}}, {"semantic": {**SEMANTIC["semantic"], "threshold": [0.7, 0.9]}}]],
        "policy": ["lru", "fifo"],
        "capacity": 20,
    }
    one, two = (run(experiment, tmp_path / str(threads), threads=threads).rows for threads in (1, 2))
    assert one.equals(two)
    assert one["semantic_threshold"].to_list() == [None, None, 0.7, 0.7, 0.9, 0.9]
    assert one["semantic_embedder"].to_list() == [None, None, *["idf-seeded"] * 4]
    assert one["semantic_hits"][2] > one["semantic_hits"][4]


def test_the_key_of_a_cell_changes_with_its_stack_and_the_embedder(monkeypatch):
    def keys(*stacks) -> list[str]:
        experiment = {"name": "k", "trace": {"generate": "paraphrased", "requests": 20}, "policy": "lru"}
        return [cell.key for cell in make_plan({**experiment, "capacity": 5, "stack": list(stacks)}).cells]

    none, exact, _, semantic = before = keys([], ["exact"], [{"exact": {"capacity": 7}}], [SEMANTIC])
    assert len(set(before)) == 4
    assert keys([]) == [none]
    monkeypatch.setattr(embedders.idf_seeded.IdfSeeded, "version", "another")
    assert keys([], ["exact"], [SEMANTIC])[:2] == [none, exact]
    assert keys([SEMANTIC]) != [semantic]
    monkeypatch.setattr(stack, "_code_version", lambda: "another")
    assert keys([], ["exact"])[0] == none
    assert keys([], ["exact"])[1] != exact


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("exact", "is no list of tiers"),
        (["exakt"], "'exakt' is no tier; did you mean 'exact'"),
        ([{"exact": 3}], "parameters of exact are 3"),
        (["exact", "exact"], "exact, exact: a tier is there twice"),
        ([{"exact": {"capacity": 0}}], "'capacity' is 0"),
        ([{"exact": {"policy": "belady"}}], "needs to know a trace's future"),
        ([{"semantic": {"threshold": 1.5}}], "threshold 1.5: is no cosine"),
        ([{"semantic": {"threshold": "learned", "hits": 0.5}}], "two rules; give one of them"),
        ([{"semantic": {"false_hits": 0.1, "hits": 0.5}}], "false_hits 0.1, hits 0.5; give one of them"),
        ([{"semantic": {"threshold": -0.5, "hits": 0.5}}], "start -0.5, step 0.01; start from 0 to 1"),
        ([{"semantic": {"embedder": "bert"}}], "unknown embedder 'bert'"),
        ([{"semantic": {"index": "tree"}}], "unknown index 'tree'"),
    ],
)
def test_mistakes_are_told(written, message):
    with pytest.raises((CacheError, ParameterError), match=message):
        stack.parse(written)


def test_a_trace_must_have_what_the_tiers_need():
    keys = Trace("keys", np.zeros(2, np.uint32), 1)
    timeless = Trace("timeless", np.zeros(1, np.uint32), 1, parent=np.array([-1], np.int32))
    for trace, written, message in (
        (keys, ["exact"], "keys has no prompts for the exact cache"),
        (timeless, ["semantic"], "timeless has no texts for the semantic cache"),
        (timeless, [{"exact": {"ttl": 5}}], "timeless has no arrival times"),
    ):
        with pytest.raises(TraceError, match=message):
            replay(trace, "lru", 1, stack=written)
