"""How every command names a trace: a file, a name from the catalogue, or a workload to generate."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvreplay.traces import Trace


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that `open_source` takes: SOURCE, --format and --option."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="file, name from `kvreplay traces list`, or generate:WORKLOAD:key=value:…",
    )
    parser.add_argument("--format", metavar="NAME", help="of the file (default: told from its content)")
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="of the format's reader; may be repeated",
    )


def open_source(source: str, format: str | None = None, options: Sequence[str] = ()) -> Trace:
    """The trace that `source` names, as the arguments of `add_source_arguments` have it.

    Raises TraceError, or ParameterError for an option that is not KEY=VALUE or not known.
    """
    from kvreplay.traces import TraceError, generate, load

    if not source.startswith("generate:"):
        return load(source, format, **parse_pairs(options, "--option"))
    if format or options:
        raise TraceError(
            f"{source}: a generated workload takes no --format or --option",
            mend="write generate:NAME:key=value",
        )
    _, workload, *pairs = source.split(":")
    return generate(workload, **parse_pairs(pairs, source))


def parse_pairs(pairs: Sequence[str], where: str) -> dict[str, Any]:
    """``key=value`` texts as a dictionary, values read as in YAML. Raises ParameterError naming `where`."""
    import yaml

    from kvreplay.parameters import ParameterError

    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not (key and equals):
            raise ParameterError(f"{where}: {pair!r} is not KEY=VALUE; write for example page_tokens=16")
        try:
            values[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ParameterError(f"{where}: {text!r} is not a value; quote it as in YAML") from None
    return values
