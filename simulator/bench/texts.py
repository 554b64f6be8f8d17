"""Real text that lies on every machine with Python: two chapters of its manual, and the source of a module."""

from __future__ import annotations

import argparse
import inspect
from pydoc_data.topics import topics


def texts() -> dict[str, str]:
    """Name -> text, of some 30,000 characters or more each."""
    return {"manual": topics["types"], "grammar": topics["compound"], "code": inspect.getsource(argparse)}
