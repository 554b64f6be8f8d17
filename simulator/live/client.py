"""A client of an OpenAI-compatible completions server: asks with patience, and times what comes."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from .errors import LiveError, RequestError
from .reply import Reply, error_code
from .transport import aiohttp, base_of

_BUSY = (429, 503)
_ATTEMPTS = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 60.0  # seconds; doubled from one attempt to the next
_CONNECT, _SILENCE = 30.0, 600.0  # seconds without a connection, or without a byte, after which a request has failed


@dataclass(frozen=True)
class Answer:
    """A whole answer. Times are seconds of `time.perf_counter`, the first from when the request was first sent."""

    sent: float
    first_token: float
    end: float
    prompt_tokens: int
    output_tokens: int
    cached_tokens: int | None
    attempts: int


class Client:
    """Asks one model of one server for completions, or for chat completions with the prompt as the user's message."""

    def __init__(self, session: aiohttp.ClientSession, base: str, model: str, chat: bool) -> None:
        self.model = model
        self._session = session
        self._url = f"{base}/chat/completions" if chat else f"{base}/completions"
        self._chat = chat
        self._extra = {"ignore_eos": True}  # vLLM's, SGLang's and llama.cpp's: answers are as long as asked for

    async def count(self, prompt: str) -> int:
        """Tokens of `prompt`, by the server's usage figures. Raises LiveError where it tells none."""
        try:
            reply = await self._whole(prompt)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LiveError(f"{self._url}: no answer ({type(error).__name__}); is a server running there?") from None
        except RequestError as error:
            raise LiveError(f"{self._url}: {error}; see what the server logs") from None
        tokens = reply.tokens("prompt_tokens")
        if tokens is None:
            raise LiveError(f"{self._url}: tells no usage.prompt_tokens, which sizes the prompts; use another server")
        return tokens

    async def _whole(self, prompt: str) -> Reply:
        for attempt in range(_ATTEMPTS):
            async with self._session.post(self._url, json=self._body(prompt, 1)) as response:
                if response.status in (400, 422) and self._extra:
                    self._extra = {}  # a server that knows no such field: answers may end early
                elif response.status in _BUSY:
                    await asyncio.sleep(pause(response.headers.get("Retry-After"), attempt))
                elif response.status != 200:
                    raise RequestError(await _refusal(response))
                else:
                    reply = Reply()
                    reply.take(await response.read())
                    return reply
        raise RequestError(f"still busy at attempt {_ATTEMPTS}")

    async def generate(self, prompt: str, output_tokens: int) -> Answer:
        """Ask for so many tokens, and time them. Raises RequestError where no whole answer comes.

        Where the server is busy, it is asked again after what its Retry-After says, or ever longer pauses. These count
        in the time to the first token: it is what the one who asks waits for.
        """
        streamed = {"stream": True, "stream_options": {"include_usage": True}}
        sent = time.perf_counter()
        try:
            for attempt in range(_ATTEMPTS):
                body = self._body(prompt, output_tokens) | streamed
                async with self._session.post(self._url, json=body) as response:
                    if response.status == 200:
                        return await _read(response, sent, attempt + 1)
                    if response.status not in _BUSY or attempt + 1 == _ATTEMPTS:
                        raise RequestError(await _refusal(response))
                await asyncio.sleep(pause(response.headers.get("Retry-After"), attempt))
        except TimeoutError:
            raise RequestError("timeout") from None
        except aiohttp.ClientConnectorError:
            raise RequestError("no connection") from None
        except aiohttp.ClientError:
            raise RequestError("broken connection") from None
        raise AssertionError  # the last attempt returned or raised

    def _body(self, prompt: str, output_tokens: int) -> dict[str, Any]:
        asked = {"messages": [{"role": "user", "content": prompt}]} if self._chat else {"prompt": prompt}
        return {"model": self.model, **asked, "max_tokens": output_tokens, "temperature": 0, **self._extra}


@asynccontextmanager
async def connect(url: str, model: str | None, api_key: str | None, *, chat: bool) -> AsyncIterator[Client]:
    """A client of the server at `url`, with or without its ``/v1``, and of `model`, by default the first it names.

    Raises LiveError where there is no such server.
    """
    base = f"{base_of(url)}/v1"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENCE),
    ) as session:
        yield Client(session, base, model or await _first_model(session, base), chat)


def pause(retry_after: str | None, attempt: int) -> float:
    """Seconds to wait before asking again: those that `retry_after`, a number or a date, says, at most 60."""
    asked: float | None = None
    if retry_after is not None:
        try:
            asked = float(retry_after)
        except ValueError:
            parsed = email.utils.parsedate_tz(retry_after)
            asked = email.utils.mktime_tz(parsed) - time.time() if parsed is not None else None
    if asked is None or not asked >= 0:
        asked = _FIRST_PAUSE * 2**attempt
    return min(asked, _LONGEST_PAUSE)


async def _first_model(session: aiohttp.ClientSession, base: str) -> str:
    try:
        async with session.get(f"{base}/models") as response:
            if response.status != 200:
                raise LiveError(f"{base}/models: HTTP {response.status}; name the model, or check address and key")
            listed = await response.json(content_type=None)
            return str(listed["data"][0]["id"])
    except (aiohttp.ClientError, TimeoutError) as error:
        raise LiveError(f"{base}: no answer ({type(error).__name__}); is a server running there?") from None
    except (ValueError, LookupError, TypeError):
        raise LiveError(f"{base}/models: names no model; name it") from None


async def _refusal(response: aiohttp.ClientResponse) -> str:
    """What to call a response that is no answer."""
    return f"HTTP {response.status} {error_code(await response.read())}".rstrip()


async def _read(response: aiohttp.ClientResponse, sent: float, attempts: int) -> Answer:
    reply = Reply()
    first = end = None
    async for piece in response.content.iter_any():
        now = time.perf_counter()
        if reply.feed(piece):
            end = now
            first = first or now
    prompt, output = reply.tokens("prompt_tokens"), reply.tokens("completion_tokens")
    if first is None or end is None or not reply.finished:
        raise RequestError("broken stream")
    if not prompt or not output:
        raise RequestError("no usage at the end of the stream")
    return Answer(sent, first, end, prompt, output, reply.cached_tokens, attempts)
