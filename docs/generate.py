"""Pages of the site that are made from what the repository has already: one source for each text."""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Files, config: object) -> Files:
    """MkDocs' hook: adds the generated pages to those of docs/."""
    pages = {name: _from_root((ROOT / source).read_text()) for name, source in _COPIES.items()}
    pages |= {"reference/commands.md": _commands(), "reference/policies.md": _policies()}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        pages |= _notebook(path)
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


_COPIES = {"index.md": "README.md", "changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
_GENERATED = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}


def _from_root(text: str) -> str:
    """Links of a page at the root of the repository, as they are in the site. What is not part of it loses its link."""

    def moved(link: re.Match[str]) -> str:
        text, target = link.groups()
        if target.startswith("docs/"):
            return f"[{text}]({target.removeprefix('docs/')})"
        if target in _GENERATED:
            return f"[{text}]({_GENERATED[target]})"
        return link[0] if "://" in target or target.startswith("#") else text

    return re.sub(r"\[([^\]]*)\]\(([^)]*)\)", moved, text)


def _commands() -> str:
    main = importlib.import_module("kvreplay.simulator.cli.main")
    page = [
        "# Commands\n\n`kvreplay COMMAND --help`, all on one page.",
        "Exit codes: 0 done, 1 a check failed, 2 bad input, 3 some cells failed, 130 interrupted.\n",
    ]
    for name in main.COMMANDS:
        command = importlib.import_module(f"kvreplay.simulator.cli.{name}")
        parser = argparse.ArgumentParser(
            prog=f"kvreplay {name}",
            description=command.__doc__,
            formatter_class=lambda prog: argparse.HelpFormatter(prog, width=100),
        )
        command.add_arguments(parser)
        page.append(f"## {name}\n\n```\n{parser.format_help()}```\n")
    return "\n".join(page)


def _policies() -> str:
    from kvreplay.policies import get, names

    page = [
        "# Policies\n\nWhat `kvreplay policies NAME` tells. Parameters go behind the name: `w-tinylfu:window=0.1`.\n"
    ]
    for name in names():
        policy = get(name)
        text = inspect.cleandoc(sys.modules[policy.hooks.decide.__module__].__doc__ or "")
        parameters = ", ".join(f"`{key}={value}`" for key, value in policy.params.items())
        page.append(f"## {name}\n\n{text}\n" + (f"\nParameters: {parameters}\n" if parameters else ""))
    return "\n".join(page)


def _notebook(path: Path) -> dict[str, str | bytes]:
    from nbconvert import MarkdownExporter

    exporter = MarkdownExporter()
    text, resources = exporter.from_filename(str(path))
    images = {f"notebooks/{path.stem}/{name}": data for name, data in resources["outputs"].items()}
    return {f"notebooks/{path.stem}.md": text.replace("](output_", f"]({path.stem}/output_"), **images}
