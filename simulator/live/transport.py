"""aiohttp, or an error that says how to get it."""

from __future__ import annotations

from .errors import LiveError

try:
    import aiohttp as aiohttp
except ImportError:
    raise LiveError("aiohttp: is not installed, and live servers need it; pip install 'kvreplay[live]'") from None
