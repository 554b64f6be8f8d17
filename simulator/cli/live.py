"""Replays a trace against a real server that speaks OpenAI's completions API, and prints what it took, all measured.

Requests are sent on the trace's clock whether or not the server keeps up. Prompts are made up so that they share
prefixes as the trace's pages say. FOLDER gets run.csv for `kvreplay validate`; the same command again sends what was
not answered.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvreplay.simulator.live.run import LiveRun

HELP = "replay a trace against a real server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import add_source_arguments, picture, positive

    parser.add_argument("url", metavar="URL", help="of the server, such as http://127.0.0.1:8000")
    add_source_arguments(parser, flag=True)
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="where what happens is written")
    parser.add_argument("--speed", metavar="N", type=_speed, default=1.0, help="times the trace's pace, such as 2x")
    parser.add_argument("--max-requests", metavar="N", type=positive, help="only the first N requests of the trace")
    parser.add_argument(
        "--connections", metavar="N", type=positive, default=256, help="requests under way at most (default: 256)"
    )
    parser.add_argument("--model", metavar="NAME", help="to ask for (default: the first that the server names)")
    parser.add_argument("--api-key-env", metavar="VAR", help="environment variable that has the API key")
    parser.add_argument("--chat", action="store_true", help="use /v1/chat/completions instead of /v1/completions")
    parser.add_argument("--seed", type=int, default=0, help="another gives other texts: a server may remember the last")
    parser.add_argument(
        "--late", metavar="MS", type=float, default=50.0, help="behind its time that a request is late (default: 50)"
    )
    parser.add_argument(
        "--simulate",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="setting of `kvreplay simulate`, such as device=h100, by which to simulate the same requests; repeatable",
    )
    parser.add_argument("--plot", metavar="FILE", type=picture, help="draw what was measured, .png or .svg")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")


def run(args: argparse.Namespace) -> int:
    from kvreplay.parameters import parse_pairs
    from kvreplay.simulator.live.replay import replay_live
    from kvreplay.simulator.live.summary import summary
    from kvreplay.simulator.serving.simulation import prepare
    from kvreplay.simulator.serving.validation import validate

    from .progress import ProgressLine
    from .sources import open_source
    from .validate import print_errors, print_hits

    trace = open_source(args.source, args.format, args.option)
    settings = parse_pairs(args.simulate, "--simulate")
    if settings:
        prepare(trace, **settings)  # what is wrong with them is told before the run
    line = ProgressLine("requests")
    live = replay_live(
        trace,
        args.url,
        args.out,
        speed=args.speed,
        max_requests=args.max_requests,
        connections=args.connections,
        model=args.model,
        api_key=_api_key(args.api_key_env),
        chat=args.chat,
        seed=args.seed,
        progress=lambda done, total: line.show(done, total, done / total),
    )
    row = summary(live, trace, args.late / 1e3)
    simulated = validate(args.out / "run.csv", trace=trace, **settings) if settings and row["answered"] else None
    if args.plot is not None:
        from kvreplay.simulator.report.live_plots import draw_live

        draw_live(live, trace, args.plot, simulated)
    if args.json:
        print(json.dumps(row))
        return 0
    _print(row, live, args.late)
    if simulated is not None:
        of = simulated.simulation.row
        print(f"\nsimulated on {of['model']}, {of['device']}, step cost {of['step_cost']}, as kvreplay validate does")
        print_errors(simulated.rows())
        print_hits(simulated)
    return 0


def _print(row: dict[str, Any], live: LiveRun, late: float) -> None:
    from kvreplay.simulator.live.ruler import Ruler

    kinds = ", ".join(f"{kind} {count:,}" for kind, count in live.failures.most_common())
    print(f"{row['trace']} at {row['speed']:g}x to {row['model']} at {row['url']}, measured")
    print(
        f"{row['requests']:,} requests: {row['answered']:,} answered, {row['failed']:,} failed"
        + (f" ({kinds})" if kinds else "")
    )
    if not row["answered"]:
        return
    print(
        f"{row['late']:,} sent more than {late:g} ms late, the latest {1e3 * row['latest']:,.1f} ms; "
        f"{row['asked_again']:,} asked again because the server was busy"
    )
    print(
        f"{row['prompt_tokens']:,} prompt tokens, {row['prompt_error']:.3%} off the trace, "
        f"{row['prompt_error_most']:,} at most in one ({Ruler(**live.settings['ruler'])})"
    )
    print(f"{row['output_tokens']:,} output tokens; {row['shorter_answers']:,} answers shorter than in the trace")
    ratio = row["token_hit_ratio"]
    print(
        f"token hit ratio {'not told by the server' if ratio is None else f'{ratio:.2%}'}; "
        f"{row['cacheable_token_ratio']:.2%} with room for everything, modelled"
    )
    print(f"\n{'ms':>5} {'mean':>10} {'p50':>10} {'p90':>10} {'p99':>10}")
    for name in ("ttft", "tpot", "e2e"):
        figures = [row[f"{name}_{which}"] for which in ("mean", "p50", "p90", "p99")]
        print(f"{name:>5} " + " ".join("         -" if v is None else f"{1e3 * v:10,.1f}" for v in figures))
    print(f"\n{live.folder / 'run.csv'} is for `kvreplay validate`")


def _speed(text: str) -> float:
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no pace; write for example 2x")
    return speed


def _api_key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise ValueError(f"--api-key-env {variable}: the environment has no such variable; export it")
    return key
