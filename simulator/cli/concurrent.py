"""Replays a trace with many sequences at once, each with its lifetime: what sharing pages saves, and what runs out."""

from __future__ import annotations

import argparse
import json

HELP = "replay a trace with many sequences at once that share pages"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import add_source_arguments, positive

    add_source_arguments(parser)
    parser.add_argument("--policy", default="lru", metavar="P,…", help="by-page policies (default: lru)")
    parser.add_argument("--capacity", default="1000,10000", metavar="C,…", help="pages in memory")
    parser.add_argument("--at-once", type=positive, default=64, metavar="N", help="requests running (default: 64)")
    parser.add_argument(
        "--samples", type=positive, default=1, metavar="N", help="sequences of each prompt (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of policies that draw random numbers")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.caches.pages import PageError, replay_concurrent
    from kvreplay.simulator.report import numbers
    from kvreplay.simulator.report.table import Table, as_text

    from .sources import open_source

    capacities = args.capacity.split(",")
    for capacity in capacities:
        if not capacity.isdecimal():
            raise PageError(
                f"--capacity {capacity}: is no number of pages; a share of the trace leaves out what is generated"
            )
    trace = open_source(args.source, args.format, args.option)
    results = (
        replay_concurrent(trace, policy, int(capacity), at_once=args.at_once, samples=args.samples, seed=args.seed)
        for policy in args.policy.split(",")
        for capacity in capacities
    )
    if args.json:
        for result in results:
            print(json.dumps(result._asdict()), flush=True)
        return 0
    columns = ["requests", "refused", "preemptions", "hits", "peak logical", "peak held", "saved", "copies"]
    rows = [
        [
            f"{result.policy}, {result.capacity:,} pages",
            *(f"{getattr(result, column.replace(' ', '_')):,}" for column in columns[:6]),
            numbers.percent(result.saved),
            f"{result.copies:,}",
        ]
        for result in results
    ]
    title = f"{trace.name}: {args.at_once} requests at once, {args.samples} sequences each"
    print(as_text(Table(title, ["cache", *columns], rows)))
    print(
        "hits: full prompt pages found; logical: pages, once for every sequence that has them; held: each once; "
        "saved: by sharing, on average: 1 - held / logical"
    )
    return 0
