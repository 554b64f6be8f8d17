"""What a page of a prefix costs to compute: the floating-point operations of its prefill, modelled.

A token that attends to itself and the c tokens before it takes two operations for each weight of the layers, and
4 x layers x heads x head size x c for attention: half of them for scores, half for values. So a page costs the more the
deeper it stands. Embedding and output head are left out, as in Marconi (Pan et al., "Marconi: Prefix Caching for the
Era of Hybrid LLMs", MLSys 2025): the one is a look-up, the other is computed for the last token of a prompt only.
"""

from __future__ import annotations

import numpy as np

from kvreplay.policies.structures.prefixes import depths
from kvreplay.simulator.serving.model import get_model
from kvreplay.traces.trace import Trace


def page_flops(trace: Trace, model: str) -> np.ndarray:
    """(n_pages,) float64: the operations of computing each page behind its cached prefix.

    `model` is a name in simulator/serving/models.yaml. `trace` has prefix pages. The last page of a prompt may hold
    fewer tokens than the others.
    """
    assert trace.parent is not None
    assert trace.page_tokens is not None
    shape = get_model(model)
    before = (depths(trace.parent) - 1) * float(trace.page_tokens)  # tokens in front of each page
    tokens = _tokens(trace, trace.parent, trace.page_tokens).astype(np.float64)
    attended = tokens * before + tokens**2 / 2
    return 2.0 * shape.layer_weights * tokens + shape.attention_flops * attended


def _tokens(trace: Trace, parent: np.ndarray, page_tokens: int) -> np.ndarray:
    """(n_pages,) int64: tokens in each page. Only one that ends a prompt, with none behind it, may be partly full."""
    tokens = np.full(trace.n_pages, page_tokens, np.int64)
    if trace.prompt_tokens is not None:
        counts = np.diff(trace.offsets)
        ends = trace.pages[trace.offsets[1:][counts > 0] - 1]
        rest = trace.prompt_tokens - (counts - 1) * page_tokens
        tokens[ends] = np.clip(rest[counts > 0], 0, page_tokens)
        tokens[parent[parent >= 0]] = page_tokens
    return tokens
