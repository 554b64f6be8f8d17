"""Draws whole miss-ratio curves: the page hit ratio of every policy at capacities from 0.1 % to the whole trace.

Policies default to all that fit the trace, and are replayed at each capacity; LRU's curve is also drawn at every
capacity, from one pass. With --sample, ratios are estimated from samples of the pages, with 95 % intervals.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvreplay.simulator.replay import Curve

HELP = "draw whole miss-ratio curves of a trace"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .run import add_threads_argument
    from .sources import add_cache_arguments, add_source_arguments, positive

    add_source_arguments(parser)
    add_cache_arguments(parser)
    parser.set_defaults(policy="all", capacity=None)
    parser.add_argument(
        "--points", type=positive, default=24, metavar="N", help="on each curve, without --capacity (default: 24)"
    )
    parser.add_argument(
        "--sample", type=float, metavar="RATE", help="estimate from 9 samples of this share of the pages, such as 0.01"
    )
    add_threads_argument(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the rows, LRU's whole curve and a picture there")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.replay import curve_rows, lru_curve

    from .progress import ProgressLine
    from .sources import open_source

    trace = open_source(args.source, args.format, args.option)
    line = ProgressLine()
    rows = curve_rows(
        trace,
        None if args.policy == "all" else args.policy.split(","),
        args.capacity.split(",") if args.capacity else None,
        points=args.points,
        sample=args.sample,
        reading=args.pages,
        seed=args.seed,
        bytes_per_token=args.bytes_per_token,
        threads=args.threads,
        watch=lambda finished, total: line.show(finished, total, finished / total),
    )
    if args.json:
        for row in rows:
            print(json.dumps({**row, "policy_stats": json.loads(row["policy_stats"] or "{}")}))
    else:
        _show(args, rows)
    if args.out is not None:
        in_pages = args.pages == "independent" and rows[0]["capacity_unit"] == "pages"
        whole = in_pages and any(row["policy"] == "lru" for row in rows)
        _write(args.out, rows, lru_curve(trace) if whole else None)
    return 0


def _show(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    from kvreplay.policies import names
    from kvreplay.simulator.report import curves
    from kvreplay.simulator.report.table import as_text

    print(as_text(curves.table(rows)))
    if args.sample is not None:
        print(f"estimated from samples of {args.sample:g} of the pages, with 95 % intervals; lru is exact")
    left_out = set(names()) - {row["policy"] for row in rows}
    if args.policy == "all" and left_out:
        print(f"left out, as they do not fit: {', '.join(sorted(left_out))}; --policy NAME says why")


def _write(folder: Path, rows: list[dict[str, Any]], lru: Curve | None) -> None:
    """The files of a curve, each whole or not at all."""
    import polars as pl

    from kvreplay.files import write_whole
    from kvreplay.simulator.experiment.store import frame
    from kvreplay.simulator.replay.row import COLUMNS
    from kvreplay.simulator.report.curves import draw
    from kvreplay.simulator.report.figure import to_png, to_svg

    tables = {"rows.parquet": frame(rows, {name: dtype for name, (dtype, _) in COLUMNS.items()})}
    if lru is not None:
        tables["lru.parquet"] = pl.DataFrame({name: getattr(lru, name) for name in ("capacity", "hits", "hit_ratio")})
    figure = draw(rows, lru)
    files: dict[str, bytes | str] = {"curve.png": to_png(figure), "curve.svg": to_svg(figure)}
    for name, table in tables.items():
        parquet = io.BytesIO()
        table.write_parquet(parquet)
        files[name] = parquet.getvalue()
    for name, content in files.items():
        write_whole(folder / name, content)
        print(f"wrote {folder / name}", file=sys.stderr)
