"""Sends a trace to a real server on the trace's clock, whether or not the server keeps up: an open loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .client import Client, connect
from .errors import LiveError, RequestError
from .prompts import Prompts
from .ruler import measure
from .run import LiveRun, Record, RunFolder, open_run
from .summary import asked_tokens


def replay_live(
    trace: Trace,
    url: str,
    out: str | os.PathLike[str],
    *,
    speed: float = 1.0,
    max_requests: int | None = None,
    connections: int = 256,
    model: str | None = None,
    api_key: str | None = None,
    chat: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> LiveRun:
    """Send the first `max_requests` of `trace`, `speed` times as fast, to the OpenAI-compatible server at `url`.

    At most `connections` requests are under way; a further one is sent late, as soon as one has ended. Answers have the
    trace's output tokens where the server takes ``ignore_eos``. What becomes of each request is written into the folder
    `out`; where that has a part of this run already, what was answered is not sent again. `progress` is told how many
    requests are done, of how many.

    Raises LiveError for a server that cannot be used or a folder of another run, TraceError for a trace without
    arrivals or prompt tokens.
    """
    if not 0 < speed < float("inf"):
        raise LiveError(f"speed {speed}: is no pace; give a number above 0")
    if connections < 1:
        raise LiveError(f"connections {connections}: lets nothing be sent; give 1 or more")
    if trace.arrival is None:
        raise TraceError(f"{trace.name} has no arrival times", mend="use a trace that has them")
    total = min(trace.n_requests, trace.n_requests if max_requests is None else max_requests)
    settings = {
        **{"trace": trace.name, "trace_hash": trace.content_hash, "requests": total, "speed": speed},
        **{"url": url, "chat": chat, "seed": seed, "connections": connections},
    }
    return asyncio.run(_replay(trace, Path(out), settings, model, api_key, progress))


async def _replay(
    trace: Trace,
    out: Path,
    settings: dict[str, Any],
    model: str | None,
    api_key: str | None,
    progress: Callable[[int, int], None] | None,
) -> LiveRun:
    async with connect(settings["url"], model, api_key, chat=settings["chat"]) as client:
        # Measured anew by every part of a run: another ruler is another server, whose times do not belong to it.
        ruler = await measure(client.count)
        folder = RunFolder(out, settings | {"model": client.model, "ruler": asdict(ruler)})
        try:
            await _send(trace, Prompts(trace, ruler, settings["seed"]), client, folder, settings, progress)
        finally:
            folder.close()
            run = open_run(out)
            run.write_table()
    return run


async def _send(
    trace: Trace,
    prompts: Prompts,
    client: Client,
    folder: RunFolder,
    settings: dict[str, Any],
    progress: Callable[[int, int], None] | None,
) -> None:
    assert trace.arrival is not None
    total = settings["requests"]
    due = (trace.arrival[:total] - trace.arrival[0]) / settings["speed"] if total else trace.arrival
    answered = {number for number, record in open_run(folder.folder).records.items() if record.error is None}
    left = [number for number in range(total) if number not in answered]
    done = total - len(left)
    output = asked_tokens(trace)
    slots = asyncio.Semaphore(settings["connections"])

    async def one(number: int, prompt: str, tokens: int, started: float) -> None:
        nonlocal done
        sent = time.perf_counter()
        try:
            answer = await client.generate(prompt, tokens)
        except RequestError as error:
            folder.add(Record(number, float(due[number]), sent - started, error=str(error)))
        else:
            times = (answer.sent - started, answer.first_token - started, answer.end - started)
            counts = (answer.prompt_tokens, answer.output_tokens, answer.cached_tokens, answer.attempts)
            folder.add(Record(number, float(due[number]), *times, *counts))
        finally:
            slots.release()
        done += 1
        if progress is not None:
            progress(done, total)

    started = time.perf_counter() - float(due[left[0]] if left else 0)
    try:
        async with asyncio.TaskGroup() as tasks:
            for number in left:
                prompt = prompts.prompt(number)  # before its time comes, so that it is not late for it
                await asyncio.sleep(started + due[number] - time.perf_counter())
                await slots.acquire()
                tasks.create_task(one(number, prompt, int(output[number]), started))
                await asyncio.sleep(0)  # it goes out before the next prompt is made
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
