"""The `kvreplay` command: finds the sub-command, runs it, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import signal
import sys
import threading
import warnings
from importlib.metadata import version

COMMANDS = (
    *("run", "replay", "concurrent", "simulate", "validate", "calibrate", "curve", "bounds", "check", "claims"),
    *("compare", "plot", "report", "traces", "policies", "schema", "bench", "serve", "live", "record", "ui"),
)

_TORCH_EXTRAS = {"serve": "serve", "calibrate": "model"}  # of commands that need more than torch


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal cannot show is no reason to stop
    args = parser.parse_args(argv)
    warnings.formatwarning = _warning
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) went away: not an error, but Python would print one at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if args.debug or error.name != "torch":
            raise
        extra = _TORCH_EXTRAS.get(args.command, "torch")
        where = f"bench {args.subject}" if args.command == "bench" else args.command
        needs = f"needs torch, which is not installed; pip install 'kvreplay[{extra}]'"
        print(f"kvreplay: {where}: {needs}", file=sys.stderr)
        return 2
    except (ValueError, OSError) as error:
        # TraceError, PolicyError, ExperimentError and ParameterError are all ValueErrors.
        if args.debug:
            raise
        message = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        print(f"kvreplay: {message}", file=sys.stderr)
        return 2


def _warning(message: Warning | str, category: type[Warning], *where: object, **source: object) -> str:
    """A warning as a line to a user, who has no use for the place in our source."""
    return f"kvreplay: {message}\n"


def _terminate(number: int, frame: object) -> None:
    """A batch system's SIGTERM is an interruption like Ctrl-C: what has finished is kept."""
    raise KeyboardInterrupt
