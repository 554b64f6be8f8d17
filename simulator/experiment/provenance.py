"""Where a result comes from: the code, the libraries and the machine, as a typed record."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import kvreplay


@dataclass(frozen=True)
class Provenance:
    """What made a result. The git fields are None where the code is no git checkout."""

    version: str
    commit: str | None
    dirty: bool | None  # whether tracked files differed from the commit
    origin: str | None  # URL of the repository, without credentials
    python: str
    numpy: str
    numba: str
    polars: str
    platform: str
    cpu: str
    cores: int


def collect() -> Provenance:
    """The provenance of what this process computes."""
    commit = _git("rev-parse", "HEAD")
    origin = _git("remote", "get-url", "origin")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return Provenance(
        version=version("kvreplay"),
        commit=commit,
        dirty=None if commit is None else bool(changes),
        origin=None if origin is None else without_credentials(origin),
        python=platform.python_version(),
        numpy=version("numpy"),
        numba=version("numba"),
        polars=version("polars"),
        platform=platform.platform(),
        cpu=cpu_name(),
        cores=os.cpu_count() or 1,
    )


def without_credentials(url: str) -> str:
    """`url` without user, password, query and fragment. What is no URL (``git@host:path``, a folder) stays."""
    if "://" not in url:
        return url
    scheme, host, path, _, _ = urlsplit(url)
    return urlunsplit((scheme, host.rpartition("@")[2], path, "", ""))


def _git(*arguments: str) -> str | None:
    """What git says about the checkout that holds this code; None where there is none."""
    code = Path(kvreplay.__file__)
    try:
        # Installed into an environment within some other checkout, the code is not tracked there.
        for command in (("ls-files", "--error-unmatch", code.name), arguments):
            done = subprocess.run(
                ["git", *command], cwd=code.parent, capture_output=True, text=True, timeout=10, check=True
            )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def cpu_name() -> str:
    """The processor's model, or at least its kind."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
