"""A figure of a measure behind which are semantic hits."""

from __future__ import annotations

from typing import NamedTuple


class Judged(NamedTuple):
    """A figure, and the share of the semantic hits behind it that were right; None where there were none."""

    value: float
    precision: float | None
