"""Models by their published shape, and what follows from it: weights, KV bytes and operations per token.

A token takes two operations for each weight it meets, and attention to one earlier token two for each number in a key
and in a value of each head. `models.yaml` has the shapes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from kvreplay.parameters import nearest

KV_BYTES = 2  # of a number in the KV cache: bfloat16


@dataclass(frozen=True)
class Experts:
    """A feed-forward block of which every token meets `active` of `routed` experts, and all `shared` ones."""

    routed: int
    active: int
    feed_forward: int
    shared: int = 0
    dense_layers: int = 0  # the first layers, which have an ordinary block


@dataclass(frozen=True)
class Latent:
    """Multi-head latent attention: one vector of kv_rank + rope numbers a token and layer is all that is cached."""

    kv_rank: int
    query_rank: int
    rope: int


@dataclass(frozen=True)
class Model:
    """A decoder-only transformer with gated feed-forward blocks. Sizes are those of its config.json."""

    name: str
    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    parameters: int  # as published; what the shape comes to is `weights`
    bytes_per_weight: int = 2  # bfloat16
    tied: bool = False
    qkv_bias: bool = False
    head_norms: bool = False
    experts: Experts | None = None
    latent: Latent | None = None

    @property
    def layer_weights(self) -> int:
        """Weights of all layers that one token meets: the matrices, without norms and biases."""
        return self.layers * self._attention_weights + self._dense_blocks + self.routed_weights_met

    @property
    def token_weights(self) -> int:
        """Weights that one generated token meets: those of the layers and of the output head."""
        return self.layer_weights + self.vocabulary * self.hidden

    @property
    def routed_weights(self) -> int:
        """Weights of all routed experts, of which few are read for few tokens."""
        experts = self.experts
        return 0 if experts is None else self._expert_layers * experts.routed * 3 * self.hidden * experts.feed_forward

    @property
    def routed_weights_met(self) -> int:
        """Weights of the routed experts that one token meets."""
        return 0 if self.experts is None else self.routed_weights * self.experts.active // self.experts.routed

    @property
    def weights(self) -> int:
        """All weights, norms, biases and the embedding table too."""
        embedding = self.vocabulary * self.hidden * (1 if self.tied else 2)
        routers = 0 if self.experts is None else self._expert_layers * self.experts.routed * self.hidden
        if self.latent is not None:  # and a bias by which each expert's load is balanced
            assert self.experts is not None
            routers += self._expert_layers * self.experts.routed
        layers = self.layers * (self._attention_weights + self._small_weights) + self._dense_blocks
        return embedding + layers + self.routed_weights + routers + self.hidden

    @property
    def weight_bytes(self) -> int:
        """Memory of all weights."""
        return self.bytes_per_weight * self.weights

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token takes in the KV cache, in bfloat16, all layers."""
        if self.latent is not None:
            return KV_BYTES * self.layers * (self.latent.kv_rank + self.latent.rope)
        return KV_BYTES * self.layers * 2 * self.kv_heads * self.head_size

    @property
    def attention_flops(self) -> int:
        """Operations of one token attending to one: scores and weighted values of all heads and layers."""
        rope = 0 if self.latent is None else self.latent.rope
        return 2 * self.layers * self.heads * (2 * self.head_size + rope)

    @property
    def _expert_layers(self) -> int:
        return 0 if self.experts is None else self.layers - self.experts.dense_layers

    @property
    def _dense_blocks(self) -> int:
        """Weights of the feed-forward blocks that every token meets, all layers."""
        shared = 0 if self.experts is None else self._expert_layers * self.experts.shared * self.experts.feed_forward
        return 3 * self.hidden * ((self.layers - self._expert_layers) * self.feed_forward + shared)

    @property
    def _attention_weights(self) -> int:
        """Of one layer: query, key, value and output projections."""
        values = self.heads * self.head_size
        if self.latent is None:
            return self.hidden * (2 * values + 2 * self.kv_heads * self.head_size)
        kv, query, rope = self.latent.kv_rank, self.latent.query_rank, self.latent.rope
        keys = self.heads * (self.head_size + rope)
        return self.hidden * (query + kv + rope + values) + query * keys + kv * 2 * values

    @property
    def _small_weights(self) -> int:
        """Of one layer: norms and biases."""
        norms = 2 * self.hidden + (2 * self.head_size if self.head_norms else 0)
        if self.latent is not None:
            norms += self.latent.kv_rank + self.latent.query_rank
        return norms + ((self.heads + 2 * self.kv_heads) * self.head_size if self.qkv_bias else 0)


def read_table(name: str) -> dict[str, Any]:
    """One of the YAML tables of this folder."""
    return yaml.safe_load(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@functools.cache
def models() -> dict[str, Model]:
    """Every model of models.yaml by its name."""
    return {name: _model(name, dict(shape)) for name, shape in read_table("models.yaml").items()}


def get_model(name: str) -> Model:
    """The model of that name. Raises ValueError where there is none."""
    if name not in models():
        raise ValueError(f"unknown model {name!r}, {nearest(name, list(models()))}")
    return models()[name]


def _model(name: str, shape: dict[str, Any]) -> Model:
    experts, latent = shape.pop("experts", None), shape.pop("latent", None)
    return Model(
        name,
        **shape,
        experts=None if experts is None else Experts(**experts),
        latent=None if latent is None else Latent(**latent),
    )
