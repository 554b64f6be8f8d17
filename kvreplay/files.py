"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) under a temporary name beside `path`, then put it in its place.

    Where several write the same file at once, that of one is there in the end. Folders that are missing are made.
    Devices, pipes and links, such as /dev/stdout, are written to directly.
    Raises OSError, in one line that names the file or what is in its way.
    """
    data = content.encode() if isinstance(content, str) else content
    partial = path.with_name(f".partial-{secrets.token_hex(8)}")
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        if isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError):
            blocking = next((folder for folder in path.parents if folder.exists() and not folder.is_dir()), path)
            raise OSError(f"{blocking}: is in the way; move it, or write elsewhere") from error
        raise OSError(f"{path}: cannot be written: {error.strerror}") from error
