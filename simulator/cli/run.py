"""Runs an experiment: every combination in a YAML file becomes a row in a result folder, with a report.

Exit codes: 0 done, 2 a mistake in the experiment, 3 a cell failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvreplay.simulator.experiment import Plan

HELP = "run an experiment from a YAML file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import positive

    parser.add_argument("experiment", metavar="FILE", help="YAML file; its JSON schema is printed by `kvreplay schema`")
    parser.add_argument("--dry-run", action="store_true", help="only list the cells, and estimate what they take")
    parser.add_argument("--resume", action="store_true", help="take over the cells that are finished already")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override a value of the file; may be repeated, and dots lead inwards: trace.0.requests=1000",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="result folder (default: results/NAME)")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=positive,
        help="let a cell fail that takes longer, compilation included; cells then run in processes (default: never)",
    )
    parser.add_argument(
        "--memory",
        metavar="SIZE",
        type=_bytes,
        help="replay no more cells at once, on a cluster on each node, than fit into so much memory, such as 4GiB, and "
        "tell how much it was",
    )
    parser.add_argument(
        "--engine",
        choices=("threads", "processes", "ray"),
        help="where cells run (default: threads; processes with --timeout); a Ray cluster needs the extra ray",
    )
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        type=Path,
        help="keep figures of the run under way in this file, every second, for Prometheus: FILE.prom in the folder of "
        "node exporter's textfile collector; those of real pages, too, of cells that are measured",
    )
    parser.add_argument("--address", help="of the Ray cluster (default: RAY_ADDRESS, or a new one on this machine)")
    add_threads_argument(parser)


def add_threads_argument(parser: argparse.ArgumentParser) -> None:
    """--threads, for every command that runs cells."""
    from .sources import positive

    parser.add_argument("--threads", metavar="N", type=positive, help="cells replayed at once (default: one per core)")


def _bytes(text: str) -> int:
    from kvreplay.simulator.replay import CapacityError, parse_capacity

    with contextlib.suppress(CapacityError):
        size = parse_capacity(text)
        if size.unit == "bytes":
            return int(size.value)
    raise argparse.ArgumentTypeError(f"{text!r} is no size in bytes; write 4GiB or 500MB")


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.backends.metrics_file import written
    from kvreplay.simulator.experiment import make_plan, run_plan
    from kvreplay.simulator.report import answers, servers, write_report
    from kvreplay.simulator.report.sizes import tables
    from kvreplay.simulator.report.table import as_text, ratios
    from kvreplay.simulator.report.workloads import about_pages, workloads

    from .progress import ProgressLine

    plan = make_plan(args.experiment, args.set)
    if args.dry_run:
        _describe(plan, args.threads)
        return 0
    folder = args.out or Path("results", plan.name)
    progress = ProgressLine()
    try:
        with written(args.metrics, progress.metrics) if args.metrics else contextlib.nullcontext():
            results = run_plan(
                plan,
                folder,
                resume=args.resume,
                threads=args.threads,
                timeout=args.timeout,
                memory=args.memory,
                engine=args.engine,
                address=args.address,
                watch=progress,
            )
    except KeyboardInterrupt:
        print(
            f"\ninterrupted: what has finished is in {folder}; go on with --resume, "
            f"or report it with kvreplay report {folder}",
            file=sys.stderr,
        )
        return 130
    failed = results.run["failed"]
    if len(results.rows):
        write_report(folder)
        answered = answers.table(results.rows.iter_rows(named=True))
        if answered is not None:
            print(f"{as_text(answered)}\n")
        for served in servers.tables(results.rows.iter_rows(named=True)):
            print(f"{as_text(served)}\n")
        for workload in about_pages(workloads(results.rows)):
            for table in [*([ratios(workload, "hit_ratio")] if workload.rows else []), *tables(workload)]:
                print(f"{as_text(table)}\n")
        print(f"report: {folder / 'report.html'}")
    if args.memory:
        where = " of the workers of a node" if args.engine == "ray" else ""
        print(f"peak memory{where}: {results.run['peak_memory'] / 2**20:.0f} MiB, mapped files included")
    if failed:
        print(f"{len(failed)} of {len(plan.cells)} cells failed; see {folder / 'run.json'}", file=sys.stderr)
        return 3
    return 0


def _describe(plan: Plan, threads: int | None) -> None:
    from kvreplay.simulator.experiment.cost import estimate, makespan, memory_of_traces, threads_for

    from .progress import clock

    threads = threads_for(plan.cells, threads)
    costs = estimate(plan.cells)
    for cell, cost in zip(plan.cells, costs, strict=True):
        print(f"{cell.label}: {cost.seconds:.2g} s, {cost.memory / 2**20:.1f} MiB")
    states = sum(sorted((cost.memory for cost in costs), reverse=True)[:threads])
    print(
        f"{len(plan.cells)} cells on {threads} threads: about "
        f"{clock(makespan((cost.seconds for cost in costs), threads))} and "
        f"{(memory_of_traces(plan.cells) + states) / 2**20:.0f} MiB beside the program itself, of which "
        f"{states / 2**20:.0f} MiB are the cells' and the rest is the traces'. Estimated from short replays on this "
        "machine; compiling a policy for the first time takes a few seconds more."
    )
