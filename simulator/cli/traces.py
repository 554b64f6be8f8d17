"""Lists and fetches public traces, says what is in a trace, and converts it to kvreplay's own formats."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HELP = "list, fetch, describe and convert traces"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import add_source_arguments, picture, positive

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the public traces known by name")
    listing.add_argument("--json", action="store_true", help="print one JSON object per trace, with every detail")
    fetching = actions.add_parser("fetch", help="download a public trace, or check the copy in KVREPLAY_TRACE_DIR")
    fetching.add_argument("names", metavar="NAME", nargs="+", help="from `kvreplay traces list`")
    info = actions.add_parser("info", help="what a trace contains, in numbers and a picture")
    add_source_arguments(info)
    info.add_argument(
        "--bytes-per-token", type=positive, metavar="N", help="KV bytes a token, for the footprint in bytes"
    )
    info.add_argument("--plot", type=picture, metavar="FILE", help="draw the distributions into a .png or .svg")
    info.add_argument("--json", action="store_true", help="print one JSON object")
    actions.add_parser("workloads", help="the workloads that can be generated, and their parameters")
    actions.add_parser("formats", help="the file formats that can be read, and their options")
    converting = actions.add_parser("convert", help="write a trace as .parquet, .arrow or .kvtrace")
    add_source_arguments(converting)
    converting.add_argument("destination", type=Path, metavar="DEST", help="its suffix says which format")


def run(args: argparse.Namespace) -> int:
    actions = {
        "list": _list,
        "fetch": _fetch,
        "info": _info,
        "workloads": _workloads,
        "formats": _formats,
        "convert": _convert,
    }
    actions[args.action](args)
    return 0


def _list(args: argparse.Namespace) -> None:
    from dataclasses import asdict

    from kvreplay.traces import catalogue

    here = {entry.name: catalogue.present(entry) for entry in catalogue.entries()}
    if args.json:
        for entry in catalogue.entries():
            print(json.dumps({**asdict(entry), "present": here[entry.name]}))
        return
    print(f"{'name':24} {'here':4} {'size':>10}  {'licence':21} title")
    for entry in catalogue.entries():
        size = "" if entry.bytes is None else f"{entry.bytes / 1e6:,.1f} MB"
        mark = "yes" if here[entry.name] else ""
        print(f"{entry.name:24} {mark:4} {size:>10}  {entry.licence:21} {entry.title}")
    print("`kvreplay traces fetch NAME` gets one; --json adds notes, citations and sources")


def _fetch(args: argparse.Namespace) -> None:
    from kvreplay.traces import catalogue

    for entry in [catalogue.find(name) for name in args.names]:  # a wrong name stops before any download
        path = catalogue.fetch(entry.name, _Progress(entry.name))
        checked = "verified"
        if entry.sha256 is None:
            checked = f"NOT verified, the catalogue has no sum for it: {catalogue.digest(path, entry.file)}"
        print(f"{entry.name}: {path}\n  SHA-256 {checked}\n  licence {entry.licence}; cite {entry.citation}")


class _Progress:
    """Bytes received, on a line that is rewritten on a terminal, else on a line every ten seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._start = self._shown = time.monotonic()

    def __call__(self, received: int, total: int | None) -> None:
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        finished = received == total
        if not finished and now - self._shown < (0.1 if terminal else 10):
            return
        self._shown = now
        share = "" if not total else f" of {total / 1e6:,.1f} MB ({received / total:.0%})"
        speed = received / 1e6 / max(now - self._start, 1e-3)
        line = f"{self._name}: {received / 1e6:,.1f} MB{share}, {speed:,.1f} MB/s"
        end = "\n" if finished or not terminal else ""
        print(f"\r{line}\x1b[K" if terminal else line, end=end, file=sys.stderr, flush=True)


def _info(args: argparse.Namespace) -> None:
    from kvreplay.traces.statistics import summarise

    from .sources import open_source

    trace = open_source(args.source, args.format, args.option)
    summary = summarise(trace, args.bytes_per_token)
    if args.json:
        print(json.dumps(summary.as_dict()))
    else:
        from kvreplay.simulator.report.trace_text import describe

        print(describe(summary))
    if args.plot is not None:
        from kvreplay.simulator.report.trace_plots import draw

        draw(summary, args.plot)
        print(f"picture in {args.plot}", file=sys.stderr)


def _workloads(args: argparse.Namespace) -> None:
    from kvreplay.traces import workloads

    for name in workloads.names():
        _describe(name, workloads.find(name), workloads.find(name).__doc__)
    print("use one as generate:NAME:key=value, or in an experiment as {generate: NAME, key: value}")


def _formats(args: argparse.Namespace) -> None:
    from kvreplay.traces import formats

    for name in formats.names():
        reader = formats.find(name)
        _describe(name, reader.read, reader.__doc__)
    print("told from the content; else --format NAME, and --option KEY=VALUE for each option")


def _describe(name: str, function: Callable[..., Any], about: str | None) -> None:
    print(f"{name}: {' '.join((about or '').split(chr(10) * 2)[0].split())}")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            print(f"    {parameter.name} = {_written(parameter.default)}")


def _written(default: Any) -> str:
    """A default as an experiment writes it: nested settings as a mapping of what is set."""
    if default is inspect.Parameter.empty:
        return "(to be given)"
    if not dataclasses.is_dataclass(default):
        return str(default)
    settings = ((field.name, getattr(default, field.name)) for field in dataclasses.fields(default))
    return "{" + ", ".join(f"{name}: {value}" for name, value in settings if value is not None) + "}"


def _convert(args: argparse.Namespace) -> None:
    from kvreplay.traces import store
    from kvreplay.traces.formats.table import write_table

    from .sources import open_source

    suffixes = (".parquet", ".arrow", store.SUFFIX)
    if args.destination.suffix not in suffixes:
        raise ValueError(f"{args.destination}: unknown kind of file; use one of {', '.join(suffixes)}")
    trace = open_source(args.source, args.format, args.option)
    args.destination.parent.mkdir(parents=True, exist_ok=True)
    if args.destination.suffix == store.SUFFIX:
        store.save(trace, args.destination)
    else:
        write_table(trace, args.destination)
    print(f"{args.destination}: {trace.n_requests:,} requests, {trace.n_accesses:,} page accesses")
