"""What a completions server answers, streamed or whole: whether text came, how it ended, and the usage it told."""

from __future__ import annotations

import json
from typing import Any

from .errors import RequestError
from .sse import EventParser

DONE = "[DONE]"


class Reply:
    """Told of the events of one answer. Raises RequestError for what is no event, and for an error in one."""

    def __init__(self) -> None:
        self.chunks = 0  # events that brought text: about as many as tokens, where no usage is told
        self.finished = False
        self.usage: dict[str, Any] = {}
        self._parser = EventParser()

    def feed(self, piece: bytes) -> bool:
        """Take in a piece of a stream; whether it brought text, or the end."""
        before = self.chunks, self.finished
        for data in self._parser.feed(piece):
            if data == DONE:
                self.finished = True
            else:
                self.take(data)
        return (self.chunks, self.finished) != before

    def take(self, data: str | bytes) -> None:
        """Take in one event, or a whole answer."""
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            raise RequestError("unreadable answer") from None
        if not isinstance(event, dict):
            raise RequestError("unreadable answer")
        if event.get("error"):
            raise RequestError(f"error in the answer {error_code(data)}".rstrip())
        if isinstance(event.get("usage"), dict):
            self.usage = event["usage"]
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                self.chunks += _has_text(choice)
                self.finished |= choice.get("finish_reason") is not None

    def tokens(self, name: str) -> int | None:
        """The usage figure called `name`, such as ``prompt_tokens``; None where none was told."""
        return whole(self.usage.get(name))

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens that the server had cached; None where it does not tell."""
        details = self.usage.get("prompt_tokens_details")
        return whole(details.get("cached_tokens")) if isinstance(details, dict) else None


def error_code(content: str | bytes) -> str:
    """The code, or else the type, of the error that a server tells in OpenAI's way; empty where there is none."""
    try:
        error = json.loads(content)["error"]
        code = error.get("code") or error.get("type")
    except (ValueError, RecursionError, TypeError, LookupError, AttributeError):
        return ""
    return " ".join(str(code).split())[:40] if isinstance(code, str | int) else ""


def whole(value: Any) -> int | None:
    """`value` if it is a number of tokens."""
    return value if type(value) is int and 0 <= value < 2**31 else None


def _has_text(choice: dict[str, Any]) -> bool:
    if choice.get("text"):
        return True
    said = choice.get("delta") or choice.get("message")
    return isinstance(said, dict) and bool(said.get("content") or said.get("reasoning_content"))
