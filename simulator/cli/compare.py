"""Compares two runs cell by cell, or two policies of one run: paired differences with 95 % confidence intervals.

An interval says how far a difference depends on the stretch of traffic, or the seed, that was replayed. It does not
cover other traffic. What lies inside it is called noise, and is no win.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

HELP = "paired differences between two runs, or two policies of one run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", type=Path, metavar="A", help="folder of a run")
    parser.add_argument("second", type=Path, metavar="B", nargs="?", help="folder of the run to hold against it")
    parser.add_argument("--policy", metavar="P,Q", help="instead of B: two policies of A, the second against the first")
    parser.add_argument(
        "--metric", metavar="M,…", help="such as hit_ratio,token_hit_ratio (default: page, prefix and token hit ratio)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per difference")


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.experiment import open_results
    from kvreplay.simulator.report import ReportError, compare, table

    policies = tuple(args.policy.split(",")) if args.policy else None
    if (args.second is None) == (policies is None) or (policies is not None and len(policies) != 2):
        raise ReportError("what to compare? give two folders A B, or one folder and --policy P,Q")
    first = open_results(args.first)
    second = None if args.second is None else open_results(args.second)
    metrics = args.metric.split(",") if args.metric else ("hit_ratio", "prefix_hit_ratio", "token_hit_ratio")
    comparison = compare(first, second, policies=policies, metrics=metrics)
    for note in comparison.notes:
        print(f"note: {note}", file=sys.stderr)
    if args.json:
        for difference in comparison.differences:
            print(json.dumps(difference._asdict()))
        return 0
    print("\n\n".join(table.as_text(table.differences(comparison, metric)) for metric in comparison.metrics))
    return 0
