"""A proxy in front of a completions server that passes everything on as it comes, and records what was asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from .errors import LiveError, RequestError
from .recording import Recording, Ticket
from .reply import Reply
from .transport import URL, aiohttp, base_of, web

_LARGEST = 1 << 28  # bytes of a request's body, or of a whole answer that is looked into
_CONNECT = 30.0  # seconds
_GRACE = 10.0  # seconds that requests under way have to end when the proxy is told to stop
# Of one connection only (RFC 9110, 7.6.1).
_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
    *("transfer-encoding", "upgrade"),
}
# Told anew, since the body is sent as it was read; and answers that are compressed could not be counted.
_NOT_SENT = _HOP | {"host", "expect", "content-length", "content-encoding", "accept-encoding"}


def record(
    upstream: str,
    path: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    tokenizer: str = "words",
    page_tokens: int = 16,
    texts: bool = False,
    ready: Callable[[str], None] | None = None,
) -> int:
    """Run the proxy until SIGINT or SIGTERM; how many requests were recorded. `ready` is told its address.

    See `Recording` for the other settings. Raises LiveError where `upstream` is no address or `path` exists.
    """
    if not 0 <= port < 2**16:
        raise LiveError(f"port {port}: is none; give 0 to 65535")
    base = base_of(upstream)
    recording = Recording(path, tokenizer=tokenizer, page_tokens=page_tokens, texts=texts)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(proxy_app(base, recording), host, port, ready))
    finally:
        recording.close()
    return recording.written


async def _serve(app: web.Application, host: str, port: int, ready: Callable[[str], None] | None) -> None:
    # A client that goes away ends its request upstream, too.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        if ready is not None:
            ready(f"http://{host}:{runner.addresses[0][1]}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def proxy_app(base: str, recording: Recording) -> web.Application:
    """The proxy in front of the server whose address before ``/v1`` is `base`."""
    app = web.Application(client_max_size=_LARGEST)
    session = web.AppKey("session", aiohttp.ClientSession)
    endings: set[asyncio.Task[None]] = set()

    async def connected(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies are the clients' own
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
        ) as app[session]:
            yield
        await asyncio.gather(*endings)

    async def pass_on(request: web.Request) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            raise web.HTTPBadRequest(text="the path must begin with /")  # it could name another host
        url = URL(base + request.raw_path, encoded=True)
        if request.method != "POST" or not request.path.endswith("/completions"):
            return await _exchange(app[session], url, request, await request.read(), _Watch())
        ticket, watch, describing = recording.begin(), _Watch(), None
        try:
            body = await request.read()
            describing = asyncio.create_task(asyncio.to_thread(recording.describe, body))
            return await _exchange(app[session], url, request, body, watch)
        finally:
            # Not in this task, which is cancelled where the client is gone.
            ending = asyncio.create_task(_end(recording, ticket, describing, watch))
            endings.add(ending)
            ending.add_done_callback(endings.discard)

    app.cleanup_ctx.append(connected)
    app.router.add_route("*", "/{path:.*}", pass_on)
    return app


async def _end(
    recording: Recording, ticket: Ticket, describing: asyncio.Task[dict[str, Any] | None] | None, watch: _Watch
) -> None:
    described = None
    try:
        described = None if describing is None else await describing
    finally:  # else the lines of all later requests would wait for this one's
        recording.end(ticket, described, watch.output_tokens)


class _Watch:
    """Looks into an answer that passes by."""

    def __init__(self) -> None:
        self._reply = Reply()
        self._streamed = self._lost = False
        self._whole = b""
        self._status = 0

    def begin(self, response: aiohttp.ClientResponse) -> None:
        self._status = response.status
        self._streamed = response.content_type == "text/event-stream"

    def see(self, piece: bytes) -> None:
        if self._lost or self._status != 200:
            return
        if not self._streamed:
            self._whole += piece
            self._lost = len(self._whole) > _LARGEST
            return
        try:
            self._reply.feed(piece)
        except RequestError:
            self._lost = True  # what came before counts

    @property
    def output_tokens(self) -> int | None:
        """As the server told; else, of a stream, as many as its pieces of text. None of what is no answer."""
        if self._status != 200:
            return None
        if not self._streamed:
            try:
                self._reply.take(self._whole)
            except RequestError:
                return None
        told = self._reply.tokens("completion_tokens")
        return self._reply.chunks if told is None and self._streamed else told


async def _exchange(
    session: aiohttp.ClientSession, url: URL, request: web.Request, body: bytes, watch: _Watch
) -> web.StreamResponse:
    """Pass a request on, and the response back piece by piece, shown to `watch`."""
    response: web.StreamResponse | None = None
    headers = [*_kept(request.headers, _NOT_SENT), ("Accept-Encoding", "identity")]
    try:
        async with session.request(
            request.method,
            url,
            headers=headers,
            data=body or None,
            allow_redirects=False,
        ) as answer:
            watch.begin(answer)
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            response.headers.extend(_kept(answer.headers, _HOP))
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                watch.see(piece)
                await response.write(piece)
            await response.write_eof()
            return response
    except (aiohttp.ClientError, TimeoutError) as error:
        if response is None:
            message = f"kvreplay record: no answer from {url.origin()} ({type(error).__name__})"
            return web.json_response({"error": {"message": message, "type": "bad_gateway"}}, status=502)
        if request.transport is not None:
            request.transport.abort()  # a clean end would make a broken answer look whole
        return response


def _kept(headers: Mapping[str, str], without: set[str]) -> list[tuple[str, str]]:
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return [(name, value) for name, value in headers.items() if name.lower() not in without | named]
