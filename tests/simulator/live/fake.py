"""A small OpenAI-compatible server: words are tokens, full pages are cached for ever, troubles come on demand."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web


def words(text: str) -> list[str]:
    return text.split()


@dataclass
class Fake:
    """What the server does, and what it saw."""

    tokenize: Callable[[str], list] = words
    page_tokens: int = 16
    overhead: int = 0
    step: float = 0.0  # seconds before each token
    trouble: Callable[[int, dict], Awaitable[web.StreamResponse | str | None]] | None = None
    usage: bool = True
    strict: bool = False  # refuses ignore_eos
    cached: set[tuple] = field(default_factory=set)
    asked: list[dict] = field(default_factory=list)  # bodies of streamed requests
    headers: list[dict] = field(default_factory=list)
    running: int = 0
    most: int = 0  # running at once

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/v1/chat/completions", self._complete)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake"}]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.headers.append(dict(request.headers))
        if self.strict and "ignore_eos" in body:
            return web.json_response({"error": {"message": "unknown field ignore_eos"}}, status=400)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await self._answer(request, body)
        finally:
            self.running -= 1

    async def _answer(self, request: web.Request, body: dict) -> web.StreamResponse:
        cut = None
        if body.get("stream"):
            self.asked.append(body)
            if self.trouble is not None:
                cut = await self.trouble(len(self.asked) - 1, body)
                if isinstance(cut, web.StreamResponse):
                    return cut
        prompt = body["prompt"] if "prompt" in body else "".join(m["content"] for m in body["messages"])
        tokens = [*range(self.overhead), *self.tokenize(prompt)]
        usage = {"prompt_tokens": len(tokens), "completion_tokens": body["max_tokens"]}
        usage["prompt_tokens_details"] = {"cached_tokens": self._look_up(tokens)}
        usage = {"usage": usage if self.usage else None}
        if not body.get("stream"):
            return web.json_response({"choices": [{"text": "x", "finish_reason": "length"}], **usage})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for i in range(body["max_tokens"]):
            await asyncio.sleep(self.step)
            last = i + 1 == body["max_tokens"]
            said = {"text": f" t{i}"} if "prompt" in body else {"delta": {"content": f" t{i}"}}
            choice = {**said, "finish_reason": "length" if last else None}
            await response.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
            if cut == "break":
                await asyncio.sleep(0.05)  # what is on its way arrives, and then nothing more
                request.transport.abort()
                return response
            if cut == "end":
                return response
            if cut == "error":
                await response.write(b'data: {"error": {"message": "out of memory"}}\n\n')
                return response
        await response.write(f"data: {json.dumps({'choices': [], **usage})}\n\ndata: [DONE]\n\n".encode())
        return response

    def _look_up(self, tokens: list) -> int:
        """Tokens of full pages that an earlier prompt had: all of the prompt but the last token may be cached."""
        pages = [tuple(tokens[: end + self.page_tokens]) for end in range(0, len(tokens), self.page_tokens)]
        full = [page for page in pages if len(page) % self.page_tokens == 0]
        found = 0
        while found < (len(tokens) - 1) // self.page_tokens and full[found] in self.cached:
            found += 1
        self.cached.update(full)
        return found * self.page_tokens


@contextmanager
def serving(app: web.Application):
    """The address of `app`, which runs on loopback in a thread of its own."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return site._server.sockets[0].getsockname()[1]

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
