"""Public names that are imported when they are first used: `import kvreplay` and `--help` must not wait for numba."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def lazy(package: str, homes: dict[str, str]) -> tuple[Callable[[str], Any], list[str]]:
    """A module's `__getattr__` (PEP 562) and `__all__`, for public names and the modules they live in."""

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name], package), name)

    return __getattr__, list(homes)
