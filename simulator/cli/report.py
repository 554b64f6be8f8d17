"""Makes summary.md, report.html and the plots of a run again from its table."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "make the report of a run again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of a run, such as results/quickstart")
    parser.add_argument(
        "--metric", default="hit_ratio", metavar="M", help="such as token_hit_ratio (default: hit_ratio)"
    )


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.report import write_report

    for path in write_report(args.folder, args.metric):
        print(path)
    return 0
