"""Prints what no cache passes, whatever its policy, and how far policies get towards it from LRU.

For pages of one size that is the offline optimum of page hits, exactly; for objects of different sizes, and for tokens,
it lies between two bounds. Shares of the way are taken to the upper one: each policy gets that far at least.
"""

from __future__ import annotations

import argparse
import itertools
import json
from typing import TYPE_CHECKING, Any

from kvreplay.simulator.headroom import BASELINE, share_of_way
from kvreplay.simulator.report import numbers

if TYPE_CHECKING:
    from kvreplay.simulator.replay import Bound

HELP = "print the offline optimum, or bounds on it, and how far policies get towards it"

# The columns of a row that have bounds: the ratio they come to, and of what.
_BOUNDED = {
    "hits": ("page hit ratio", "pages"),
    "tokens_saved": ("token hit ratio", "tokens"),
    "byte_hits": ("byte hit ratio", "bytes"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .run import add_threads_argument
    from .sources import add_cache_arguments, add_source_arguments

    add_source_arguments(parser)
    add_cache_arguments(parser)
    add_threads_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per capacity")


def run(args: argparse.Namespace) -> int:
    from kvreplay.policies import get
    from kvreplay.simulator.replay import bounds, fit, parse_capacity, sweep
    from kvreplay.simulator.replay.trial import try_out
    from kvreplay.simulator.report.table import Table, as_text

    from .sources import open_source

    labels = dict.fromkeys([BASELINE, *(get(spec).label for spec in args.policy.split(","))])
    policies = [get(label) for label in labels]
    capacities = [parse_capacity(text) for text in args.capacity.split(",")]
    trace = open_source(args.source, args.format, args.option)
    settings = {"reading": args.pages, "bytes_per_token": args.bytes_per_token}
    for policy, capacity in itertools.product(policies, capacities):  # all mistakes before any result
        fit(trace, policy, capacity, **settings)
        try_out(policy)
    results = sweep(trace, policies, capacities, seed=args.seed, threads=args.threads, **settings)
    rows = [result.row for result in results]
    lines: list[list[str]] = []
    for number, capacity in enumerate(capacities):
        cells, limits = rows[number :: len(capacities)], bounds(trace, capacity, **settings)
        counts = {row["policy"]: {name: row[name] for name in limits} for row in cells}
        if args.json:
            print(json.dumps(_as_json(cells[0], limits, counts)), flush=True)
            continue
        exact = all(limit.lower == limit.upper for limit in limits.values())
        if not exact:
            counts["optimum, at least"] = {name: limit.lower for name, limit in limits.items()}
        counts["optimum" if exact else "optimum, at most"] = {name: limit.upper for name, limit in limits.items()}
        lines += [_line(label, cells[0], limits, counts[BASELINE], count) for label, count in counts.items()]
    if not args.json:
        header = ["policy", "capacity", "page hits"]
        for name in limits:
            header += [_BOUNDED[name][0], "of the way"]
        title = f"{trace.name}, {args.pages} pages: {trace.n_accesses:,} page accesses, {trace.n_pages:,} pages"
        print(as_text(Table(title, header, lines)))
        print("of the way: from lru to the offline optimum, or to the upper bound on it")
    return 0


def _as_json(row: dict[str, Any], limits: dict[str, Bound], counts: dict[str, dict[str, int]]) -> dict[str, Any]:
    of = {name: row[name] for name in ("trace", "reading", "capacity", "capacity_unit", "pages", "tokens", "bytes")}
    base = counts[BASELINE]
    policies = {
        label: {
            name: {"count": count[name], "way": share_of_way(count[name], base[name], limits[name].upper)}
            for name in limits
        }
        for label, count in counts.items()
    }
    return of | {"bounds": {name: limit._asdict() for name, limit in limits.items()}, "policies": policies}


def _line(
    label: str, row: dict[str, Any], limits: dict[str, Bound], base: dict[str, int], count: dict[str, int]
) -> list[str]:
    cells = [label, numbers.size(row["capacity"], row["capacity_unit"]), f"{count['hits']:,}"]
    for name in limits:
        share = share_of_way(count[name], base[name], limits[name].upper)
        ratio = count[name] / row[_BOUNDED[name][1]]
        cells += [numbers.percent(ratio), "–" if share is None else numbers.percent(share, 1)]
    return cells
