"""How figures are written in front of a person: one rule for terminal, Markdown, HTML and plots."""

from __future__ import annotations

from collections.abc import Iterable

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")


def percent(ratio: float, digits: int = 2) -> str:
    """0.21117 -> '21.12 %'."""
    return f"{round(100 * ratio, digits) + 0:.{digits}f} %"  # + 0: no '-0'


def tick(ratio: float) -> str:
    """A ratio on an axis, where the next one tells how fine it is: 0.575 -> '57.5 %'."""
    return f"{round(100 * ratio, 6) + 0:.3g} %"


def points(difference: float, digits: int = 2) -> str:
    """A difference of two ratios in percentage points, with its sign: 0.013 -> '+1.30'."""
    return f"{round(100 * difference, digits) + 0:+.{digits}f}"


def share(ratio: float) -> str:
    """A share of the footprint, to two digits: 0.05471 -> '5.5 %'."""
    return f"{100 * ratio:.0f} %" if ratio >= 0.1 else f"{100 * ratio:.2g} %"


def size(amount: float, unit: str) -> str:
    """A capacity in full: '18,279 pages' or '3.5 GiB'."""
    return memory(amount) if unit == "bytes" else f"{amount:,.0f} page{'' if amount == 1 else 's'}"


def short_size(amount: float, unit: str) -> str:
    """A capacity as a tick label: '18.3k' or '3.5 GiB'."""
    if unit == "bytes":
        return memory(amount)
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if amount >= factor:
            return f"{amount / factor:.3g}{suffix}"
    return f"{amount:.3g}"


def memory(amount: float) -> str:
    """Bytes in binary units: 3758096384 -> '3.5 GiB'."""
    power = 0
    while amount >= 1000 and power < len(_BINARY) - 1:
        amount, power = amount / 1024, power + 1
    return f"{amount:.3g} {_BINARY[power]}"


def shorten(labels: Iterable[str], width: int = 20) -> list[str]:
    """Labels cut in their middle, so that the name of a policy and its last parameter stay.

    They are cut to `width` characters, or to so many more that those of different labels still differ.
    """
    labels = list(labels)
    while True:
        cut = [_cut(label, width) for label in labels]
        if len(set(cut)) == len(set(labels)):
            return cut
        width += 1


def _cut(label: str, width: int) -> str:
    head = width // 2 - 2
    return label if len(label) <= width else f"{label[:head]}…{label[head + 1 - width :]}"


def listed(names: list[str], most: int = 3) -> str:
    """The first few names, and how many more there are: 'lru, fifo, lfu and 4 more'."""
    more = len(names) - most
    if more > 1:
        return f"{', '.join(names[:most])} and {more} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
