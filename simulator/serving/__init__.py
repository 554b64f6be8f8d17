"""Timed simulation: a trace's requests meet routers, queues, batches and KV memory on a SimPy clock; all modelled.

`model` and `cost` say what a step takes, `replica` schedules the steps of one server as vLLM does, `router` spreads
requests over several, `figures` makes tables of what was recorded.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "Model": ".model",
        "models": ".model",
        "get_model": ".model",
        "Device": ".cost",
        "StepCost": ".cost",
        "devices": ".cost",
        "step_cost": ".cost",
        "Simulation": ".simulation",
        "simulate": ".simulation",
        "Validation": ".validation",
        "validate": ".validation",
    },
)
