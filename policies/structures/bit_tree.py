"""A set of integers below a bound with a fast maximum: a 64-ary tree of bits (a flat van Emde Boas tree).

Bit i of a level says whether word i of the level below has any bit set, so adding and removing the highest touch
one word per level: 5 levels for 2**30.
"""

from __future__ import annotations

import numpy as np

_ONE = np.uint64(1)
_MANTISSA = np.uint64(52)
_BIAS = 1023


def new_bit_tree(bound: int) -> tuple[np.ndarray, np.ndarray]:
    """An empty set of integers in 0 .. bound - 1: words, (w,) uint64, and where levels start, (levels + 1,) int64."""
    sizes = [max(-(-bound // 64), 1)]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // 64))
    starts = np.cumsum([0, *sizes], dtype=np.int64)
    return np.zeros(starts[-1], np.uint64), starts


def add_bit(words, levels, number):
    """Add `number`; returns whether it is alone among the 64 numbers of its lowest word."""
    alone = words[number >> 6] == 0
    for level in range(len(levels) - 1):
        at = levels[level] + (number >> 6)
        before = words[at]
        words[at] = before | (_ONE << np.uint64(number & 63))
        if before != 0:
            break
        number >>= 6
    return alone


def peek_highest_bit(words, levels):
    """The greatest member, or -1 where there is none."""
    if words[levels[len(levels) - 2]] == 0:
        return np.int64(-1)
    number = np.int64(0)
    for level in range(len(levels) - 2, -1, -1):
        number = number * 64 + highest_bit(words[levels[level] + number])
    return number


def pop_highest_bit(words, levels):
    """Remove and return the greatest member; the set must not be empty."""
    number = peek_highest_bit(words, levels)
    highest = number
    for level in range(len(levels) - 1):
        at = levels[level] + (number >> 6)
        left = words[at] & ~(_ONE << np.uint64(number & 63))
        words[at] = left
        if left != 0:
            break
        number >>= 6
    return highest


def highest_bit(word):
    """The position of the highest set bit of a uint64 that is not 0: the exponent of its value as a float.

    Clearing every bit below a set one first keeps the conversion from rounding up to the next power of two.
    """
    return np.int64(np.float64(word & ~(word >> _ONE)).view(np.uint64) >> _MANTISSA) - _BIAS
