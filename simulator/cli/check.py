"""Checks an experiment against its committed baseline, and prints what moved.

Exit codes: 0 all as in the baseline, 1 something moved, 2 no usable experiment or baseline, or a file
that cannot be written.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvreplay.simulator.experiment.baseline import Move, Verdict

HELP = "compare an experiment with its baseline"

_SHOWN = 60  # moves on the terminal; the files have all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="FILE", help="YAML file, such as experiments/regression.yaml")
    parser.add_argument("--baseline", metavar="DIR", type=Path, help="folder of NAME.csv (default: results/baselines)")
    parser.add_argument("--update", action="store_true", help="make what is obtained now the baseline")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="also write a JUnit XML file, a test case per cell")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="also write a Markdown summary")


def run(args: argparse.Namespace) -> int:
    from kvreplay.files import write_whole
    from kvreplay.simulator.experiment.baseline import BASELINES, check, update

    from .progress import ProgressLine

    folder = args.baseline or BASELINES
    if args.update:
        print(f"wrote {update(args.experiment, folder, watch=ProgressLine())}")
        return 0
    verdict = check(args.experiment, folder, watch=ProgressLine())
    if verdict.moves:
        print(_text(verdict.moves[:_SHOWN]))
        if len(verdict.moves) > _SHOWN:
            print(f"... and {len(verdict.moves) - _SHOWN} more: --markdown FILE has all")
    print(_summary(verdict), flush=True)
    # After the verdict, which must be told even where these cannot be written.
    if args.junit:
        write_whole(args.junit, _junit(verdict))
    if args.markdown:
        write_whole(args.markdown, _markdown(verdict))
    return 1 if verdict.moves else 0


def _summary(verdict: Verdict) -> str:
    moved = len({move.cell for move in verdict.moves})
    if not moved:
        return f"{verdict.name}: all {len(verdict.cells)} cells are as in {verdict.baseline}"
    mend = "if that is meant, accept it with --update"
    return f"{verdict.name}: {moved} of {len(verdict.cells)} cells are not as in {verdict.baseline}; {mend}"


_HEADER = ("cell", "metric", "obtained", "expected", "difference")


def _fields(move: Move) -> tuple[str, ...]:
    expected, obtained, difference = move.texts
    return (move.cell, move.metric, obtained, expected, difference)


def _text(moves: list[Move]) -> str:
    lines = [_HEADER, *map(_fields, moves)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADER))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _markdown(verdict: Verdict) -> str:
    lines = [f"## Check of {verdict.name}", "", _summary(verdict), ""]
    if verdict.moves:
        lines += [f"| {' | '.join(_HEADER)} |", "| --- | --- | ---: | ---: | ---: |"]
        for move in verdict.moves:
            lines.append(f"| {' | '.join(field.replace('|', chr(92) + '|') for field in _fields(move))} |")
    return "\n".join(lines) + "\n"


def _junit(verdict: Verdict) -> str:
    from xml.etree import ElementTree

    moves: dict[str, list[Move]] = {cell: [] for cell in verdict.cells}
    for move in verdict.moves:
        moves[move.cell].append(move)
    failures = sum(map(bool, moves.values()))
    counts = {"name": verdict.name, "tests": str(len(moves)), "failures": str(failures)}
    suite = ElementTree.Element("testsuite", counts)
    for cell, found in moves.items():
        case = ElementTree.SubElement(suite, "testcase", classname=f"check.{verdict.name}", name=cell)
        if found:
            message = f"moved: {', '.join(move.metric for move in found)}"
            ElementTree.SubElement(case, "failure", message=message).text = _text(found)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
