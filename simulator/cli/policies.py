"""Lists the policies and admission filters by name, or explains one: what it does, its source, and its parameters."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvreplay.policies import Policy

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
        elif not policy.hooks.sized:
            print("counts in pages: for pages of one size only")
    else:
        for name in names():
            policy = get(name)
            print(f"{name:20} {_first_sentence(policy.hooks.decide.__module__)}{_traits(policy)}")
        print("\nadmission filters, in front of any policy that lets everything in (lru+tinylfu):")
        for name in FILTERS:
            print(f"{name:20} {_first_sentence(get_filter(name).module.__name__)}")
    return 0


def _text(module: str) -> str:
    return inspect.cleandoc(sys.modules[module].__doc__ or "no description")


def _first_sentence(module: str) -> str:
    return " ".join(_text(module).split()).split(". ")[0].split(" (")[0].rstrip(".")


def _traits(policy: Policy) -> str:
    """What tells a name from others of the same module, and where the policy can be used."""
    defaults = inspect.signature(policy.hooks.init).parameters
    traits = [f"{key}={value}" for key, value in policy.params.items() if value != defaults[key].default]
    if "future" in policy.needs:
        traits.append("offline")
    if policy.hooks.reading:
        traits.append(f"{policy.hooks.reading} reading only")
    return f" ({', '.join(traits)})" if traits else ""


def _print_parameters(params: Mapping[str, Any]) -> None:
    print("\nparameters:" if params else "\nno parameters")
    for key, value in params.items():
        print(f"  {key} = {value}")
