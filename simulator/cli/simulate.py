"""Simulates replicas of a model under a trace's traffic, and prints latency, throughput and memory, all modelled.

SOURCE may be a YAML file of `question`, `trace` and `settings`. Settings take several values, with commas between: then
every combination is simulated, and a table compares them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvreplay.simulator.serving.simulation import Simulation

HELP = "simulate a server under a trace's traffic: latency, throughput, memory"

# Settings with an argument of their own; the others are given by --set.
_ARGUMENTS = {
    "model": "name in simulator/serving/models.yaml (default: llama-3.1-8b)",
    "device": "name in simulator/serving/hardware.yaml (default: h100)",
    "replicas": "copies of the model (default: 1)",
    "tensor_parallel": "devices that share a copy (default: 1)",
    "router": "round-robin (default), least-loaded, session-sticky, prefix-aware or cache-load",
    "order": "of admission: fcfs (default), shortest-prompt or prefix-aware",
    "policy": "which cached pages leave: vllm-lru (default), any that decides by page, or null for no caching",
    "rate": "arrivals so many times as fast as in the trace",
    "concurrency": "closed loop: so many requests under way, instead of the trace's arrivals",
    "kv_tokens": "tokens in the KV memory of a replica (default: what the weights leave)",
    "slo_ttft": "seconds to the first token that goodput asks for",
    "slo_tpot": "seconds between tokens that goodput asks for",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import add_source_arguments

    add_source_arguments(parser)
    add_settings(parser)
    parser.add_argument("--out", metavar="DIR", help="write the tables there: requests, seconds, steps, and the row")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw what happened, .png or .svg")
    parser.add_argument(
        "--chrome-trace", metavar="FILE", help="write every step and request of one simulation for ui.perfetto.dev"
    )
    parser.add_argument("--json", action="store_true", help="print the row as one JSON object")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The settings of a simulation, which `given_settings` reads."""
    for name, what in _ARGUMENTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=name.split("_")[-1].upper(), help=what)
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="any other setting of kvreplay.simulate, such as max_num_seqs=256; may be repeated",
    )


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, for `simulate` to check; a list where several values were, with commas between."""
    import yaml

    from kvreplay.parameters import parse_pairs

    named = [f"{name}={value}" for name in _ARGUMENTS if (value := getattr(args, name)) is not None]
    given = parse_pairs([*named, *args.set], "--set")
    return {
        name: yaml.safe_load(f"[{value}]") if isinstance(value, str) and "," in value else value
        for name, value in given.items()
    }


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.serving.sweep import combinations, read_sweep, sweep

    from .sources import open_source

    sources, settings = [args.source], given_settings(args)
    if args.source.endswith((".yaml", ".yml")):
        experiment = read_sweep(args.source)
        sources, settings = experiment.trace, {**experiment.settings, **settings}
        if experiment.question and not args.json:
            print(experiment.question)
    traces = [open_source(source, args.format, args.option) for source in sources]
    simulations = (simulation for trace in traces for simulation in sweep(trace, **settings))
    if len(traces) * len(combinations(settings)) == 1:
        return _one(next(simulations), args)
    return _many(simulations, args)


def _many(simulations: Iterator[Simulation], args: argparse.Namespace) -> int:
    if args.chrome_trace is not None:
        raise ValueError("--chrome-trace shows one simulation; give one value of each setting")
    from kvreplay.simulator.report.table import as_text
    from kvreplay.simulator.serving.tables import comparison, varied, write_rows

    rows = []
    for simulation in simulations:
        rows.append(simulation.row)
        if args.json:
            print(json.dumps(rows[-1]), flush=True)
    if args.out is not None:
        write_rows(rows, args.out)
    if args.plot is not None:
        from kvreplay.simulator.report.serving_plots import draw_sweep

        draw_sweep(rows, varied(rows), args.plot)
    if not args.json:
        print(as_text(comparison(rows)))
    return 0


def _one(simulation: Simulation, args: argparse.Namespace) -> int:
    row, trace = simulation.row, simulation.trace
    if args.out is not None:
        simulation.write(args.out)
    if args.plot is not None:
        from kvreplay.simulator.report.serving_plots import draw_simulation

        draw_simulation(simulation, args.plot)
    if args.chrome_trace is not None:
        from kvreplay.simulator.serving.perfetto import write_chrome_trace

        write_chrome_trace(simulation, args.chrome_trace)
    if args.json:
        print(json.dumps(row))
        return 0
    devices = f"{row['tensor_parallel']} x {row['device']}" if row["tensor_parallel"] > 1 else row["device"]
    print(f"{trace.name} on {row['replicas']} x {row['model']}, {devices} each, modelled (step cost: {row['cost']})")
    print(
        f"{row['requests']:,} requests in {row['seconds']:,.0f} s, {row['refused']:,} refused: "
        f"{_figure(row['requests_per_second'])} requests, {_figure(row['prompt_tokens_per_second'])} prompt tokens, "
        f"{_figure(row['output_tokens_per_second'])} output tokens a second"
    )
    if row["verdict"] == "unstable":
        print("unstable: the queue grew as long as requests arrived, so that latencies only tell how long that was")
    else:
        print(f"\n{'ms':>24} {'mean':>10} {'p50':>10} {'p90':>10} {'p99':>10}")
        for name, what in _TIMES.items():
            values = [row[f"{name}_{which}"] for which in ("mean", "p50", "p90", "p99")]
            if name == "handover" and values[0] is None:
                continue
            print(f"{what:>24} " + " ".join("         -" if v is None else f"{1e3 * v:10,.1f}" for v in values))
    if row["goodput"] is not None:
        print(f"\ngoodput {_figure(row['goodput'])} requests/s: {row['slo_ratio']:.1%} of requests within the SLO")
    for tier in simulation.settings["stack"].tiers:
        print(
            f"\n{tier.name}: {row[f'{tier.name}_hits']:,} of {row[f'{tier.name}_lookups']:,} lookups answered, "
            f"{row[f'{tier.name}_false_hits']:,} of them wrongly (precision {_figure(row[f'{tier.name}_precision'])})"
        )
    saved = f"{row['tokens_saved']:,} prompt tokens found in pages, {row['prefilled_tokens']:,} computed"
    print(f"\ntoken hit ratio {_figure(row['token_hit_ratio'])}: {saved}")
    for place in simulation.recorder.loaded_tokens:
        print(f"loaded from {place}: {_figure(row[f'{place}_token_ratio'])} of the prompt tokens")
    for link, moved in simulation.recorder.moved.items():
        if moved:
            print(f"moved over {link}: {moved / 2**30:,.1f} GiB")
    if row["prefill_replicas"]:
        shares = f"{row['prefill_utilisation']:.1%} and {row['decode_utilisation']:.1%} of the time"
        print(f"of {row['replicas']} replicas {row['prefill_replicas']} prefill, the others decode: busy {shares}")
    print(
        f"memory {row['pages']:,} pages of {row['page_tokens']} tokens a replica, most {row['peak_held_pages']:,} in "
        f"use; {row['preemptions']:,} preemptions; devices busy {row['utilisation']:.1%} of the time"
    )
    print(f"${row['dollars_per_million_tokens']:.3f} per million tokens, at the price that hardware.yaml assumes")
    return 0


_TIMES = {
    "queueing": "in the queue",
    "ttft": "to the first token",
    "tpot": "between tokens",
    "e2e": "to the end",
    "handover": "to be handed over",
}


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
