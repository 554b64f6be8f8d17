"""Serves a small model behind OpenAI's API, with the caches in front of it: exact, semantic, prefix pages.

Needs the extra `serve`; the model SmolLM2 needs the extra `model`. Ctrl-C and SIGTERM let what runs finish.
"""

from __future__ import annotations

import argparse
import sys

HELP = "serve a model behind OpenAI's API, with the caches in front of it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from kvreplay.simulator.server.settings import Settings

    for name, what in Settings.described().items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=name.split("_")[-1].upper(), help=what)


def run(args: argparse.Namespace) -> int:
    from kvreplay.parameters import parse_pairs
    from kvreplay.simulator.server import Settings, serve

    names = Settings.described()
    given = [f"{name}={value}" for name in names if (value := getattr(args, name)) is not None]
    settings = Settings.checked(**parse_pairs(given, "serve"))
    serve(settings, lambda what: print(f"kvreplay: serving {what}; Ctrl-C ends it", file=sys.stderr, flush=True))
    return 0
