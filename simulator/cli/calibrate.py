"""Fits step costs to a recorded run of a server, writes them, and prints how well they foretell its second half."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "fit step costs to a recorded run of a server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .simulate import add_settings
    from .validate import add_run

    add_run(parser)
    add_settings(parser)
    parser.add_argument("--out", metavar="FILE.yaml", type=Path, required=True, help="for --set cost=FILE.yaml")


def run(args: argparse.Namespace) -> int:
    import yaml

    from kvreplay.files import write_whole
    from kvreplay.simulator.serving.calibration import calibrate
    from kvreplay.simulator.serving.cost import profile_of

    from .simulate import given_settings
    from .validate import print_errors

    found = calibrate(args.run_file, **given_settings(args))
    profile = profile_of(found.cost)
    write_whole(args.out, yaml.safe_dump(profile, sort_keys=False))
    print(f"{args.run_file}: the second half, with step costs as they were, and fitted to the first half")
    print_errors(found.before.rows())
    print_errors(found.after.rows())
    print(f"{found.simulations} simulations; simulate with --set cost={args.out}")
    return 0
