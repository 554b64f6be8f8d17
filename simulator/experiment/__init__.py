"""From a YAML file that spans a grid of cells to a folder of rows; and the check of rows against a baseline."""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "ExperimentError": ".errors",
        "Plan": ".plan",
        "make_plan": ".plan",
        "Progress": ".runner",
        "run": ".runner",
        "run_plan": ".runner",
        "Results": ".store",
        "open_results": ".store",
        "check": ".baseline",
    },
)
