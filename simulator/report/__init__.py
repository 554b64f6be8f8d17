"""From the rows of a run to what a person reads: tables, plots, summary.md, report.html, and comparisons of runs.

All of it is made from the table of rows, and can be made again from it at any time.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "write_report": ".write",
        "write_plots": ".write",
        "plot": ".write",
        "compare": ".comparison",
        "ReportError": ".errors",
    },
)
