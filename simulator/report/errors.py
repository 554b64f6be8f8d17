"""What goes wrong with a report: one exception, whose message is a single line a person can act on."""

from __future__ import annotations


class ReportError(ValueError):
    """Results have nothing of what was asked for."""
