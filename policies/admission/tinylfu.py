"""TinyLFU: a page enters if it was seen more often, lately, than the page that would leave for it (Einziger, Friedman
and Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM ToS 13(4), 2017).

Frequencies are those of a 4-bit count-min sketch that is halved every 10 uses per entry of the cache, as in w-tinylfu;
every access counts, the one that asks as well. The page in the cache stays where both were seen equally often.
Deviation: there is no doorkeeper in front of the sketch.
"""

from __future__ import annotations

from ..structures.count_min import CountMin as State
from ..structures.count_min import add_use, estimate, new_count_min
from .entries import entries

__all__ = ["State", "admit", "init", "on_access"]


def init(capacity, n_pages, page_bytes, byte_capacity):
    return new_count_min(entries(capacity, n_pages, page_bytes, byte_capacity))


def on_access(state, page, now):
    add_use(state, page)


def admit(state, page, victim, now):
    return estimate(state, page) > estimate(state, victim)
