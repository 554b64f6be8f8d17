"""How fast it is, beside the best of the field in the same run; tables, never assertions.

One file per subject, each with `measure(*, rounds, ...)`, which yields the rows of its tables as they are measured.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A row of a table; those of one table come one after the other and have the same columns."""

    table: str  # its title
    cells: dict[str, str | int | float | None]  # by column; None where it was not measured
