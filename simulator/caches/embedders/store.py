"""Vectors that were computed once are kept: one file per embedder in the cache folder, with every text it has seen.

A file is a header, then for each of K texts the BLAKE2b of the text, then their vectors, (K, D) float32. It is
replaced whole, never written into, so that who has mapped it keeps what he has; of two processes that add to it at
once, one computes its texts again another day.
"""

from __future__ import annotations

import hashlib
import re
import struct
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import xxhash

from kvreplay.files import write_whole
from kvreplay.traces.catalogue import cache_dir

from ..errors import CacheError
from . import Embedder
from .common import check_texts

_CHUNK = 256  # texts between two reports of progress
_HEADER = struct.Struct("<8sQQ16s")  # magic, texts, dimensions, XXH3 of all that follows
_MAGIC = b"kvembed1"
_KEY_BYTES = 16


class Precomputed:
    """`embedder` with the vectors of `texts` at hand; each is computed unless it ever was, others as they are asked.

    `progress` is told (texts done, texts to do). What was computed is kept also when the work is interrupted. Raises
    CacheError for texts that the embedder refuses, and where what it gives are no unit vectors. Warns where a file is
    damaged, which costs the computation, or cannot be written.
    """

    def __init__(
        self, embedder: Embedder, texts: Iterable[str], progress: Callable[[int, int], None] | None = None
    ) -> None:
        self.name, self.version, self.dimensions = embedder.name, embedder.version, embedder.dimensions
        self._embedder = embedder
        texts = list(texts)
        check_texts(self.name, texts)
        wanted = {text: _key(text) for text in texts}
        path = _path(embedder)
        rows, vectors = _read(path, self.dimensions)
        missing = [text for text, key in wanted.items() if key not in rows]
        fresh = np.empty((len(missing), self.dimensions), np.float32)
        done = 0
        try:
            for start in range(0, len(missing), _CHUNK):
                part = missing[start : start + _CHUNK]
                fresh[start : start + len(part)] = _checked(embedder, part)
                done = start + len(part)
                if progress is not None:
                    progress(done, len(missing))
        finally:
            if done:
                rows |= {wanted[text]: row for row, text in enumerate(missing[:done], len(rows))}
                vectors = np.concatenate([vectors, fresh[:done]])
                _write(path, rows, vectors)
        self._rows = {text: rows[key] for text, key in wanted.items()}
        self._vectors = vectors  # (K, D) float32, those of other texts as well; mapped, if none was computed

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for i, text in enumerate(texts):
            row = self._rows.get(text)
            vectors[i] = self._embedder.embed([text])[0] if row is None else self._vectors[row]
        return vectors


def _path(embedder: Embedder) -> Path:
    readable = re.sub(r"[^\w.-]", "-", embedder.name)[:60]
    identity = hashlib.sha256(f"{embedder.name}\0{embedder.version}\0{embedder.dimensions}".encode()).hexdigest()
    return cache_dir() / "embeddings" / f"{readable}-{identity[:16]}.kvembed"


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).digest()


def _checked(embedder: Embedder, texts: list[str]) -> np.ndarray:
    vectors = embedder.embed(texts)
    if vectors.shape != (len(texts), embedder.dimensions) or vectors.dtype != np.float32:
        given = f"gave {vectors.dtype} of shape {vectors.shape} for {len(texts)} texts"
        raise CacheError(f"embedder {embedder.name}: {given}; (texts, {embedder.dimensions}) float32 are expected")
    squares = np.einsum("nd,nd->n", vectors, vectors)
    good = np.abs(squares - 1) < 1e-3  # False for NaN
    if not good.all():
        bad = int(np.argmin(good))
        what = f"the vector of {texts[bad][:40]!r} is of squared length {squares[bad]:.3g}"
        raise CacheError(f"embedder {embedder.name}: {what}; it must give vectors of length 1")
    return vectors


def _read(path: Path, dimensions: int) -> tuple[dict[bytes, int], np.ndarray]:
    """The row of each key, and the vectors, in the file `path`; none, after a warning, where it is damaged."""
    empty: tuple[dict[bytes, int], np.ndarray] = {}, np.empty((0, dimensions), np.float32)
    try:
        content = np.memmap(path, np.uint8, "r")
    except (FileNotFoundError, NotADirectoryError):
        return empty
    except (OSError, ValueError) as error:  # not ours to read; of no length
        warnings.warn(f"{path}: cannot be read ({error}); its vectors are computed again", stacklevel=3)
        return empty
    body = content[_HEADER.size :]
    if len(content) >= _HEADER.size:
        magic, count, width, checksum = _HEADER.unpack(content[: _HEADER.size].tobytes())
        whole = len(body) == count * (_KEY_BYTES + 4 * dimensions) and checksum == _checksum(body.data)
        if magic == _MAGIC and width == dimensions and whole:
            split = count * _KEY_BYTES
            keys = body[:split].tobytes()
            rows = {keys[i * _KEY_BYTES : (i + 1) * _KEY_BYTES]: i for i in range(count)}
            return rows, body[split:].view("<f4").reshape(count, dimensions)
    warnings.warn(f"{path}: is cut short or damaged; its vectors are computed again", stacklevel=3)
    return empty


def _write(path: Path, keys: dict[bytes, int], vectors: np.ndarray) -> None:
    """Replace the file `path`, or warn where it cannot be written."""
    body = b"".join(keys) + vectors.astype("<f4").tobytes()
    header = _HEADER.pack(_MAGIC, len(keys), vectors.shape[1], _checksum(body))
    try:
        write_whole(path, header + body)
    except OSError as error:
        warnings.warn(f"{error}; the vectors are not kept, set KVREPLAY_CACHE_DIR to a folder of yours", stacklevel=3)


def _checksum(body: bytes | memoryview) -> bytes:
    return xxhash.xxh3_128(body).digest()
