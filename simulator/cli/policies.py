"""Lists the policies by name, or explains one: what it does, where it was published, and its parameters."""

from __future__ import annotations

import argparse
import inspect
import sys

HELP = "list the policies, or explain one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("policy", nargs="?", help="a name, a path to a .py file, or module:object")


def run(args: argparse.Namespace) -> int:
    from kvreplay.policies import get, names

    for name in [args.policy] if args.policy else names():
        policy = get(name)
        text = inspect.cleandoc(sys.modules[policy.hooks.decide.__module__].__doc__ or "no description")
        if args.policy:
            print(f"{text}\n\nparameters:" if policy.params else f"{text}\n\nno parameters")
            for key, value in policy.params.items():
                print(f"  {key} = {value}")
            if policy.needs:
                print(f"needs: {', '.join(sorted(policy.needs))}")
            if policy.hooks.reading:
                print(f"works in the {policy.hooks.reading} reading only (--pages {policy.hooks.reading})")
        else:
            only = f" ({policy.hooks.reading} reading only)" if policy.hooks.reading else ""
            print(f"{name:20} {' '.join(text.split()).split('. ')[0].split(' (')[0].rstrip('.')}{only}")
    return 0
