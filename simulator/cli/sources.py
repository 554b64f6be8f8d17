"""How commands name a trace (a file, a name from the catalogue, or a workload to generate), policies and capacities."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvreplay.traces import Trace


def add_source_arguments(parser: argparse.ArgumentParser, *, flag: bool = False, required: bool = True) -> None:
    """The arguments that `open_source` takes: SOURCE, or with `flag` --trace SOURCE; --format and --option."""
    what = "file, name from `kvreplay traces list`, or generate:WORKLOAD:key=value:…"
    if flag:
        parser.add_argument("--trace", dest="source", metavar="SOURCE", required=required, help=what)
    else:
        parser.add_argument("source", metavar="SOURCE", help=what)
    parser.add_argument("--format", metavar="NAME", help="of the file (default: told from its content)")
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="of the format's reader; may be repeated",
    )


def add_cache_arguments(parser: argparse.ArgumentParser) -> None:
    """What is replayed against a trace: --policy, --capacity, --pages, --seed and --bytes-per-token."""
    parser.add_argument(
        "--policy",
        default="lru",
        metavar="P,…",
        help="names, ./file.py or module:object; parameters as name:key=value; filters as lru+tinylfu",
    )
    parser.add_argument(
        "--capacity",
        default="1%,10%,50%",
        metavar="C,…",
        help="pages, or with a unit: 10%%, 4GiB, 500000tokens, unlimited",
    )
    parser.add_argument(
        "--pages",
        choices=("independent", "prefix"),
        default="independent",
        help="independent: every page for itself; prefix: only contiguous prefixes hit, and leaves leave first",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of policies that draw random numbers")
    parser.add_argument(
        "--bytes-per-token", type=positive, metavar="N", help="to give capacities in bytes: KV bytes a token"
    )


def positive(text: str) -> int:
    """An argument's whole number above 0, for `add_argument(type=positive)`."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")


def picture(text: str) -> Path:
    """An argument that names a picture, for `add_argument(type=picture)`."""
    if Path(text).suffix in (".png", ".svg"):
        return Path(text)
    raise argparse.ArgumentTypeError(f"{text}: unknown kind of picture; use .png or .svg")


def open_source(source: str, format: str | None = None, options: Sequence[str] = ()) -> Trace:
    """The trace that `source` names, as the arguments of `add_source_arguments` have it.

    Raises TraceError, or ParameterError for an option that is not KEY=VALUE or not known.
    """
    from kvreplay.parameters import ParameterError, parse_pairs
    from kvreplay.traces import TraceError, generate, load

    if not source.startswith("generate:"):
        given = parse_pairs(options, "--option")
        if given.keys() & {"source", "format"}:
            raise ParameterError("--option: a source or format is no option; name them as SOURCE and --format NAME")
        return load(source, format, **given)
    if format or options:
        raise TraceError(
            f"{source}: a generated workload takes no --format or --option",
            mend="write generate:NAME:key=value",
        )
    _, workload, *pairs = source.split(":")
    return generate(workload, **parse_pairs(pairs, source))
