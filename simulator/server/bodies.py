"""Limits on request bodies, kept before anything looks into one."""

from __future__ import annotations

import asyncio

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ServerError

_SECONDS = 30.0  # in which a body must be there
_READ_ON = 16  # times as much as is allowed


class BodyLimit:
    """Middleware: a body of more than `most` bytes gets 413, one that does not come within 30 s gets 408."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(_SECONDS):
                body = await self._read(scope, receive)
        except ServerError as error:
            await _refuse(error, scope, receive, send)
            return
        except TimeoutError:
            late = ServerError(f"the body was not there within {_SECONDS:g} s", status=408, code="timeout")
            await _refuse(late, scope, receive, send)
            return
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return unread.pop() if unread else await receive()

        await self.app(scope, again, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        body, length, more = b"", 0, True
        told = int(dict(scope["headers"]).get(b"content-length", b"0"))
        # What is too large is read on and thrown away: a client that is still sending would not see the answer. One
        # that does not end at all does without.
        while more and max(told, length) <= _READ_ON * self.most:
            message = await receive()
            piece = message.get("body", b"")
            length += len(piece)
            if max(told, length) <= self.most:
                body += piece
            more = message.get("more_body", False)  # also where the client is gone
        if more or length > self.most:
            raise ServerError(
                f"the body is larger than {self.most} bytes; send less", status=413, code="body_too_large"
            )
        return body


async def _refuse(error: ServerError, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse(error.body, error.status, {"connection": "close"})(scope, receive, send)
