"""A Llama as the papers write it, in float64 and one token after the other: no cache, no pages, no batch."""

from __future__ import annotations

import numpy as np


def logits(model, tokens: np.ndarray) -> np.ndarray:
    """(n, vocabulary) float64: behind each of `tokens`, of a `Llama` on the CPU."""
    shape, weights = model.shape, model.weights
    d = shape.head_dim
    x = weights.embedding.double().numpy()[tokens]
    for layer in weights.layers:
        layer = type(layer)(*(weight.double().numpy() for weight in layer))
        qkv = rms(x, layer.attention_norm, shape) @ layer.queries_keys_values.T
        q, k, v = np.split(qkv, [shape.heads * d, (shape.heads + shape.kv_heads) * d], axis=1)
        attended = np.zeros((len(x), shape.heads * d))
        for head in range(shape.heads):
            of_kv = head // (shape.heads // shape.kv_heads)
            own, shared = slice(head * d, (head + 1) * d), slice(of_kv * d, (of_kv + 1) * d)
            keys = np.array([turned(k[at, shared], at, shape) for at in range(len(x))])
            for at in range(len(x)):
                shares = np.exp(keys[: at + 1] @ turned(q[at, own], at, shape) / np.sqrt(d))
                attended[at, own] = shares @ v[: at + 1, shared] / shares.sum()
        x = x + attended @ layer.attention_out.T
        gate, up = np.split(rms(x, layer.feed_norm, shape) @ layer.gate_up.T, 2, axis=1)
        x = x + (gate / (1 + np.exp(-gate)) * up) @ layer.down.T
    return rms(x, weights.norm.double().numpy(), shape) @ weights.head.double().numpy().T


def rms(x, weight, shape):
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + shape.norm_epsilon) * weight


def turned(x, at, shape):
    """Neighbouring elements as complex numbers, each turned by its own angle times the position."""
    angles = at * shape.rope_theta ** (-np.arange(0, shape.head_dim, 2) / shape.head_dim)
    z = (x[::2] + 1j * x[1::2]) * np.exp(1j * angles)
    return np.stack([z.real, z.imag], axis=1).ravel()
