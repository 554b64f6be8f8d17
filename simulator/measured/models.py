"""The models that can be run, by their names in serving/models.yaml."""

from __future__ import annotations

import functools

import torch

from kvreplay.simulator.backends.model import Llama, LlamaShape, SmolLM2
from kvreplay.simulator.serving.model import get_model

from .settings import REAL


@functools.lru_cache(maxsize=2)
def load_model(name: str, *, device: str | torch.device = "cpu") -> Llama:
    """The model of that name, one of `model_names`, in float32: with its own weights where these can be installed, else
    with seeded ones, which take as long and have nothing to say. Biases and norms of heads are left out.

    Raises ModelError where weights are not installed.
    """
    if name == REAL:
        return SmolLM2(device=device).llama
    model = get_model(name)
    shape = LlamaShape(
        model.layers,
        model.hidden,
        model.feed_forward,
        model.heads,
        model.kv_heads,
        model.head_size,
        model.vocabulary,
    )
    return Llama.random(shape, device=device)
