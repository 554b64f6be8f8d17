"""Simulates a recorded run of a real server, and prints how far the simulated latencies are from the recorded ones."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvreplay.simulator.serving.validation import Validation

HELP = "compare a recorded run of a server with its simulation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .simulate import add_settings
    from .sources import picture

    add_run(parser)
    add_settings(parser)
    parser.add_argument("--plot", metavar="FILE", type=picture, help="draw both distributions, .png or .svg")
    parser.add_argument("--json", action="store_true", help="print one JSON object per latency")


def add_run(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    """The recorded run, which `nargs` "?" leaves out, and the trace that it is of, for `given_run`."""
    from .sources import add_source_arguments

    parser.add_argument(
        "run_file",
        metavar="RUN.csv",
        nargs=nargs,
        help="columns arrival, prompt_tokens, output_tokens, first_token, end, in seconds; with --trace, request",
    )
    add_source_arguments(parser, flag=True, required=False)


def given_run(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of its simulation that were given, and the trace whose prefixes its requests share."""
    from .simulate import given_settings
    from .sources import open_source

    traced = {} if args.source is None else {"trace": open_source(args.source, args.format, args.option)}
    return given_settings(args) | traced


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.serving.validation import validate

    validation = validate(args.run_file, **given_run(args))
    rows = validation.rows()
    if args.plot is not None:
        from kvreplay.simulator.report.serving_plots import draw_validation

        draw_validation(validation, args.plot)
    if args.json:
        for row in rows:
            print(json.dumps(row))
        return 0
    simulated = validation.simulation.row
    print(
        f"{args.run_file}: {simulated['requests']:,} requests, {simulated['refused']:,} refused in the simulation; "
        f"{simulated['model']} on {simulated['device']}, step cost {simulated['step_cost']}"
    )
    if args.source is None:
        print("no prompt shares a prefix with another: give --trace, if the server cached prefixes")
    print_errors(rows)
    print_hits(validation)
    return 0


def print_hits(validation: Validation) -> None:
    """How much of the prompts was cached, where the run tells."""
    recorded, simulated = validation.token_hit_ratios
    if recorded is not None:
        print(f"token hit ratio: {recorded:.2%} recorded, {simulated:.2%} simulated")


def print_errors(rows: list[dict[str, Any]]) -> None:
    """A table of what was recorded and simulated, and how far the one is from the other."""
    print(f"{'ms':>5} {'':>10} {'mean':>10} {'p50':>10} {'p90':>10} {'p99':>10} {'KS':>7}")
    for row in rows:
        for kind in ("recorded", "simulated"):
            values = " ".join(f"{1e3 * row[f'{figure}_{kind}']:10,.1f}" for figure in ("mean", "p50", "p90", "p99"))
            print(f"{row['latency'] if kind == 'recorded' else '':>5} {kind:>10} {values}")
        errors = " ".join(f"{100 * row[f'{figure}_error']:+8.1f} %" for figure in ("mean", "p50", "p90", "p99"))
        print(f"{'':>5} {'error':>10} {errors} {row['ks']:7.3f}")
