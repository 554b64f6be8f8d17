"""One look for every plot: a fixed colour and marker per policy, legible without colour vision and in grey print.

The colours are those of Okabe and Ito ("Color universal design", 2008) and of Tol's muted scheme ("Colour schemes",
SRON technical note 3.2, 2021). Marker and dash differ wherever two colours might be mistaken for each other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple


class Look(NamedTuple):
    """How one policy is drawn."""

    colour: str
    marker: str
    dash: str

    def line(self) -> dict[str, Any]:
        """Keyword arguments of a matplotlib line."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.dash,
            "markersize": 4.5,
            "linewidth": 1.4,
        }


_FIXED = {
    "belady": Look("#000000", "*", "-"),
    "lru": Look("#0072b2", "o", "-"),
    "fifo": Look("#e69f00", "s", "-"),
    "lfu": Look("#d55e00", "^", "-"),
    "random": Look("#777777", "x", ":"),
    "w-tinylfu": Look("#009e73", "D", "-"),
    "w-tinylfu-80-20": Look("#44aa99", "d", "--"),
    "adaptive": Look("#cc79a7", "P", "-"),
    "s3-fifo": Look("#882255", "v", "-"),
    "sieve": Look("#56b4e9", "X", "-"),
    "arc": Look("#332288", "h", "-"),
    "lirs": Look("#999933", "p", "-"),
    "clock": Look("#cc6677", "<", "-"),
    "mru": Look("#aaaaaa", "v", ":"),
    "slru": Look("#117733", ">", "-"),
    "2q": Look("#aa4499", "H", "-"),
    "car": Look("#6699cc", "8", "-"),
    "lru-k": Look("#ddcc77", "d", "-"),
    "lru-k-no-history": Look("#ddcc77", "1", ":"),
    "lfuda": Look("#661100", "2", "-"),
    "belady-bypass": Look("#000000", "X", "--"),
    "cacheus": Look("#882255", "^", "--"),
    "gdsf": Look("#e69f00", "p", "--"),
    "gittins": Look("#dd2200", "p", "-"),
    "hyperbolic": Look("#d55e00", "o", "--"),
    "lecar": Look("#cc79a7", "s", "--"),
    "lhd": Look("#0072b2", "D", "--"),
    "qd-lp-fifo": Look("#56b4e9", "v", "--"),
    "w-tinylfu-climb": Look("#009e73", "h", "--"),
}
_COLOURS = ("#332288", "#117733", "#999933", "#cc6677", "#aa4499", "#661100", "#6699cc", "#88ccee")
_SPARE = [
    Look(colour, marker, dash)
    for dash, markers in (("--", "<>H8"), ("-.", "1234"))
    for marker in markers
    for colour in _COLOURS
]
INFINITE = "#666666"
HEADROOM = "#eeeeee"

# rcParams. Fonts are named, not embedded: an SVG stays small and its text stays text. DejaVu comes with matplotlib.
SETTINGS: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a $ in a name is a $
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def looks(policies: Iterable[str]) -> dict[str, Look]:
    """A look per policy label. Built-in policies always have the same; others one chosen by their name.

    Two of the others get different looks as long as there are fewer than 64, so one of them may differ between runs.
    """
    chosen: dict[str, Look] = {}
    free = dict.fromkeys(range(len(_SPARE)))
    for policy in sorted(set(policies)):
        if policy in _FIXED:
            chosen[policy] = _FIXED[policy]
            continue
        slot = zlib.crc32(policy.encode()) % len(_SPARE)
        while free and slot not in free:
            slot = (slot + 1) % len(_SPARE)
        free.pop(slot, None)
        chosen[policy] = _SPARE[slot]
    return chosen


def distinct_looks(labels: Iterable[str]) -> dict[str, Look]:
    """A look per label, in their order: the first eight differ in colour and marker. For what is no policy."""
    looks = [
        Look(colour, marker, dash)
        for dash in ("-", "--", "-.")
        for colour, marker in zip(_COLOURS, "os^DvP>X", strict=True)
    ]
    return {label: looks[i % len(looks)] for i, label in enumerate(dict.fromkeys(labels))}
