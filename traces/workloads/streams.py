"""Independent streams of random numbers from one seed."""

from __future__ import annotations

import numpy as np


def streams(seed: int, count: int) -> list[np.random.Generator]:
    """`count` independent generators, one per concern: new arrival times then leave the content alone."""
    return np.random.Generator(np.random.PCG64(seed)).spawn(count)
