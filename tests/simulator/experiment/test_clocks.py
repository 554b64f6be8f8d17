"""Servers with a clock as cells of experiments: the same grid, runner and table, and what they cannot take."""

from __future__ import annotations

import polars as pl
import pytest
import yaml

import kvreplay as kv
from kvreplay.simulator.experiment import ExperimentError, make_plan
from kvreplay.simulator.experiment.baseline import check, update
from kvreplay.simulator.replay.row import COLUMNS, SERVER
from kvreplay.simulator.serving.cost import profile_of, step_cost
from kvreplay.simulator.serving.simulation import server_settings

TIMED = {
    "name": "timed",
    "trace": {"generate": "conversation", "sessions": 8, "seed": 2},
    "policy": ["vllm-lru", "lru", None],
    "capacity": ["device", "30%"],
    "clock": "modelled",
    "serving": {"model": "smollm2-135m", "replicas": 2, "rate": [1, 40], "slo_ttft": 0.01},
}


def problems(**changes) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        make_plan(TIMED | changes)
    return caught.value.problems


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return kv.run(TIMED, tmp_path_factory.mktemp("timed"))


def test_rows_are_those_of_single_simulations(results):
    trace = kv.generate("conversation", sessions=8, seed=2)
    alone = [
        kv.simulate(trace, policy, capacity, model="smollm2-135m", replicas=2, rate=rate, slo_ttft=0.01).row
        for policy in TIMED["policy"]
        for capacity in TIMED["capacity"]
        for rate in (1, 40)
    ]
    assert results.rows.select(list(COLUMNS)).to_dicts() == alone
    assert results.rows["hits"].n_unique() > 2


def test_rows_do_not_depend_on_where_cells_run_and_resume_takes_them_over(results, tmp_path):
    told = []
    again = kv.run(TIMED, tmp_path, engine="processes", timeout=60, watch=told.append)
    assert again.rows.equals(results.rows)
    assert len(told) == len(again.rows) == 12
    kv.run(TIMED, tmp_path, resume=True, watch=told.append)
    assert len(told) == 12


def test_the_same_cells_without_a_clock_hit_the_same_where_nothing_overlaps(tmp_path):
    """Prompts of whole pages and a token more, one at a time, with room for all."""
    both = {"clock": ["untimed", "modelled"], "reading": "prefix", "capacity": "unlimited", "policy": ["lru", "fifo"]}
    found = kv.run(TIMED | both | {"serving": {"model": "smollm2-135m", "rate": 1e-6}}, tmp_path).rows
    assert found["clock"].to_list() == [None, "modelled"] * 2
    untimed, timed = (found.filter(found["clock"].is_null() == without) for without in (True, False))
    assert untimed["pages"].to_list() == timed["pages"].to_list()
    # What fills the last page of a prompt is computed again, for a token must be.
    whole = found["requests"][0]
    assert (untimed["hits"] - timed["hits"]).is_between(0, whole).all()
    assert untimed["ttft_mean"].null_count() == len(untimed)


def test_settings_of_servers_say_nothing_of_cells_without_a_clock():
    cells = make_plan(
        TIMED | {"clock": ["untimed", "modelled"], "policy": "lru", "capacity": 50, "reading": "prefix"}
    ).cells
    assert [(cell.clock, cell.serving.get("rate")) for cell in cells] == [
        ("untimed", None),
        ("modelled", 1.0),
        ("modelled", 40.0),
    ]


def test_lists_of_tiers_are_one_value_each():
    tiers = [[{"host": {"gib": 1}}], []]
    cells = make_plan(TIMED | {"policy": "lru", "capacity": 50, "serving": {"tiers": tiers}}).cells
    assert [[tier.name for tier in cell.serving["tiers"]] for cell in cells] == [["host"], []]


def test_cells_may_be_left_out_by_their_server():
    rule = {"exclude": [{"serving": {"rate": 40}, "policy": [None]}, {"clock": "modelled", "capacity": "device"}]}
    cells = make_plan(TIMED | rule).cells
    assert [(c.policy and c.policy.name, c.serving["rate"]) for c in cells] == [
        *(("vllm-lru", 1.0), ("vllm-lru", 40.0), ("lru", 1.0), ("lru", 40.0), (None, 1.0)),
    ]


def test_all_means_the_policies_that_a_server_can_follow():
    names = {cell.policy.name for cell in make_plan(TIMED | {"policy": "all", "capacity": 50}).cells}
    assert {"lru", "vllm-lru", "s3-fifo"} <= names
    assert names.isdisjoint({"belady", "sglang-lru", "vllm-lru@0.11"})


def test_the_key_changes_with_the_settings_and_the_profile_of_costs(tmp_path):
    profile = tmp_path / "p.yaml"
    profile.write_text("a: 1\n")

    def keys(**serving):
        return {cell.key for cell in make_plan(TIMED | {"policy": "lru", "capacity": 50, "serving": serving}).cells}

    assert keys(rate=1) == keys() != keys(rate=2)
    with pytest.raises(ExperimentError, match=r"p\.yaml: is no profile of step costs"):
        keys(step_cost=str(profile))

    measured = profile_of(step_cost("llama-3.1-8b", "h100"))
    profile.write_text(yaml.safe_dump(measured))
    before = keys(step_cost=str(profile))
    assert keys(step_cost=str(profile)) == before
    profile.write_text(yaml.safe_dump(measured | {"step_ms": 2 * measured["step_ms"]}))
    assert keys(step_cost=str(profile)) != before


def test_every_setting_has_a_column():
    assert set(SERVER) == set(server_settings.__kwdefaults__)


def test_a_baseline_holds_latencies_too(tmp_path):
    small = TIMED | {"policy": "lru", "capacity": 50}
    update(small, tmp_path)
    assert check(small, tmp_path).moves == []
    path = tmp_path / "timed.csv"
    table = pl.read_csv(path)
    assert (table["ttft_p50"] > 0).all()
    first = pl.int_range(pl.len()) == 0
    table.with_columns(ttft_p50=pl.when(first).then(9.5).otherwise("ttft_p50")).write_csv(path)
    (move,) = check(small, tmp_path).moves
    assert (move.metric, move.expected) == ("ttft_p50", 9.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clock": "measred"}, "clock: clock is 'measred'; input should be "),
        (
            {"clock": "untimed"},
            "serving: a replay without a clock has no server; set clock: modelled, or leave serving out",
        ),
        (
            {"serving": {"replica": 2}},
            "serving.0.replica: serving: unknown parameter 'replica', did you mean 'replicas'?",
        ),
        (
            {"serving": {"rate": [1, 0]}},
            "serving.0.rate.1: serving: parameter 'rate' is 0: input should be greater than 0",
        ),
        ({"serving": 3}, "serving: 3 is no mapping; write settings of a server"),
        ({"serving": {"model": "llama-3.1-70b"}}, "serving: llama-3.1-70b: take 131.4 GiB"),
        (
            {"policy": "belady"},
            "policy: policy belady must know the order of requests (future), which with a clock nobody",
        ),
        ({"policy": "sglang-lru"}, "policy: policy sglang-lru is a whole prefix cache of its own"),
        (
            {"reading": "independent"},
            "serving: reading independent: a server's pages are prefixes; set reading: prefix",
        ),
        ({"sizing": "shares", "policy": "lru"}, "sizing: sizing shares: divides a budget, which servers do not"),
        ({"ttl": 60}, "serving: ttl 60.0: a server with a clock has none; leave ttl out"),
        ({"bytes_per_token": 7}, "serving: bytes_per_token 7: smollm2-135m takes 23040; leave bytes_per_token out"),
        ({"trace": {"generate": "zipf", "requests": 9}}, "trace: zipf:requests=9 has no prompt and output tokens"),
        ({"capacity": "3tokens"}, "capacity: capacity 3tokens: is less than one page of 16 tokens; use more"),
    ],
)
def test_what_does_not_go_together(changes, message):
    found = problems(**changes)
    axis, _, text = message.partition(": ")
    assert found[0].startswith(axis), found
    assert text in found[0]
    assert not any("\n" in problem for problem in found)


def test_a_device_and_no_policy_are_for_servers():
    untimed = {name: value for name, value in TIMED.items() if name not in ("clock", "serving")}
    with pytest.raises(
        ExperimentError, match=r"capacity device: is what a server's device leaves; set clock: modelled"
    ):
        make_plan(untimed | {"policy": "lru", "capacity": "device"})
    with pytest.raises(ExperimentError, match=r"policy null: caches nothing, which only shows with a clock"):
        make_plan(untimed | {"policy": None, "capacity": 5})


def test_a_mistake_is_told_with_its_place(tmp_path):
    file = tmp_path / "e.yaml"
    file.write_text(yaml.safe_dump(TIMED, sort_keys=False).replace("slo_ttft: 0.01", "slo_ttft: -1"))
    with pytest.raises(ExperimentError, match=r"e\.yaml:\d+:13: serving: parameter 'slo_ttft' is -1: input should be"):
        make_plan(file)
