"""Hashing of page ids for sketches and filters."""

from __future__ import annotations

import numpy as np

_LOW = np.uint64(0xFFFFFFFF)


def mix(page, salt):
    """A 32-bit hash of a page id as uint64: lowbias32 (Wellons, "Prospecting for hash functions", 2018).

    The products stay below 2**64, because NumPy warns of an overflow where a policy runs uncompiled.
    """
    x = np.uint64(page) ^ np.uint64(salt)
    x = ((x ^ (x >> np.uint64(16))) * np.uint64(0x7FEB352D)) & _LOW
    x = ((x ^ (x >> np.uint64(15))) * np.uint64(0x846CA68B)) & _LOW
    return x ^ (x >> np.uint64(16))
