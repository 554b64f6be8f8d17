"""How pages are stored in fewer bytes: a file per codec, found by name, and what they share in `base` and `groups`.

A codec is made for a page layout: `get("int8", layout).encode(pages)` gives rows of bytes, `decode` gives pages back.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Any

from ..layout import PageLayout
from .base import CodecError, KVCodec

__all__ = ["DEFAULT", "CodecError", "KVCodec", "get", "names"]

DEFAULT = "int8"

# name -> (module in this folder, arguments that the name stands for)
_CODECS: dict[str, tuple[str, dict[str, Any]]] = {
    "none": ("none", {}),
    "int8": ("int8", {}),
    "int8-channel": ("int8_channel", {}),
    "fp8": ("fp8", {}),
    "int4-kivi": ("kivi", {"bits": 4, "group": 64}),
    "int2": ("kivi", {"bits": 2, "group": 32}),  # experimental: what a model says changes visibly
    "zstd": ("zstd", {}),
    "blosc2": ("blosc2", {}),
}


def names() -> list[str]:
    """The codecs there are."""
    return list(_CODECS)


def get(name: str, layout: PageLayout) -> KVCodec:
    """The codec of that name for pages of `layout`. Raises CodecError where it is unknown or its package missing."""
    if name not in _CODECS:
        close = difflib.get_close_matches(name, _CODECS, n=1)
        known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_CODECS)}"
        raise CodecError(f"codec {name!r}: is unknown; {known}")
    module, arguments = _CODECS[name]
    try:
        codec = importlib.import_module(f".{module}", __name__).Codec(layout, **arguments)
    except ImportError as error:
        raise CodecError(f"codec {name!r}: needs {error.name}; pip install {error.name}") from error
    codec.name = name
    return codec
