"""Where the figures of a report come from, in words: what run.json says, as lines for a person."""

from __future__ import annotations

from typing import Any


def name(run: dict[str, Any]) -> str:
    return str(run.get("name") or "Replay")


def question(run: dict[str, Any]) -> str:
    """The question that the experiment asks, in its own words; empty where it states none."""
    return str((run.get("experiment") or {}).get("question") or "").strip()


def state(run: dict[str, Any]) -> str:
    """What is missing from the results, or nothing where they are complete."""
    failed = run.get("failed") or []
    if failed:
        first = f"{failed[0].get('label')}: {failed[0].get('error')}"
        return f"Incomplete: {len(failed)} of {run.get('cells')} cells failed, the first being {first}"
    if run.get("status") == "interrupted":
        return "Incomplete: the run was interrupted. Go on with --resume."
    return ""


def experiment(run: dict[str, Any]) -> str:
    """The expanded experiment as YAML."""
    import yaml

    return yaml.safe_dump(run.get("experiment") or {}, sort_keys=False, allow_unicode=True)


def facts(run: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, value) for everything else that run.json records, nested names joined by a space."""
    skipped = ("experiment", "failed", "traces", "stacks", "servers")
    lines = [line for key, value in run.items() if key not in skipped for line in _flat(key, value)]
    for trace in run.get("traces") or []:
        meta = trace.get("meta") or {}
        about = {key: value for key, value in trace.items() if key not in ("name", "meta", "spec")}
        about |= {key: value for key, value in meta.items() if isinstance(value, str | int | float)}
        lines.append(
            (f"trace {trace.get('name')}", ", ".join(f"{key} {_written(value)}" for key, value in about.items()))
        )
    return lines


def _flat(key: str, value: Any) -> list[tuple[str, str]]:
    if key == "dirty":
        key = "uncommitted changes"
    if isinstance(value, dict):
        return [line for inner, part in value.items() for line in _flat(inner, part)]
    return [(key, _written(value))] if value is not None else []


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
