"""Draws the figures of a run again: for another metric, for one trace, or into another folder."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "draw the figures of a run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of a run, such as results/quickstart")
    parser.add_argument(
        "--metric", default="hit_ratio", metavar="M", help="such as prefix_hit_ratio (default: hit_ratio)"
    )
    parser.add_argument("--trace", metavar="T", help="of this trace only")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default: FOLDER/plots)")


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.experiment import open_results
    from kvreplay.simulator.report import write_plots

    out = args.out or args.folder / "plots"
    for path in write_plots(open_results(args.folder), out, args.metric, args.trace):
        print(path)
    return 0
