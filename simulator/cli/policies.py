"""Lists the policies and admission filters by name, or explains one: what it does, its source, and its parameters."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Mapping
from typing import Any

HELP = "list the policies and admission filters, or explain one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "policy", nargs="?", help="a name, a path to a .py file, or module:object, maybe with a filter: lru+tinylfu"
    )


def run(args: argparse.Namespace) -> int:
    from kvreplay.policies import get, names
    from kvreplay.policies.admission import FILTERS, get_filter

    if args.policy in FILTERS:
        print(_text(get_filter(args.policy).module.__name__))
        _print_parameters(get_filter(args.policy).params)
        print(f"an admission filter: it goes in front of a policy, as in lru+{args.policy}")
    elif args.policy:
        policy = get(args.policy)
        print(_text(policy.hooks.decide.__module__))
        if policy.unfiltered is not None:
            print(f"\n{_text(get_filter(policy.name.rpartition('+')[2]).module.__name__)}")
        _print_parameters(policy.params)
        if policy.needs:
            print(f"needs: {', '.join(sorted(policy.needs))}")
        if policy.hooks.reading:
            print(f"works in the {policy.hooks.reading} reading only (--pages {policy.hooks.reading})")
    else:
        for name in names():
            hooks = get(name).hooks
            only = f" ({hooks.reading} reading only)" if hooks.reading else ""
            print(f"{name:20} {_first_sentence(hooks.decide.__module__)}{only}")
        print("\nadmission filters, in front of any policy that lets everything in (lru+tinylfu):")
        for name in FILTERS:
            print(f"{name:20} {_first_sentence(get_filter(name).module.__name__)}")
    return 0


def _text(module: str) -> str:
    return inspect.cleandoc(sys.modules[module].__doc__ or "no description")


def _first_sentence(module: str) -> str:
    return " ".join(_text(module).split()).split(". ")[0].split(" (")[0].rstrip(".")


def _print_parameters(params: Mapping[str, Any]) -> None:
    print("\nparameters:" if params else "\nno parameters")
    for key, value in params.items():
        print(f"  {key} = {value}")
