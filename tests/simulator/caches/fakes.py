"""Requests and an embedder whose cosines a test chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kvreplay.simulator.caches.request import Request


def request(text: str, intent: int = -1, *, number: int = 0, now: float = 0.0, tenant: str = "") -> Request:
    return Request(number, now, text.encode(), text, tenant, intent=intent)


class Angles:
    """Texts such as "30 degrees" as vectors in a plane: the cosine of two is that of the angle between them."""

    name, version, dimensions = "angles", "1", 2

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        angles = np.radians([float(text.split()[0]) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
