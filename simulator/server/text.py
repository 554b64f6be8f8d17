"""From tokens to text as it is generated: whole characters only, and nothing from a stop sequence on."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable


class TextStream:
    """The text of tokens that come one by one, up to a stop sequence: to that of `stop` which is complete first.

    `bytes_of` tells a token's bytes; those that are no UTF-8 come as U+FFFD. What may become a stop sequence is held
    back until it is known.
    """

    def __init__(self, bytes_of: Callable[[int], bytes], stop: tuple[str, ...] = ()) -> None:
        self._bytes_of, self._stop = bytes_of, stop
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.stopped = False

    def add(self, tokens: Iterable[int], *, last: bool = False) -> str:
        """What the next tokens add to the text; with `last`, also what was held back. Nothing once `stopped`."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(b"".join(map(self._bytes_of, tokens)), final=last)
        found = [(at + len(stop), at) for stop in self._stop if (at := text.find(stop)) >= 0]
        self.stopped = bool(found)
        ready = min(found)[1] if found else len(text) if last else len(text) - self._beginning(text)
        self._held = text[ready:]
        return text[:ready]

    def _beginning(self, text: str) -> int:
        """How many characters at the end may be the beginning of a stop sequence."""
        longest = min(max(map(len, self._stop), default=0) - 1, len(text))
        beginnings = (n for n in range(longest, 0, -1) if any(stop.startswith(text[-n:]) for stop in self._stop))
        return next(beginnings, 0)
