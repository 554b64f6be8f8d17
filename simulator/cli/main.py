"""The `kvreplay` command: finds the sub-command, runs it, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from importlib.metadata import version

COMMANDS = ("run", "replay", "check", "compare", "plot", "report", "traces", "policies", "schema", "bench")


def main(argv: list[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 a check failed, 2 bad input, 3 some cells failed, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="kvreplay",
        description="Replay request traces against KV-cache policies, and report what each would hit.",
    )
    parser.add_argument("--version", action="version", version=f"kvreplay {version('kvreplay')}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        command = importlib.import_module(f"kvreplay.simulator.cli.{name}")
        sub = commands.add_parser(name, help=command.HELP, description=command.__doc__)
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) went away: not an error, but Python would print one at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        # TraceError, PolicyError, ExperimentError and ParameterError are all ValueErrors.
        if args.debug:
            raise
        print(f"kvreplay: {error}", file=sys.stderr)
        return 2
