"""Passes requests on to a server that speaks OpenAI's API, and records them as a trace for `kvreplay replay`.

Point clients at this instead of the server. Recorded are arrivals, lengths, and keyed hashes of prompts' pages: which
prompts share how long a prefix, not what they say. Ctrl-C and SIGTERM end it; FILE can be read at any time.
"""

from __future__ import annotations

import argparse
import sys

HELP = "record the traffic of a real server as a trace"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from .sources import positive

    parser.add_argument("--upstream", metavar="URL", required=True, help="the server, such as http://127.0.0.1:8000")
    parser.add_argument("--out", metavar="FILE", required=True, help="new file, JSONL as Mooncake's")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8001, help="0: any that is free (default: 8001)")
    parser.add_argument(
        "--tokenizer",
        metavar="NAME",
        default="words",
        help="words (default), bytes, or module:object for a model's own",
    )
    parser.add_argument("--page-tokens", metavar="N", type=positive, default=16, help="tokens in a page (default: 16)")
    parser.add_argument("--texts", action="store_true", help="write every prompt in clear, as JSONL of prompts")


def run(args: argparse.Namespace) -> int:
    from kvreplay.simulator.live.proxy import record

    if args.texts:
        print(f"kvreplay: --texts: EVERY PROMPT IS WRITTEN IN CLEAR to {args.out}", file=sys.stderr)
    read = f"--option tokenizer={args.tokenizer} " if args.texts else ""
    written = record(
        args.upstream,
        args.out,
        host=args.host,
        port=args.port,
        tokenizer=args.tokenizer,
        page_tokens=args.page_tokens,
        texts=args.texts,
        ready=lambda url: print(f"{url} passes on to {args.upstream}, recording to {args.out}", flush=True),
    )
    print(f"{written:,} requests; kvreplay replay {args.out} {read}--option page_tokens={args.page_tokens}")
    return 0
