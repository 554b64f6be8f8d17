"""The models that can be run, by their names in serving/models.yaml."""

from __future__ import annotations

import torch

from kvreplay.simulator.backends.model import Llama, LlamaShape, ModelError, SmolLM2
from kvreplay.simulator.serving.model import get_model, models

_REAL = "smollm2-135m"  # the one whose weights can be installed


def model_names() -> list[str]:
    """Those of a Llama's shape."""
    return [name for name, model in models().items() if model.experts is None and model.latent is None]


def load_model(name: str, *, device: str | torch.device = "cpu") -> Llama:
    """The model of that name in float32: with its own weights where these can be installed, else with seeded ones,
    which take as long and have nothing to say. Biases and norms of heads are left out.

    Raises ValueError for an unknown name, and ModelError for one of another kind or where weights are not installed.
    """
    model = get_model(name)
    if name not in model_names():
        raise ModelError(f"model {name}: is no plain Llama; use one of {', '.join(model_names())}")
    if name == _REAL:
        return SmolLM2(device=device).llama
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
