"""A small random generator, the same compiled or not: xorshift64* (Vigna, "An experimental exploration of
Marsaglia's xorshift generators, scrambled", 2016)."""

from __future__ import annotations

import numpy as np

_SHIFT_A, _SHIFT_B, _SHIFT_C = np.uint64(12), np.uint64(25), np.uint64(27)
_HALF = np.uint64(32)
_STEPS = 1 << 31


def new_generator(seed: int) -> np.ndarray:
    """(1,) uint64 state. Seeds are spread by splitmix64, so that neighbouring seeds share nothing."""
    z = (seed + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return np.array([(z ^ (z >> 31)) or 1], np.uint64)


def random_below(generator, bound):
    """A random int64 in 0 .. bound - 1, for bounds up to 2**31."""
    generator[0] = step(generator[0])
    return below(generator[0], bound)


def step(x):
    """The state after `x`, a uint64: to draw often in a row, where a trip to the array each time costs more."""
    x ^= x >> _SHIFT_A
    x ^= x << _SHIFT_B
    x ^= x >> _SHIFT_C
    return x


def below(x, bound):
    """What state `x` makes of a bound.

    The multiplication of xorshift64* is left out: the high half that is used here passes without it, and
    NumPy warns of the overflow when the policy runs uncompiled.
    """
    return np.int64((x >> _HALF) * np.uint64(bound) >> _HALF)


def random_fraction(generator):
    """A random float64 in [0, 1), a multiple of 2**-31."""
    return random_below(generator, _STEPS) / _STEPS
