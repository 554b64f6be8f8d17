"""Measures: the modelled ones against arithmetic by hand; the measured ones give figures at all."""

from __future__ import annotations

import pytest

from kvreplay.simulator.claims.measures import MEASURES
from kvreplay.simulator.claims.memory import codec_saving, kv_memory


def test_memory_is_that_of_whole_pages_shared_ones_counted_once():
    pytest.importorskip("torch")
    shape = {"sequences": 3, "tokens": 20, "layers": 2, "kv_heads": 1, "head_dim": 4, "page_tokens": 8}
    page = 8 * 2 * 2 * 4 * 2  # tokens x layers x (K and V) x numbers x bytes
    assert list(kv_memory(**shape)) == [3 * 3 * page]  # 20 tokens are 2.5 pages
    assert list(kv_memory(**shape, shared=0.5)) == [(1 + 3 * 2) * page]  # 10 tokens hold one whole page
    # int8 halves the numbers and adds a bfloat16 scale per layer, side, token and head.
    assert list(kv_memory(**shape, codec="int8")) == [3 * 3 * (page // 2 + 2 * 2 * 8 * 2)]


def test_what_a_codec_saves_counts_its_scales():
    pytest.importorskip("torch")
    # Of 128 numbers, 2,048 bits, 1,024 and a scale of 16 remain.
    assert list(codec_saving(codec="int8", plain_bits=16, head_dim=128)) == [1 - 1040 / 2048]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("policy_calls", {"policy": "lru"}),
        ("policy_switch", {"policy": "fifo"}),
        ("exact_lookup", {"characters": 100}),
        ("embedding", {"embedder": "transformer-seeded"}),
        ("semantic_lookup", {"embedder": "transformer-seeded", "index": "flat", "entries": 20}),
    ],
)
def test_measured_figures_are_positive_and_several(name, given):
    kind, measure = MEASURES[name]
    figures = list(measure(**given))
    assert kind == "measured"
    assert len(figures) == 5
    assert min(figures) > 0


def test_an_entry_takes_at_least_its_vector():
    (few,) = MEASURES["semantic_entry"][1](embedder="transformer-seeded", index="flat", entries=50)
    assert few > 768 * 4
