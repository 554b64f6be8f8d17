"""The SHA-256 of a file, worked out once for as long as the file stays as it is."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

_SETTLED = 2.0  # seconds: a file changed again within a clock tick looks the same


def file_hash(path: Path, memo_folder: Path) -> str:
    """64 hex digits. Remembered in `memo_folder` under the file's path, size and times, as Git's index does."""
    before = path.stat()
    seen = [os.path.abspath(path), before.st_size, before.st_mtime_ns, before.st_ctime_ns, before.st_ino]
    memo = memo_folder / f"{hashlib.sha256(repr(seen).encode()).hexdigest()[:24]}.sha256"
    if memo.exists():
        return memo.read_text(encoding="ascii")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if time.time() - max(before.st_mtime, before.st_ctime) > _SETTLED:
        partial = memo.with_suffix(f".{os.getpid()}")
        partial.write_text(digest, encoding="ascii")
        partial.replace(memo)
    return digest
