"""aiohttp, or an error that says how to get it; and addresses of servers."""

from __future__ import annotations

from urllib.parse import urlsplit

from .errors import LiveError

try:
    import aiohttp as aiohttp
    from aiohttp import web as web
    from yarl import URL as URL
except ImportError:
    raise LiveError("aiohttp: is not installed, and live servers need it; pip install 'kvreplay[live]'") from None


def base_of(url: str) -> str:
    """The server's address without the ``/v1`` that `url` may end with. Raises LiveError where it is no address."""
    base = url.rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(base)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known:
        raise LiveError(f"{url}: is no address of a server; write for example http://127.0.0.1:8000")
    return base
