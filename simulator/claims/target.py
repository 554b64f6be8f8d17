"""A claimed figure as people write it, and whether an obtained one is as claimed."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

# What one of each unit is in the units that figures are kept in: ratios, bytes, seconds, counts per second, times.
_UNITS = {
    **{"%": 0.01, "x": 1.0, "points": 0.01, "ops/s": 1.0, "tokens/s": 1.0},
    **{"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "us": 1e-6, "ms": 1e-3, "s": 1.0},
}
_NUMBER = r"(\d[\d,]*(?:\.\d+)?)\s*([A-Za-z%][A-Za-z/]*)?"
_PATTERN = re.compile(rf"(>=|>|<=|<)?\s*{_NUMBER}(?:\s*-\s*{_NUMBER})?")


class Target(NamedTuple):
    """A claimed figure: the range that is as claimed, both ends included."""

    text: str  # as written
    low: float
    high: float
    unit: str  # that obtained figures are shown in

    def verdict(self, value: float, half_width: float = 0.0) -> str:
        """ "as claimed" where some of value ± half_width lies in the range, otherwise "above" or "below"."""
        if value - half_width > self.high:
            return "above"
        return "below" if value + half_width < self.low else "as claimed"

    def show(self, value: float) -> str:
        """A figure in the claim's unit, to three digits."""
        scaled = value / _UNITS[self.unit]
        digits = 2 - math.floor(math.log10(abs(scaled))) if scaled else 0
        return f"{round(scaled, digits):,.{min(max(digits, 0), 3)}f} {self.unit}"


def parse_target(text: str) -> Target:
    """``95 %``, ``>= 100,000 ops/s``, ``< 1 ms``, ``10 - 20 ms`` or ``600 MB - 1.2 GB``.

    A single figure is as precise as it is written: 95 % stands for 94.5 to 95.5 %. Raises ValueError.
    """
    match = _PATTERN.fullmatch(text.strip())
    relation, first, first_unit, second, second_unit = match.groups() if match else (None,) * 5
    unit = second_unit or first_unit
    if first is None or unit not in _UNITS or (first_unit or unit) not in _UNITS or (relation and second):
        known = ", ".join(_UNITS)
        raise ValueError(f"{text!r} is no figure with a unit; write 95 %, < 1 ms or 10 - 20 ms, in one of {known}")
    value = _number(first) * _UNITS[first_unit or unit]
    if second is not None:
        high = _number(second) * _UNITS[unit]
        if high < value:
            raise ValueError(f"{text!r} is no figure with a unit; write the smaller end of a range first")
        return Target(text, value, high, unit)
    if relation:
        return Target(text, value, math.inf, unit) if ">" in relation else Target(text, -math.inf, value, unit)
    slack = 0.5 * 10.0 ** -len(first.partition(".")[2]) * _UNITS[unit]
    return Target(text, value - slack, value + slack, unit)


def _number(text: str) -> float:
    return float(text.replace(",", ""))
