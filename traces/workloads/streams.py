"""Independent streams of random numbers from one seed."""

from __future__ import annotations

import numpy as np


def streams(seed: int, count: int) -> list[np.random.Generator]:
    """`count` independent generators. One per concern: other arrival times then leave the content as it was."""
    return np.random.Generator(np.random.PCG64(seed)).spawn(count)
