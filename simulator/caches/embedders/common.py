"""What embedders share: the prompts they refuse, vectors of length 1 and seeded ones, what others have installed."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from ..errors import CacheError


def check_texts(embedder: str, texts: Sequence[str]) -> None:
    """Raises CacheError for the first text that holds nothing but white space, or half a surrogate pair."""
    for i, text in enumerate(texts):
        if not text.strip():
            raise CacheError(f"embedder {embedder}: text {i} is blank; leave blank prompts out")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            wrong = f"text {i}, {text[:40]!r}, has half a surrogate pair"
            raise CacheError(f"embedder {embedder}: {wrong}; correct its encoding") from error


def unit(embedder: str, vectors: np.ndarray) -> np.ndarray:
    """The (N, D) `vectors` as float32 of length 1. Raises CacheError where one has no direction: zero or NaN."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    good = (lengths > 0) & np.isfinite(lengths)
    if not good.all():
        bad = int(np.argmin(good))
        raise CacheError(
            f"embedder {embedder}: the vector of text {bad} is of length {lengths[bad]}; its model is damaged"
        )
    return (vectors / lengths[:, None]).astype(np.float32)


@functools.lru_cache(maxsize=1 << 16)
def seeded_vector(seed: int, number: int, dimensions: int) -> np.ndarray:
    """(dimensions,) float32, standard normal: always the same for a seed and a number."""
    vector = np.random.Generator(np.random.Philox(key=[seed, number])).standard_normal(dimensions, np.float32)
    vector.flags.writeable = False
    return vector


def require(embedder: str, module: str) -> Any:
    """The `module` of another project. Raises CacheError, with the extra that brings it, where it does not import."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        mend = "pip install 'kvreplay[embed]', or take another embedder, such as idf-seeded"
        raise CacheError(f"embedder {embedder}: {module} does not import ({error}); {mend}") from error


def package_file(embedder: str, package: str, file: str, install: str = "'kvreplay[embed]'") -> Path:
    """A data file of a package, which need not be importable. Raises CacheError where it is not there."""
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    raise CacheError(f"embedder {embedder}: {package}/{file} is not installed; pip install {install}")


def content_version(revision: int, *files: Path) -> str:
    """`revision`, of our code, and 16 hex digits that change when the files do."""
    digest = xxhash.xxh3_64()
    for file in files:
        digest.update(file.read_bytes())
    return f"{revision}.{digest.hexdigest()}"
