"""Prints the JSON schema of experiment files, so that editors complete and check them."""

from __future__ import annotations

import argparse
import json

HELP = "print the JSON schema of experiment files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.experiment.json_schema import json_schema

    print(json.dumps(json_schema(), indent=1))
    return 0
