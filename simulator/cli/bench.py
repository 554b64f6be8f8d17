"""Measures speed and memory on this machine, beside the best of the field where it is installed, and prints tables."""

from __future__ import annotations

import argparse
import importlib
import json

HELP = "measure speed and memory on this machine"

# The modules of simulator/bench, and what they measure.
_SUBJECTS = {
    "replay": "replay: every policy, from the file or from memory, beside libcachesim",
    "pages": "pages: bookkeeping of shared pages and prefixes, and the memory that sharing saves",
    "pool": "pool: copying pages of K/V in torch, beside a plain copy",
    "ranks": "ranks: a workload over ranks that share their pages or do not: hits, and the throughput they make",
    "tiers": "tiers: pages into host memory and a slab on disk and back, and where a codec pays",
    "codecs": "codecs: bytes, time and errors of stored K/V pages, beside a plain copy",
    "model": "model: prefill, decoding and drafts of a model over pages of K/V, and what semantic hits cost",
    "experiment": "experiment: what a grid of cells costs beside its replays, and how well that is told beforehand",
    "stream": "stream: traces larger than memory, mapped or generated on the fly, beside one in memory",
    "entries": "entries: every policy online, a call at a time, and exact lookups",
    "semantic": "semantic: embedders, and indexes of their vectors",
    "serving": "serving: how many requests of a server are simulated in a second",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import positive

    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    for subject, what in _SUBJECTS.items():
        sub = subjects.add_parser(subject, help=what, description=f"Measures {what}.")
        sub.add_argument("--rounds", type=positive, default=3, help="measure so many times (default: 3)")
        sub.add_argument("--json", action="store_true", help="print one JSON object per row")
        if subject == "replay":
            sub.add_argument(
                "--requests", type=positive, default=20_000_000, help="of the Zipf trace (default: 20 million)"
            )
        if subject == "experiment":
            sub.add_argument("--requests", type=positive, help="of the trace of the grid (default: 1 million)")
            sub.add_argument("--cells", type=positive, help="of the grid (default: 1,000)")
        if subject == "serving":
            sub.add_argument(
                "--requests", type=positive, default=100_000, help="about, of the conversations (default: 100,000)"
            )
            sub.add_argument("--longest", type=positive, help="of one that is measured once (default: 1 million)")
        if subject == "stream":
            sub.add_argument("--requests", type=positive, help="the longer of two lengths (default: 50 million)")
        if subject in ("replay", "entries", "experiment", "stream"):
            sub.add_argument("--policies", metavar="NAME,...", type=lambda names: names.split(","), help="only these")


def run(args: argparse.Namespace) -> int:
    module = importlib.import_module(f"kvreplay.simulator.bench.{args.subject}")
    options = {
        name: value
        for name, value in vars(args).items()
        if name not in ("command", "subject", "json", "debug", "run") and value is not None
    }
    table = None
    for row in module.measure(**options):
        if args.json:
            print(json.dumps({"table": row.table, **row.cells}), flush=True)
            continue
        if row.table != table:
            table = row.table
            rules = ["---" if isinstance(cell, str) else "---:" for cell in row.cells.values()]
            print(f"\n{table}\n\n| {' | '.join(row.cells)} |\n|{'|'.join(rules)}|", flush=True)
        print(f"| {' | '.join(map(_text, row.cells.values()))} |", flush=True)
    return 0


def _text(cell: str | int | float | None) -> str:
    """A cell as a person reads it: three figures, or all that are in front of the point."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell
