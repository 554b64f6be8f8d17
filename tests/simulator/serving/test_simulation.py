"""kvreplay.simulate: its tables, against the untimed replay and each other, and its mistakes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import polars as pl
import pytest

import kvreplay as kv
from kvreplay.simulator.serving.cost import step_cost
from kvreplay.simulator.serving.simulation import kv_tokens
from kvreplay.traces.trace import Trace


@pytest.fixture(scope="module")
def chats() -> Trace:
    return kv.generate("conversation", sessions=60, seed=5)


@pytest.fixture(scope="module")
def simulation(chats):
    return kv.simulate(chats, replicas=2, capacity="20000tokens", slo_ttft=0.02, slo_tpot=0.02, rate=4)


@pytest.mark.parametrize("capacity", ["unlimited", 400])
def test_one_request_at_a_time_hits_what_the_untimed_cache_hits(chats, capacity):
    """vLLM's whole prefix cache, without a clock, where requests generate nothing that needs a page."""
    chats = dataclasses.replace(chats, output_tokens=np.ones(chats.n_requests, np.int32))
    serial = kv.simulate(chats, capacity=capacity, rate=1e-6, model="smollm2-135m")
    untimed = kv.replay(chats, "vllm-lru", capacity, reading="prefix").row
    assert serial.row["refused"] == 0
    assert serial.row["tokens_saved"] == untimed["tokens_saved"] > 0


@pytest.mark.parametrize("capacity", [150, 250, 400])
def test_requests_of_one_instant_are_not_serial_however_slow_the_rate(chats, capacity):
    """Mooncake's timestamps tie: 10,851 of 12,031 requests come at the very time of the one before. These overlap at
    any rate, and pin pages that would have left: with 10,000 pages 62,000 are hit, and 62,001 without a clock. In a
    closed loop of one they are serial, and as many hit."""
    tied = dataclasses.replace(
        chats,
        arrival=np.floor(chats.arrival / 30) * 30,
        output_tokens=np.ones(chats.n_requests, np.int32),
    )
    untimed = kv.replay(tied, "vllm-lru", capacity, reading="prefix").row["hits"]
    settings = {"capacity": capacity, "model": "smollm2-135m"}
    assert kv.simulate(tied, concurrency=1, **settings).row["hits"] == untimed
    assert kv.simulate(tied, rate=1e-6, **settings).row["hits"] != untimed


@pytest.mark.parametrize("policy", ["lru", "fifo", "lfu"])
def test_with_any_policy_too(chats, policy):
    """Prompts of whole pages and one token more, for which a request holds one page more than the untimed one."""
    lengths = np.diff(chats.offsets).astype(np.int32) * chats.page_tokens + 1
    chats = dataclasses.replace(chats, prompt_tokens=lengths, output_tokens=np.ones(chats.n_requests, np.int32))
    serial = kv.simulate(chats, policy, 401, rate=1e-6)
    untimed = kv.replay(chats, policy, 400, reading="prefix").row
    assert serial.row["tokens_saved"] == untimed["prefix_hits"] * chats.page_tokens > 0


def test_requests_that_arrive_at_once_hit_each_other(chats):
    """All at once in room for all of them, so that one hits pages that others still compute in the same step."""
    at_once = kv.simulate(chats, capacity="unlimited", rate=1e9, max_num_batched_tokens=10**6)
    untimed = kv.replay(chats, "vllm-lru", "unlimited", reading="prefix").row
    assert at_once.row["tokens_saved"] == untimed["tokens_saved"]


def test_tables_agree_with_each_other(simulation, chats):
    requests, seconds, steps, row = simulation.requests, simulation.seconds, simulation.steps, simulation.row
    assert len(requests) == chats.n_requests == row["requests"] + row["refused"]
    assert seconds["arrivals"].sum() == seconds["ends"].sum() == chats.n_requests
    assert seconds["prefill_tokens"].sum() == pytest.approx(requests["prefilled_tokens"].sum())
    assert (requests["hit_tokens"] + requests["prefilled_tokens"] >= requests["prompt_tokens"]).all()
    assert seconds["output_tokens"].sum() == pytest.approx(chats.output_tokens.sum())
    # Little's law, of what is seen once a second: requests that wait, and how long they do.
    flooded = kv.simulate(chats, capacity="20000tokens", rate=100, max_num_seqs=4)
    waited = flooded.requests["queueing"].sum()
    assert flooded.seconds["waiting"].sum() == pytest.approx(waited, rel=0.05)
    pages = seconds["held"] + seconds["idle"] + seconds["free"]
    assert (pages == 2 * row["capacity"]).all()
    assert (seconds["pinned"] <= seconds["held"]).all()
    assert seconds["saved"].max() > 0
    busy = (steps["end"] - steps["start"]).sum()
    assert row["utilisation"] == pytest.approx(busy / (2 * row["seconds"]))
    assert seconds["busy"].sum() == pytest.approx(busy / 2)
    assert row["ttft_p99"] == pytest.approx(np.quantile(requests["ttft"].to_numpy(), 0.99))
    good = requests.filter((pl.col("ttft") <= 0.02) & (pl.col("tpot").fill_null(0) <= 0.02))
    assert 0 < row["slo_ratio"] == len(good) / len(requests) < 1
    ordered = requests.select(
        (pl.col("arrival") <= pl.col("admission"))
        & (pl.col("admission") < pl.col("first_token"))
        & (pl.col("first_token") <= pl.col("end"))
    )
    assert ordered.to_series().all()
    assert row["dollars_per_million_tokens"] == pytest.approx(
        1e6 * 2 * 3.0 * row["seconds"] / 3600 / (row["tokens"] + row["output_tokens"])
    )


def test_without_prefix_caching_nothing_hits(chats):
    row = kv.simulate(chats, policy=None).row
    assert row["tokens_saved"] == 0
    assert row["prefilled_tokens"] == row["tokens"]


def test_overload_is_told_and_not_measured(chats):
    calm, flooded = (kv.simulate(chats, rate=rate, device="epyc-9654").row for rate in (0.001, 1000))
    assert (calm["verdict"], flooded["verdict"]) == ("stable", "unstable")
    assert calm["ttft_mean"] > 0
    assert flooded["ttft_mean"] is flooded["e2e_p50"] is None


def test_memory_that_the_weights_leave():
    # 0.9 x 79.6 GiB - 2 x 8,030,261,248 bytes, 131,072 bytes a token.
    assert kv_tokens(step_cost("llama-3.1-8b", "h100"), 0.9) == int((0.9 * 79.6 * 2**30 - 16_060_522_496) / 131_072)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "llama-3.1-70b"}, "llama-3.1-70b: take 131.4 GiB and 90% of 1 x h100 is 71.6 GiB; raise"),
        ({"capacity": "3tokens"}, "capacity 3tokens: is less than one page of 16 tokens; use more"),
        ({"rate": 0}, "simulate: parameter 'rate' is 0: input should be greater than 0"),
        ({"order": "priority"}, "order 'priority' needs a priority for each request; pass priority=array"),
        ({"max_num_seqs": 9, "max_num_batched_tokens": 8}, "max_num_batched_tokens 8 is below the 9 of a step"),
        ({"max_queue": 0}, "simulate: parameter 'max_queue' is 0: input should be greater than or equal to 1"),
        ({"windows": "a"}, "simulate: parameter 'windows' is 'a': input should be a valid integer"),
        ({"warmup": float("nan")}, "simulate: parameter 'warmup' is nan: input should be a finite number"),
        ({"warmup": 1}, "simulate: parameter 'warmup' is 1: input should be less than 1"),
        ({"seed": -1}, "simulate: parameter 'seed' is -1: input should be greater than or equal to 0"),
        ({"sizing": 5}, "sizing 5: is no name; use one of "),
        ({"priority": [1]}, "priority has 1 entries; give one for each of "),
        ({"step_cost": "BYTES.yaml"}, "BYTES.yaml: is no profile of step costs; write one with kvreplay calibrate"),
        (
            {"policy": "belady"},
            "policy belady must know the order of requests (future), which with a clock nobody does;",
        ),
        (
            {"policy": "vllm-lru:tail=full"},
            "policy vllm-lru:tail=full: takes no parameters with a clock; write vllm-lru",
        ),
        ({"replica": 3}, "simulate: unknown parameter 'replica', did you mean 'replicas'?"),
    ],
)
def test_settings_that_make_no_sense(chats, settings, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BYTES.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"\w") as error:
        kv.simulate(chats, **settings)
    assert str(error.value).startswith(message)


def test_priorities_are_whole_numbers(chats):
    with pytest.raises(ValueError, match=r"^priority is of type <U1; give whole numbers, the lowest for the first$"):
        kv.simulate(chats, order="priority", priority=["a"] * chats.n_requests)


def test_a_replica_that_never_ran_has_nothing_in_any_second():
    chats = kv.generate("conversation", sessions=1, seed=1)
    four = kv.simulate(chats, replicas=4, router="session-sticky")
    assert four.steps["replica"].unique().to_list() == [0]
    one = kv.simulate(chats)
    states = ["running", "waiting", "held", "pinned", "saved", "idle", "prefill_tokens", "output_tokens"]
    assert four.seconds.select(states).equals(one.seconds.select(states))


def test_answers_in_front_come_all_at_once():
    asked = kv.generate("paraphrased", requests=200, intents=8, seed=1)
    simulation = kv.simulate(asked, stack=["exact", "semantic"])
    seconds, row = simulation.seconds, simulation.row
    assert row["answered"] > 100
    assert seconds["arrivals"].sum() == seconds["ends"].sum() == 200
    assert seconds["output_tokens"].sum() == pytest.approx(row["output_tokens"])


def test_traces_that_lack_what_it_takes(chats):
    keys = kv.generate("zipf", requests=10)
    with pytest.raises(ValueError, match=r"has no prompt and output tokens; use a trace of requests to a model$"):
        kv.simulate(keys)


def test_the_tables_are_written(simulation, tmp_path):
    simulation.write(tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / "requests.parquet").equals(simulation.requests)
    assert json.loads((tmp_path / "out" / "row.json").read_text()) == simulation.row


@pytest.mark.parametrize("policy", ["lru", "fifo"])
@pytest.mark.parametrize("sizing", ["hit-ratio:low=0.5:high=0.6:period=20", "marginal-gain:period=40"])
def test_one_request_at_a_time_is_sized_as_without_a_clock(chats, policy, sizing):
    """Prompts of whole pages and one token more, and room for all pages: only the controller makes any leave."""
    lengths = np.diff(chats.offsets).astype(np.int32) * chats.page_tokens + 1
    chats = dataclasses.replace(chats, prompt_tokens=lengths, output_tokens=np.ones(chats.n_requests, np.int32))
    timed = kv.simulate(chats, policy, chats.n_pages, concurrency=1, sizing=f"{sizing}:largest=1").row
    untimed = kv.replay(chats, policy, "unlimited", reading="prefix", sizing=f"{sizing}:largest=1").row
    assert timed["resizes"] == untimed["resizes"] > 0
    names = ("hits", "reversals", "sizing", "mean_capacity", "capacity")
    assert [timed[name] for name in names] == [untimed[name] for name in names]


def test_no_more_is_cached_than_the_controller_lets(chats):
    """vLLM's own memory, requests that overlap, two replicas: what is not in use is within the limit of that time."""
    simulation = kv.simulate(chats, capacity=400, replicas=2, rate=20, sizing="hit-ratio:low=0:high=0.1:period=10")
    row, steps = simulation.row, simulation.steps
    assert row["final_capacity"] < row["mean_capacity"] < 400
    assert row["reversals"] == 0 < row["resizes"]
    assert steps["idle_pages"][-1] + steps["pinned_pages"][-1] <= max(row["final_capacity"], steps["held_pages"][-1])
    split = kv.simulate(
        chats, capacity=400, replicas=2, prefill_replicas=1, rate=20, sizing="hit-ratio:low=0:high=0.1:period=10"
    )
    assert split.row["final_capacity"] < split.row["mean_capacity"] < 400
    for replica in range(2):  # what the one that decodes caches moves, too
        own = split.steps.filter(pl.col("replica") == replica)
        assert own["idle_pages"].max() > own["idle_pages"][-1]
    with pytest.raises(ValueError, match="sizing shares: divides a budget, which servers do not"):
        kv.simulate(chats, sizing="shares")
    with pytest.raises(ValueError, match="there is no cache to size; name a policy and a trace with pages"):
        kv.simulate(chats, None, sizing="hit-ratio")
