"""An experiment: a YAML file that spans a grid of cells becomes a folder of rows; `check` compares it with a baseline."""

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
        "check": ".check",
    },
)
