"""Simulates replicas of a model under a trace's traffic, and prints latency, throughput and memory, all modelled.

`kvreplay run` compares many: `clock: modelled` in an experiment.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

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
    "capacity": "KV memory of a replica, such as 40GiB, 20%% or 500000tokens (default: device, what the weights leave)",
    "slo_ttft": "seconds to the first token that goodput asks for",
    "slo_tpot": "seconds between tokens that goodput asks for",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import add_source_arguments, picture

    add_source_arguments(parser)
    add_settings(parser)
    parser.add_argument("--out", metavar="DIR", help="write the tables there: requests, seconds, steps, and the row")
    parser.add_argument("--plot", metavar="FILE", type=picture, help="draw what happened, .png or .svg")
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
    """The settings that were given, for `simulate` to check."""
    from kvreplay.parameters import ParameterError, parse_pairs

    named = [f"{name}={value}" for name in _ARGUMENTS if (value := getattr(args, name)) is not None]
    settings = parse_pairs([*named, *args.set], "--set")
    if "trace" in settings:
        raise ParameterError("--set trace: is no setting; give the trace itself")
    return settings


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.serving import simulate

    from .sources import open_source

    trace = open_source(args.source, args.format, args.option)
    simulation = simulate(trace, **given_settings(args))
    row = simulation.row
    if args.out is not None:
        simulation.write(args.out)
    nothing = row["refused"] == trace.n_requests
    if args.plot is not None and not nothing:
        from kvreplay.simulator.report.serving_plots import draw_simulation

        draw_simulation(simulation, args.plot)
    if args.chrome_trace is not None:
        from kvreplay.simulator.serving.perfetto import write_chrome_trace

        write_chrome_trace(simulation, args.chrome_trace)
    if args.json:
        print(json.dumps(row))
        return 0
    devices = f"{row['tensor_parallel']} x {row['device']}" if row["tensor_parallel"] > 1 else row["device"]
    print(
        f"{trace.name} on {row['replicas']} x {row['model']}, {devices} each, modelled (step cost: {row['step_cost']})"
    )
    print(
        f"{trace.n_requests:,} requests in {row['seconds']:,.0f} s, {row['refused']:,} refused: "
        f"{_figure(row['requests_per_second'])} requests, {_figure(row['prompt_tokens_per_second'])} prompt tokens, "
        f"{_figure(row['output_tokens_per_second'])} output tokens a second"
    )
    if nothing:
        print(f"nothing is served: every request needs more than the {row['capacity']:,} pages of a replica")
        if args.plot is not None:
            print(f"{args.plot} is not drawn")
        return 0
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
    for tier in simulation.setup.stack.tiers:
        hits, lookups, wrong = (row[f"{tier.name}_{count}"] for count in ("hits", "lookups", "false_hits"))
        precision = f" (precision {_figure(row['semantic_precision'])})" if tier.name == "semantic" else ""
        print(f"\n{tier.name}: {hits:,} of {lookups:,} lookups answered, {wrong:,} of them wrongly{precision}")
    saved = f"{row['tokens_saved']:,} prompt tokens found in pages, {row['prefilled_tokens']:,} computed"
    print(f"\ntoken hit ratio {_figure(row['token_hit_ratio'])}: {saved}")
    for place, share in json.loads(row["loaded"] or "{}").items():
        print(f"loaded from {place}: {_figure(share)} of the prompt tokens")
    for link, moved in json.loads(row["moved"]).items():
        if moved:
            print(f"moved over {link}: {moved / 2**30:,.1f} GiB")
    if row["prefill_replicas"]:
        shares = f"{row['prefill_utilisation']:.1%} and {row['decode_utilisation']:.1%} of the time"
        print(f"of {row['replicas']} replicas {row['prefill_replicas']} prefill, the others decode: busy {shares}")
    print(
        f"memory {row['capacity']:,} pages of {simulation.server.page_tokens} tokens a replica, most "
        f"{row['peak_held_pages']:,} in "
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
