"""A count-min sketch of 4-bit counters that ages: how often was a page seen lately?

Cormode and Muthukrishnan, "An improved data stream summary", J. Algorithms 55, 2005; ageing by halving from
Einziger, Friedman and Manes, "TinyLFU", ACM ToS 13(4), 2017. Layout, sizes and constants are those of Caffeine
3.1's FrequencySketch: 8 bytes per entry, an item's four counters within one 64-byte block, halved after 10 uses
per entry. Sized by entries, never by bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .mixing import mix

MAX_COUNT = 15
_SAMPLE_PER_ENTRY = 10
_BLOCK_SALT, _COUNTER_SALT = 0x2545F491, 0x6C8E9CF5
_ONE, _FOUR_BITS = np.uint64(1), np.uint64(15)
_LOWEST_BITS = np.uint64(0x1111111111111111)
_LOWER_BITS = np.uint64(0x7777777777777777)
_PAIRS = np.uint64(0x0F0F0F0F0F0F0F0F)


class CountMin(NamedTuple):
    table: np.ndarray  # (words,) uint64: 16 counters each; words is a power of two, at least 8
    sample: np.ndarray  # (2,) int64: additions since the last halving, additions until the next


def new_count_min(entries: int) -> CountMin:
    words = max(1 << (entries - 1).bit_length(), 8)
    return CountMin(np.zeros(words, np.uint64), np.array([0, _SAMPLE_PER_ENTRY * entries], np.int64))


def add_use(sketch, page):
    """Count a use of `page`. Returns whether the whole sketch was halved."""
    block = _block(sketch, page)
    hashes = mix(page, _COUNTER_SALT)
    added = False
    for row in range(4):
        at, shift = _counter(block, hashes, row)
        if (sketch.table[at] >> shift) & _FOUR_BITS != _FOUR_BITS:
            sketch.table[at] += _ONE << shift
            added = True
    if added:
        sketch.sample[0] += 1
        if sketch.sample[0] == sketch.sample[1]:
            _halve(sketch)
            return True
    return False


def estimate(sketch, page):
    """How often `page` was seen, 0 .. 15; never too low but for the halving."""
    block = _block(sketch, page)
    hashes = mix(page, _COUNTER_SALT)
    least = _FOUR_BITS
    for row in range(4):
        at, shift = _counter(block, hashes, row)
        least = min(least, (sketch.table[at] >> shift) & _FOUR_BITS)
    return np.int64(least)


def _block(sketch, page):
    return (mix(page, _BLOCK_SALT) & np.uint64((len(sketch.table) >> 3) - 1)) << np.uint64(3)


def _counter(block, hashes, row):
    """Word and bit shift of the counter in `row`: each row has two words of its block."""
    h = hashes >> np.uint64(8 * row)
    return block + np.uint64(2 * row) + (h & _ONE), ((h >> _ONE) & _FOUR_BITS) << np.uint64(2)


def _halve(sketch):
    odd = np.int64(0)
    for i in range(len(sketch.table)):
        word = sketch.table[i]
        lowest = word & _LOWEST_BITS
        pairs = (lowest & _PAIRS) + ((lowest >> np.uint64(4)) & _PAIRS)
        pairs += pairs >> np.uint64(32)
        pairs += pairs >> np.uint64(16)
        pairs += pairs >> np.uint64(8)
        odd += np.int64(pairs & np.uint64(0xFF))
        sketch.table[i] = (word >> _ONE) & _LOWER_BITS
    # A use raised up to four counters, and every odd one lost half a count.
    sketch.sample[0] = (sketch.sample[0] - (odd >> 2)) >> 1
