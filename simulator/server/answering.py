"""How an answer is told over HTTP: at once as JSON, or piece by piece as server-sent events."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from .engine import Engine
from .errors import ServerError
from .protocol import usage
from .question import Ended, Event, Piece, Question, Started

CLIENT_GONE = Response(status_code=499)  # which nobody reads


@dataclass(frozen=True)
class Wording:
    """How one endpoint words its answers: `chat`, or else plain text behind `echo`."""

    chat: bool
    model: str
    echo: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, ended: Ended) -> dict[str, Any]:
        """The body, but for `usage`."""
        if self.chat:
            said: dict[str, Any] = {"message": {"role": "assistant", "content": text}}
        else:
            said = {"text": self.echo + text}
        return self._body("chat.completion", [{"index": 0, **said, "logprobs": None, "finish_reason": ended.reason}])

    def chunk(self, text: str | None, reason: str | None = None) -> dict[str, Any]:
        """A piece of the answer; with a reason and no text its end."""
        if self.chat:
            said: dict[str, Any] = {"delta": {} if text is None else {"content": text}}
        else:
            said = {"text": text or ""}
        return self._body("chat.completion.chunk", [{"index": 0, **said, "logprobs": None, "finish_reason": reason}])

    def first(self) -> dict[str, Any] | None:
        """What comes before all pieces, if anything does."""
        if not self.chat:
            return self.chunk(self.echo) if self.echo else None
        opening = {"role": "assistant", "content": ""}
        choice = {"index": 0, "delta": opening, "logprobs": None, "finish_reason": None}
        return self._body("chat.completion.chunk", [choice])

    def last(self, told: dict[str, Any]) -> dict[str, Any]:
        """The usage, where it was asked for."""
        return {**self._body("chat.completion.chunk", []), "usage": told}

    def _body(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.id}" if self.chat else f"cmpl-{self.id}",
            "object": kind if self.chat else "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


async def answer(
    request: Request, engine: Engine, question: Question, wording: Wording, *, stream: bool, with_usage: bool
) -> Response:
    """The response to `question`. Where the client goes away, the engine is told to stop. Raises ServerError."""
    events = _events(engine, question)
    started = await _unless_gone(request, anext(events))
    if started is None:
        await events.aclose()
        return CLIENT_GONE
    assert isinstance(started, Started)
    headers = {"x-kvreplay-answered-by": started.answered_by}
    if started.similarity is not None:
        headers["x-kvreplay-similarity"] = f"{started.similarity:.4f}"
    if stream:
        sent = _sent(events, started, question, wording, with_usage)
        return StreamingResponse(sent, headers={**headers, "cache-control": "no-store"}, media_type="text/event-stream")
    collected = await _unless_gone(request, _collect(events))
    if collected is None:
        await events.aclose()
        return CLIENT_GONE
    text, ended = collected
    told = usage(len(question.prompt), ended.tokens, started.cached_tokens)
    return JSONResponse({**wording.whole(text, ended), "usage": told}, headers=headers)


async def _events(engine: Engine, question: Question) -> AsyncGenerator[Event, None]:
    """What the engine tells, up to the end. Raises what it fails with. Closed before that, it cancels."""
    loop, told = asyncio.get_running_loop(), asyncio.Queue[Event]()
    job = engine.submit(question, lambda event: loop.call_soon_threadsafe(told.put_nowait, event))
    event: Event | None = None
    try:
        while not isinstance(event, Ended):
            event = await told.get()
            if isinstance(event, Exception):
                raise event
            yield event
    finally:
        if not isinstance(event, Ended | Exception):
            engine.cancel(job)


async def _collect(events: AsyncGenerator[Event, None]) -> tuple[str, Ended]:
    text = ""
    async for event in events:
        if isinstance(event, Piece):
            text += event.text
        elif isinstance(event, Ended):
            return text, event
    raise AssertionError("an answer without an end")


async def _sent(
    events: AsyncGenerator[Event, None], started: Started, question: Question, wording: Wording, with_usage: bool
) -> AsyncGenerator[str, None]:
    """The events of a stream; an error after its beginning is the last of them."""
    try:
        if (first := wording.first()) is not None:
            yield _sse(first)
        async for event in events:
            if isinstance(event, Piece):
                yield _sse(wording.chunk(event.text))
            elif isinstance(event, Ended):
                yield _sse(wording.chunk(None, event.reason))
                if with_usage:
                    told = usage(len(question.prompt), event.tokens, started.cached_tokens)
                    yield _sse(wording.last(told))
        yield "data: [DONE]\n\n"
    except ServerError as error:
        yield _sse(error.body)
    finally:
        await events.aclose()


def _sse(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


async def _unless_gone(request: Request, work: Awaitable[Any]) -> Any:
    """What `work` comes to, or None where the client closes the connection before that."""
    doing, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        for task in (doing, gone):
            task.cancel()
        await asyncio.wait({doing, gone})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
