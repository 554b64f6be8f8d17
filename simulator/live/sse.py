"""Server-sent events: the data of each, from bytes that come in any pieces (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

import codecs
import re

from .errors import RequestError

_LONGEST = 1 << 22  # characters of one event: a server that never ends one must not fill the memory
_LINE_END = re.compile(r"\r\n|\n|\r")


class EventParser:
    """Feed it bytes; it gives the data of the events that they end. Other fields than `data` say nothing here."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""  # a line that has not ended
        self._data: list[str] = []  # of an event that has not ended
        self._size = 0  # characters in both
        self._started = self._after_return = False

    def feed(self, piece: bytes) -> list[str]:
        """The data of every event that ends in `piece`. Raises RequestError for an event beyond 4 Mi characters."""
        text = self._decode(piece)
        if not self._started and text:
            self._started = True
            text = text.removeprefix("\ufeff")
        if self._after_return and text:
            text = text.removeprefix("\n")  # the second half of a line's end, which came in two pieces
            self._after_return = False
        self._after_return |= text.endswith("\r")
        self._size += len(text)
        if self._size > _LONGEST:
            raise RequestError("endless event")
        *lines, rest = _LINE_END.split(text)
        if lines:
            lines[0] = self._rest + lines[0]
            self._rest = rest
        else:
            self._rest += rest
        return [event for line in lines if (event := self._take(line)) is not None]

    def _take(self, line: str) -> str | None:
        """Take note of a line; the data of the event that it ends."""
        if line:
            field, _, value = line.partition(":")
            if field == "data":
                self._data.append(value.removeprefix(" "))
            return None
        event = "\n".join(self._data) if self._data else None
        self._data = []
        self._size = len(self._rest)
        return event
