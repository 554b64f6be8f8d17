"""Untimed replay: policy x capacity -> hits, compiled; miss-ratio curves; what offline policies are told."""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "READINGS": ".engine",
        "Result": ".engine",
        "fit": ".engine",
        "replay": ".engine",
        "Bound": ".optimum",
        "bounds": ".optimum",
        "Capacity": ".capacity",
        "CapacityError": ".capacity",
        "parse_capacity": ".capacity",
        "Curve": ".curves",
        "Estimate": ".part",
        "Part": ".part",
        "Samples": ".sampling",
        "curve": ".curves",
        "curve_rows": ".curves",
        "lru_curve": ".curves",
        "sweep": ".curves",
    },
)
