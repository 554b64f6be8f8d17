"""Serves the runs of a folder as pages on this machine: a table to filter, their reports, what moved between two."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

HELP = "look at and compare the runs of a folder in a browser"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", nargs="?", default=Path("results"), help="default: results"
    )
    parser.add_argument(
        "--port", type=int, default=8042, metavar="N", help="of 127.0.0.1; 0: any free one (default: 8042)"
    )


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.ui import make_server

    with make_server(args.folder, args.port) as server, contextlib.suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{server.server_port}/ shows the runs in {args.folder}; Ctrl-C ends it", flush=True)
        server.serve_forever()
    return 0
