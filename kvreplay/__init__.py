"""kvreplay: which eviction policy, cache size and page sharing fit this traffic? Traces in, hit ratios out.

The command line as functions: `load` or `generate` a trace, `replay` it, draw its `curve`, see the `bounds` that no
policy passes, `simulate` a server or `measure` a real one, `run` an experiment, `plot` or `compare` its results.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "Trace": "kvreplay.traces",
        "load": "kvreplay.traces",
        "generate": "kvreplay.traces",
        "replay": "kvreplay.simulator.replay",
        "replay_concurrent": "kvreplay.simulator.caches.pages",
        "sweep": "kvreplay.simulator.replay",
        "curve": "kvreplay.simulator.replay",
        "curve_rows": "kvreplay.simulator.replay",
        "bounds": "kvreplay.simulator.replay",
        "simulate": "kvreplay.simulator.serving",
        "measure": "kvreplay.simulator.measured",
        "run": "kvreplay.simulator.experiment",
        "open_results": "kvreplay.simulator.experiment",
        "plot": "kvreplay.simulator.report",
        "compare": "kvreplay.simulator.report",
    },
)
