"""The benches of pages and codecs measure what they say; how fast that is, is not a test's business."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from kvreplay.simulator.backends import PageLayout, codecs
from kvreplay.simulator.backends.model import Llama, LlamaShape, ModelError
from kvreplay.simulator.backends.tiers.break_even import break_even
from kvreplay.simulator.bench import clock, kv_samples, pool, tiers
from kvreplay.simulator.bench import codecs as codec_bench
from kvreplay.simulator.bench import model as model_bench
from kvreplay.simulator.cli.main import main

LAYOUT = PageLayout(1, 4, 1, 8)
SHAPE = LlamaShape(layers=1, hidden=8, feed_forward=8, heads=2, kv_heads=1, head_dim=8, vocabulary=600)


@pytest.fixture
def tables(monkeypatch, capsys):
    monkeypatch.setattr(clock, "_SECONDS", 0.001)
    for module in (pool, codec_bench, model_bench, tiers):
        monkeypatch.setattr(module, "devices", lambda: ["cpu"])
    monkeypatch.setattr(tiers, "_LAYOUT", LAYOUT)
    for module in (pool, codec_bench):
        monkeypatch.setattr(module, "_LAYOUTS", {"small": LAYOUT})
        monkeypatch.setattr(module, "_BYTES", 200 * LAYOUT.nbytes)
    monkeypatch.setattr(codec_bench, "_ERROR_PAGES", 2)
    monkeypatch.setattr(codec_bench, "_PREFIX", 128)
    small = ("small", Llama.random(SHAPE), np.arange(128), np.arange(128, 140))
    monkeypatch.setattr(codec_bench, "_real_texts", lambda: iter([small]))

    def run(subject: str) -> dict[str, list[dict]]:
        assert main(["bench", subject, "--rounds", "1", "--json"]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return {table: [row for row in rows if row["table"] == table] for table in {row["table"] for row in rows}}

    return run


def test_pool(tables):
    (copies,) = tables("pool").values()
    assert [row["pages at once"] for row in copies] == [1, 64]
    assert all(row["us a page"] > 0 and row["bytes a page"] == LAYOUT.nbytes for row in copies)


def test_codecs(tables):
    errors, speed, said = sorted(tables("codecs").items())
    assert [row["codec"] for row in speed[1]] == codecs.names() * 2
    assert all(row["encode us a page, p50"] <= row["p99"] for row in speed[1])
    int8 = next(row for row in speed[1] if row["codec"] == "int8")
    assert (int8["bits an element"], int8["stored bytes a page"]) == (8 + 16 / 8, 80)
    found = {(row["data"], row["codec"]): row for row in errors[1]}
    large = "noise, large key channels"
    assert found[large, "int8-channel"]["K relative error"] < found[large, "int8"]["K relative error"] / 2
    for data in ("noise", "small"):
        assert found[data, "int2"]["attention output error"] > found[data, "int8"]["attention output error"]
    told = {(row["pages"], row["codec"]): row["KL, nats a token"] for row in said[1]}
    stored = [told["bfloat16", codec] for codec in ("int8", "int4-kivi", "int2")]
    assert stored == sorted(stored)
    # One bit is heard the more, the coarser the pages of the tokens that follow.
    assert told["float32", "none, one bit flipped"] < told["bfloat16", "none, one bit flipped"] < stored[0]


def test_model(tables, monkeypatch):
    def missing(**_):
        raise ModelError("not installed")

    monkeypatch.setattr(model_bench, "SmolLM2", missing)
    monkeypatch.setattr(model_bench, "_SHAPE", SHAPE)
    decoded, prefilled = sorted(tables("model").items())
    assert [row["reused"] for row in prefilled[1]] == [0, 256, 448]
    assert all(row["model"] == "its shape, seeded weights" for row in [*decoded[1], *prefilled[1]])
    greedy, drafting = decoded[1][2:]
    assert (greedy["sequences"], greedy["decoder"], drafting["decoder"]) == (8, "Decoder", "SpeculativeDecoder")
    assert greedy["steps"] == 31  # the first of 32 tokens is the prefill's
    assert greedy["drafted"] == 0 <= drafting["accepted"] <= drafting["drafted"]


def test_tiers(tables):
    pays, times = sorted(tables("tiers").items(), reverse=True, key=lambda table: table[0].startswith("Compressing"))
    assert [(row["tier"], row["codec"]) for row in times[1]] == [
        (k, c) for k in ("host", "disk") for c in codecs.names()
    ]
    assert [row["codec"] for row in pays[1]] == codecs.names()[1:]
    for row in pays[1]:
        assert row["on disk"] == ("pays" if row["disk GB/s"] < row["below GB/s"] else "costs")


def test_break_even_is_where_both_ways_take_as_long():
    link = break_even(1000, 400, 2.0, 1.0)
    assert 1000 / link == pytest.approx(400 / link + 2.0 + 1.0)


def test_without_torch_it_says_what_to_install(monkeypatch, capsys):
    for module in [name for name in sys.modules if name.startswith("kvreplay.simulator.bench.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["bench", "pool"]) == 2
    told = "kvreplay: bench pool: needs torch, which is not installed; pip install 'kvreplay[torch]'\n"
    assert capsys.readouterr().err == told


def test_attention_is_that_of_the_definition():
    layout = PageLayout(2, 3, 2, 4, torch.float32)
    sample = next(kv_samples.samples(layout, 2))
    sample = sample._replace(queries=torch.randn(2, 5, 4, 4))  # 2 heads of queries for each of keys
    got = codec_bench.attend(sample, sample.pages)
    keys, values = (sample.pages[:, :, side].numpy().astype(np.float64) for side in range(2))
    for layer, query, head in np.ndindex(2, 5, 4):
        q = sample.queries[layer, query, head].numpy().astype(np.float64)
        weights = np.array([np.exp(q @ keys[t // 3, layer, t % 3, head // 2] / 2) for t in range(6)])
        out = sum(w * values[t // 3, layer, t % 3, head // 2] for t, w in enumerate(weights)) / weights.sum()
        np.testing.assert_allclose(got[layer, query, head], out, rtol=1e-4, atol=1e-6)


def test_peak_bytes_sees_a_temporary():
    taken = clock.peak_bytes(lambda: torch.ones(8 << 20).sum(), "cpu")
    if taken is None:
        pytest.skip("the system does not tell")
    assert taken >= 30 << 20
