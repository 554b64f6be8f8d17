"""The models that can be run, by their names in serving/models.yaml."""

from __future__ import annotations

import functools

import torch

from kvreplay.simulator.backends.model import Llama, LlamaShape, ModelError, SmolLM2
from kvreplay.simulator.serving.model import get_model

from .machine import memory
from .settings import REAL


@functools.lru_cache(maxsize=2)
def load_model(name: str, *, device: str | torch.device = "cpu") -> Llama:
    """The model of that name, one of `model_names`, in float32: with its own weights where these can be installed, else
    with seeded ones, which take as long and have nothing to say. Biases and norms of heads are left out.

    Raises ModelError where weights are not installed, or where they take more than the memory there is.
    """
    if name == REAL:
        return SmolLM2(device=device).llama
    model = get_model(name)
    needed, there = 4 * model.weights, memory(torch.device(device))
    if needed > there:
        raise ModelError(
            f"{name}: its weights take {needed / 2**30:,.0f} GiB in float32 and this machine has {there / 2**30:,.0f} "
            "GiB; use a smaller model"
        )
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
