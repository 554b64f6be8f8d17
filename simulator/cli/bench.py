"""Measures speed and memory of the replay on this machine, beside libcachesim where installed, and prints tables."""

from __future__ import annotations

import argparse
import json

HELP = "measure speed and memory, beside libcachesim"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import positive

    parser.add_argument("what", choices=["replay"])
    parser.add_argument("--requests", type=positive, default=20_000_000, help="of the Zipf trace (default: 20 million)")
    parser.add_argument("--rounds", type=positive, default=3, help="measure so many times (default: 3)")
    parser.add_argument("--policy", help="only these, separated by commas")
    parser.add_argument("--json", action="store_true", help="print one JSON object per measurement")


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.bench.replay import bench

    table = None
    for entry in bench(args.requests, args.rounds, args.policy.split(",") if args.policy else None):
        if args.json:
            print(json.dumps(entry), flush=True)
            continue
        if entry["table"] != table:
            table = entry["table"]
            print(_HEADS[table], flush=True)
        if table in ("engine", "file"):
            print(_speed_line(entry), flush=True)
        elif table == "threads":
            seconds = f"{entry['one wall']:.2f} | {entry['two wall']:.2f} | {entry['ratio']:.2f}"
            line = f"| {entry['trace'].split(':')[0]} | {entry['policy']} | {entry['capacities']} | {seconds} |"
            print(line, flush=True)
        else:
            print(f"| {entry['what']} | {entry['value']:.2f} |", flush=True)
    return 0


_SPEED_HEAD = (
    "| trace | capacity | policy | {} | libcachesim tuned | its default | x tuned | x default | x tuned, wall |\n"
    "|---|---:|---|" + "---:|" * 7
)
_HEADS = {
    "engine": "\nEngine against engine, million page accesses per CPU second\n\n"
    + _SPEED_HEAD.format("floor | kvreplay"),
    "file": "\nFile to answer (LRU), million page accesses per CPU second; again: with our store at hand\n\n"
    + _SPEED_HEAD.format("again | kvreplay"),
    "threads": "\nTwo threads over capacities, wall seconds; the median of the rounds\n\n"
    "| trace | policy | capacities | one thread | two threads | x |\n|---|---|---:|---:|---:|---:|",
    "memory": "\n| memory | bytes |\n|---|---:|",
    "start": "\n| start | seconds |\n|---|---:|",
}


def _speed_line(entry: dict) -> str:
    def ratio(other: str, clock: str = "cpu") -> str:
        key = f"{other} {clock}"
        return f"{entry[f'ours {clock}'] / entry[key]:.1f}" if key in entry else "-"

    def speed(name: str) -> str:
        return f"{entry[f'{name} cpu']:.1f}" if f"{name} cpu" in entry else "-"

    first = "floor" if entry["table"] == "engine" else "ours, again"
    cells = [
        entry["trace"].split(":")[0],
        f"{entry['capacity']:,}",
        entry["policy"],
        speed(first),
        speed("ours"),
    ]
    cells += [speed("tuned"), speed("default"), ratio("tuned"), ratio("default"), ratio("tuned", "wall")]
    return f"| {' | '.join(cells)} |"
