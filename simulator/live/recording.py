"""Real requests as the lines of a trace file that `kvreplay replay` reads: keyed hashes of pages, and lengths.

The key is drawn anew for each recording and never written. Who has the file alone cannot find out a prompt, however
short, by hashing guesses; the file does tell when requests came, how long they and their answers were, and which share
how long a prefix. Who can send requests while it is recorded sees by their hashes which prompts begin like theirs.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kvreplay.traces.errors import TraceError
from kvreplay.traces.formats.prompts import chat_text
from kvreplay.traces.tokenizers import find, tokenize

from .errors import LiveError


@dataclass(eq=False)
class Ticket:
    """A request under way, and its line once it has ended; None: there is nothing to write."""

    arrival: float  # seconds since the first request
    line: bytes | None = None
    ended: bool = False


class Recording:
    """A file that takes a line for each request, in order of arrival: as Mooncake's, or with `texts` as prompts.

    A line is written whole, as soon as the request and all before it have ended: the file can be read at any time,
    whatever becomes of the process. Prompts become tokens by `tokenizer`, and pages of `page_tokens`.
    Raises LiveError where `path` exists, TraceError for an unknown tokenizer.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, tokenizer: str = "words", page_tokens: int = 16, texts: bool = False
    ) -> None:
        find(tokenizer)
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise LiveError(f"{path}: exists, and its key is gone; record into another file") from None
        self.path = Path(path)
        self.written = 0  # requests
        self._tokenizer, self._page_tokens, self._texts = tokenizer, page_tokens, texts
        self._key = secrets.token_bytes(32)
        self._started: float | None = None
        self._waiting: deque[Ticket] = deque()  # by arrival; the first is under way

    def begin(self) -> Ticket:
        """A request has come."""
        now = time.perf_counter()
        self._started = now if self._started is None else self._started
        ticket = Ticket(now - self._started)
        self._waiting.append(ticket)
        return ticket

    def describe(self, body: bytes) -> dict[str, Any] | None:
        """What the line of a request with this body says of its prompt; None where it has no pages.

        May be called from any thread: a long prompt takes its time.
        """
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            return None
        prompt = _prompt(asked) if isinstance(asked, dict) else None
        if prompt is None:
            return None
        if self._texts:
            return {"prompt": prompt if isinstance(prompt, str) else " ".join(map(str, prompt))}
        try:
            tokens = tokenize([prompt], self._tokenizer)[0] if isinstance(prompt, str) else np.array(prompt, np.uint32)
        except TraceError:  # a tokenizer from elsewhere that cannot have this text
            return None
        # No two models, and no two salts, share pages.
        hashes = self._page_hashes(tokens, json.dumps([asked.get("model"), asked.get("cache_salt")]))
        return {"input_length": len(tokens), "hash_ids": hashes}

    def end(self, ticket: Ticket, described: dict[str, Any] | None, output_tokens: int | None) -> None:
        """The request has ended. Nothing is written of one that is not `described`, or had no answer to count."""
        ticket.ended = True
        if described is not None and output_tokens is not None:
            seconds = {"timestamp": round(ticket.arrival, 6), "output_tokens": output_tokens}
            milliseconds = {"timestamp": round(1e3 * ticket.arrival, 3), "output_length": output_tokens}
            line = (seconds if self._texts else milliseconds) | described
            ticket.line = json.dumps(line).encode() + b"\n"
        while self._waiting and self._waiting[0].ended:
            first = self._waiting.popleft()
            if first.line is not None:
                os.write(self._file, first.line)
                self.written += 1

    def _page_hashes(self, tokens: np.ndarray, root: str) -> list[int]:
        """A number for each page, the last of which may be partly filled: it stands for all tokens up to its end."""
        hashes = []
        link = hashlib.blake2b(root.encode(), key=self._key).digest()
        for start in range(0, len(tokens), self._page_tokens):
            page = tokens[start : start + self._page_tokens].tobytes()
            link = hashlib.blake2b(link + page, key=self._key).digest()
            hashes.append(int.from_bytes(link[:8]))
        return hashes

    def close(self) -> None:
        os.close(self._file)


def _prompt(body: dict[str, Any]) -> str | list[int] | None:
    """The prompt of a completion as text or tokens, or the chat as one text; None where there is none, or several."""
    messages, prompt = body.get("messages"), body.get("prompt")
    if isinstance(messages, list) and all(isinstance(message, dict) for message in messages):
        text = chat_text(messages)
    elif isinstance(prompt, list) and prompt and all(type(token) is int and 0 <= token < 2**32 for token in prompt):
        return prompt
    elif isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        text = prompt[0]
    elif isinstance(prompt, str):
        text = prompt
    else:
        return None
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
