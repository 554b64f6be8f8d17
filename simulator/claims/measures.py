"""Figures that are no column of a replay's row, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from . import costs, memory, ranks, serving

# name -> (measured or modelled, function giving a figure per round in ratios, bytes, seconds or operations per second)
MEASURES: dict[str, tuple[str, Callable[..., Iterable[float]]]] = {
    "kv_memory": ("modelled", memory.kv_memory),
    "codec_saving": ("modelled", memory.codec_saving),
    "policy_calls": ("measured", costs.policy_calls),
    "policy_switch": ("measured", costs.policy_switch),
    "exact_lookup": ("measured", costs.exact_lookup),
    "embedding": ("measured", costs.embedding),
    "semantic_lookup": ("measured", costs.semantic_lookup),
    "semantic_entry": ("measured", costs.semantic_entry),
    "throughput_gain": ("modelled", serving.throughput_gain),
    "tokens_per_second": ("modelled", serving.tokens_per_second),
    "replicas_gain": ("modelled", serving.replicas_gain),
    "ranks_gain": ("modelled", ranks.ranks_gain),
    "sharing_gain": ("modelled", serving.sharing_gain),
    "first_token_seconds": ("modelled", serving.first_token_seconds),
}
