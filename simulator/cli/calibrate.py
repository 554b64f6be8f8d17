"""Fits step costs, writes them, and prints how well they foretell what they were not fitted to.

To a recorded run of a server; or, without one, to steps of the model on this machine, which are measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvreplay.simulator.serving.cost import StepCost

HELP = "fit step costs to a recorded run of a server, or to this machine"
_MODEL = "smollm2-135m"  # that this machine is measured with


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .simulate import add_settings
    from .sources import positive
    from .validate import add_run

    add_run(parser, nargs="?")
    add_settings(parser)
    parser.add_argument("--rounds", type=positive, default=3, help="of measuring this machine (default: 3)")
    parser.add_argument("--out", metavar="FILE.yaml", type=Path, required=True, help="for --set step_cost=FILE.yaml")


def run(args: argparse.Namespace) -> int:
    from .validate import given_run, print_errors

    given = given_run(args)
    if args.run_file is None:
        return _this_machine(given, args)
    from kvreplay.simulator.serving.calibration import calibrate

    found = calibrate(args.run_file, **given)
    print(f"{args.run_file}: the second half, with step costs as they were, and fitted to the first half")
    print_errors(found.before.rows())
    print_errors(found.after.rows())
    _write(found.cost, args.out)
    print(f"{found.simulations} simulations; simulate with --set step_cost={args.out}")
    return 0


def _this_machine(given: dict[str, Any], args: argparse.Namespace) -> int:
    import numpy as np

    from kvreplay.simulator.measured.calibration import calibrate_machine

    model = given.pop("model", _MODEL)
    if given:
        raise ValueError(f"calibrate: {', '.join(given)} without a recorded run; this machine takes --model alone")
    fit = calibrate_machine(model, rounds=args.rounds)
    device = fit.cost.device
    print(
        f"this machine, measured: {device.flops / 1e9:,.1f} GFLOP/s, {device.bandwidth / 1e9:,.1f} GB/s read and "
        f"written; {model}, steps that were not fitted, by the {fit.fitted} that were:"
    )
    for what, kind in (("prefill", True), ("decode", False)):
        errors = fit.errors[[(step.tokens > 0) == kind for step in fit.steps]]
        print(
            f"{what:>8}: {len(errors)} steps, off by {np.median(errors):.1%} in the median, {errors.max():.1%} at most"
        )
    _write(fit.cost, args.out)
    print(f"simulate with --model {model} --set step_cost={args.out}")
    return 0


def _write(cost: StepCost, out: Path) -> None:
    import yaml

    from kvreplay.files import write_whole
    from kvreplay.simulator.serving.cost import profile_of

    write_whole(out, yaml.safe_dump(profile_of(cost), sort_keys=False))
