"""A simulation as a Chrome trace, which ui.perfetto.dev and chrome://tracing show: a process per replica.

Format: "Trace Event Format" (Google, 2016). Complete events (X) are steps, nestable asynchronous ones (b, e) the phases
of requests, counters (C) requests and pages. Times are simulated microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .simulation import Simulation

_PHASES = (("queue", "arrival", "admission"), ("prefill", "admission", "first_token"), ("decode", "first_token", "end"))


def write_chrome_trace(simulation: Simulation, path: str | Path) -> None:
    """Write the events of `simulation` as JSON, one a line."""
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"displayTimeUnit": "ms", "traceEvents": [\n')
        for i, event in enumerate(events(simulation)):
            file.write((",\n" if i else "") + json.dumps(event))
        file.write("\n]}\n")


def events(simulation: Simulation) -> Iterator[dict[str, Any]]:
    """The events, names of the replicas first."""
    for number in range(simulation.server.replicas):
        yield {"ph": "M", "name": "process_name", "pid": number, "args": {"name": f"replica {number}"}}
    for step in simulation.steps.iter_rows(named=True):
        start, end = _microseconds(step["start"]), _microseconds(step["end"])
        counts = {name: step[name] for name in ("steps", "prefill_tokens", "sequences", "output_tokens")}
        name = "prefill" if step["prefill_tokens"] else "decode"
        place = {"pid": step["replica"], "tid": 0}
        yield {"ph": "X", "name": name, "cat": "step", "ts": start, "dur": end - start, **place, "args": counts}
        for what, names in (("requests", ("running", "waiting")), ("pages", ("held_pages", "idle_pages"))):
            yield {"ph": "C", "name": what, "ts": end, **place, "args": {name: step[name] for name in names}}
    for request in simulation.requests.iter_rows(named=True):
        if request["replica"] is None:
            continue
        known = {"cat": "request", "id": request["request"], "pid": request["replica"], "tid": 1}
        for name, begin, finish in _PHASES:
            if request[begin] is not None and request[finish] is not None:
                if name == "decode" and request["decoder"] is not None:
                    known["pid"] = request["decoder"]
                yield {"ph": "b", "name": name, "ts": _microseconds(request[begin]), **known}
                yield {"ph": "e", "name": name, "ts": _microseconds(request[finish]), **known}


def _microseconds(seconds: float) -> float:
    return round(1e6 * seconds, 3)
