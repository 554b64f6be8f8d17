"""From prompt text to tokens. What counts here is only that equal text gives equal tokens, not which ones.

`words` and `bytes` need no download; any other is a function from a text to its token ids, named ``module:object``.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kvreplay import parameters

from .errors import TraceError

Tokenizer = Callable[[str], Sequence[int]]

_WORD = re.compile(r"\w+|[^\w\s]")


def _words(text: str) -> list[int]:
    """A token, the CRC-32, for each word and each mark; white space counts for nothing."""
    return [zlib.crc32(word.encode()) for word in _WORD.findall(text)]


_BUILT_IN: dict[str, Tokenizer] = {"words": _words, "bytes": str.encode}


def tokenize(texts: list[str], tokenizer: str = "words") -> tuple[np.ndarray, np.ndarray]:
    """The tokens of all texts, (T,) uint32, and where each text's begin and end in them, (R+1,) int64.

    Raises TraceError for an unknown tokenizer, or where it fails or gives anything but ids from 0 to 2**32 - 1.
    """
    encode = find(tokenizer)
    offsets = np.zeros(len(texts) + 1, np.int64)
    encoded = []
    for i, text in enumerate(texts):
        try:
            tokens = np.frombuffer(ids, np.uint8) if isinstance(ids := encode(text), bytes) else _checked(ids)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TraceError(f"tokenizer {tokenizer} fails on {text[:40]!r}: {reason}") from error
        encoded.append(tokens.astype(np.uint32))
        offsets[i + 1] = offsets[i] + len(tokens)
    return np.concatenate([np.empty(0, np.uint32), *encoded]), offsets


def find(tokenizer: str) -> Tokenizer:
    """The tokenizer called so. Raises TraceError where there is none."""
    if tokenizer in _BUILT_IN:
        return _BUILT_IN[tokenizer]
    module, colon, name = tokenizer.partition(":")
    if not colon:
        mend = parameters.nearest(tokenizer, list(_BUILT_IN)) + "; or write module:object"
        raise TraceError(f"unknown tokenizer {tokenizer!r}", mend=mend)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise TraceError(f"tokenizer {tokenizer!r} cannot be imported ({error})") from error
    if not callable(found):
        raise TraceError(f"tokenizer {tokenizer!r} is no function", mend="name a function from a text to token ids")
    return found


def fingerprint(tokenizer: str) -> str:
    """Changes when the module of a tokenizer from elsewhere does: stores made with its tokens are stale then."""
    if tokenizer in _BUILT_IN:
        return tokenizer
    file = inspect.getsourcefile(inspect.unwrap(find(tokenizer)))
    return tokenizer if file is None else f"{tokenizer} {hashlib.sha256(Path(file).read_bytes()).hexdigest()}"


def _checked(ids: Sequence[int]) -> np.ndarray:
    tokens = np.asarray(ids)
    if tokens.size == 0:
        return np.empty(0, np.uint32)
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu" or tokens.min() < 0 or tokens.max() >= 1 << 32:
        raise ValueError("token ids must be whole numbers from 0 to 2**32 - 1")
    return tokens
