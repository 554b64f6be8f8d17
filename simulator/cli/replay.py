"""Replays a trace against policies and capacities, without a YAML, and prints a table or one JSON object per row."""

from __future__ import annotations

import argparse
import itertools
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvreplay.simulator.report.table import Table

HELP = "replay a trace file against policies and capacities"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .run import add_threads_argument
    from .sources import add_cache_arguments, add_source_arguments

    add_source_arguments(parser)
    add_cache_arguments(parser)
    parser.add_argument(
        "--warmup", type=float, default=0, metavar="SHARE", help="of the requests that fills the cache first, uncounted"
    )
    parser.add_argument("--ttl", type=float, metavar="SECONDS", help="that an entry is good for (default: for ever)")
    parser.add_argument(
        "--cost-model", metavar="MODEL", help="whose prefill operations pages cost, such as llama-3.1-8b (modelled)"
    )
    parser.add_argument(
        "--sizing",
        metavar="NAME",
        help="what moves the capacity: hit-ratio, marginal-gain; or divides it among tenants, or in bytes among stack "
        "and pages: shares, marginal-shares; parameters as hit-ratio:low=0.4 (default: it is fixed)",
    )
    parser.add_argument(
        "--stack",
        metavar="YAML",
        default="[]",
        help="caches of whole answers in front of the pages, such as '[exact, semantic: {threshold: [0.8, 0.9]}]'",
    )
    add_threads_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")


def run(args: argparse.Namespace) -> int:
    from kvreplay.policies import get
    from kvreplay.simulator.experiment.entries import read_stacks
    from kvreplay.simulator.headroom import way
    from kvreplay.simulator.replay import fit, parse_capacity, sweep
    from kvreplay.simulator.replay.trial import try_out
    from kvreplay.simulator.report import answers

    from .sources import open_source

    policies = [get(spec) for spec in args.policy.split(",")]
    capacities = [parse_capacity(text) for text in args.capacity.split(",")]
    stacks = read_stacks(args.stack)
    trace = open_source(args.source, args.format, args.option)
    settings = {
        "reading": args.pages,
        "bytes_per_token": args.bytes_per_token,
        "warmup": args.warmup,
        "ttl": args.ttl,
        "cost_model": args.cost_model,
        "sizing": args.sizing,
    }
    cells = list(itertools.product(stacks, policies, capacities))
    for stack, policy, capacity in cells:  # all mistakes before any result
        fit(trace, policy, capacity, stack=stack, **settings)
        try_out(policy)
    options = {"seed": args.seed, "threads": args.threads, **settings}
    results = itertools.chain.from_iterable(
        sweep(trace, policies, capacities, stack=stack, **options) for stack in stacks
    )
    if args.json:
        for result in results:
            told = json.loads(result.row["policy_stats"])
            print(json.dumps({**result.row, "policy_stats": told, **result.timings}), flush=True)
        return 0
    print(f"{trace.name}: {trace.n_requests:,} requests, {trace.n_accesses:,} page accesses, {trace.n_pages:,} pages")
    ratios = {"page": "hit_ratio", "prefix": "prefix_hit_ratio", "token": "token_hit_ratio"}
    if trace.page_bytes is not None:
        ratios["byte"] = "byte_hit_ratio"
    if trace.page_cost is not None or args.cost_model is not None:
        ratios["cost"] = "cost_hit_ratio"
    if any(stack.tiers for stack in stacks):
        ratios["spared"] = "tokens_spared_ratio"
    print(f"{'policy':24} {'capacity':>24} {'page hits':>12} {' '.join(f'{name:>7}' for name in ratios)} M pages/s")
    hits: dict[str, dict[str, float]] = {}  # by capacity and policy
    rows: list[dict] = []
    for result, (stack, _, written) in zip(results, cells, strict=True):
        row = result.row
        if stack.tiers and (not rows or rows[-1]["stack"] != row["stack"]):
            print(f"behind {stack.label}")
        rows.append(row)
        capacity = f"{row['capacity']:,} {row['capacity_unit']}"
        if not written.text.isdecimal():
            capacity = f"{written.text} = {capacity}"
        if row["sizing"]:
            capacity += f", mean {row['mean_capacity']:,.0f}"
        shown = " ".join(f"{row[name]:7.4f}" if row[name] is not None else f"{'-':>7}" for name in ratios.values())
        speed = result.timings["pages_per_second"] / 1e6
        print(f"{row['policy']:24} {capacity:>24} {row['hits']:>12,} {shown} {speed:9.1f}", flush=True)
        if row["capacity_unit"] == "pages" and not stack.tiers:
            hits.setdefault(f"{row['capacity']:,}", {})[row["policy"]] = row["hits"]
    spared = "; spared, by stack and pages, of all prompt tokens" if "spared" in ratios else ""
    cost = "; cost, of what all pages cost" + (" (modelled)" if args.cost_model else "") if "cost" in ratios else ""
    print(
        "hit ratios: page, of all page accesses; prefix, only those before a request's first miss; token, of prompt "
        f"tokens{cost}{spared}. M pages/s: measured"
    )
    _print(answers.table(rows))
    if not args.warmup and args.ttl is None and args.sizing is None:
        _print_ways({capacity: way(found) for capacity, found in hits.items()})
    return 0


def _print_ways(ways: dict[str, dict[str, float]]) -> None:
    """By capacity and policy the share of the way from LRU to the offline optimum, where both were replayed."""
    from kvreplay.simulator.report import numbers
    from kvreplay.simulator.report.table import Table

    known = {capacity: way for capacity, way in ways.items() if way}
    if known:
        policies = dict.fromkeys(policy for way in known.values() for policy in way)
        rows = [
            [policy, *(numbers.percent(way[policy], 1) if policy in way else "–" for way in known.values())]
            for policy in policies
        ]
        title = "page hits: share of the way from lru to the offline optimum, by capacity in pages"
        _print(Table(title, ["policy", *known], rows))


def _print(table: Table | None) -> None:
    from kvreplay.simulator.report.table import as_text

    if table is not None:
        print(f"\n{as_text(table)}")
