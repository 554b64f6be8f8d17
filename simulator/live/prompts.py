"""Prompts whose texts share prefixes exactly as the pages of a trace do.

A page's text depends on its number, the server's ruler and the seed alone: not on the order in which prompts are made,
nor on the process. It begins with the number itself, written in words, so that no two pages begin alike.
"""

from __future__ import annotations

import hashlib

from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .ruler import WORD_BYTES, Ruler, text_of


class Prompts:
    """The prompt of each request of `trace`, as long in the server's tokens as in the trace, as `ruler` has it.

    What a prompt has beyond its pages, as in traces of full pages only, is its own. Another `seed` gives other texts,
    for a server that may remember the last ones. Raises TraceError where prompts have no length in tokens.
    """

    def __init__(self, trace: Trace, ruler: Ruler, seed: int = 0) -> None:
        if trace.prompt_tokens is None or (trace.has_pages and trace.page_tokens is None):
            raise TraceError(f"{trace.name} has no prompt tokens", mend="use a trace of requests to a model")
        self._trace, self._ruler = trace, ruler
        # The same words for the same seed, turned: numbers are then written with others.
        turn = int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest()) % len(ruler.words)
        self._words = ruler.words[turn:] + ruler.words[:turn]
        self._seed = seed
        self._digits = 1  # words that tell every page, and the rest of every prompt
        while len(self._words) ** self._digits < trace.n_pages + trace.n_requests:
            self._digits += 1
        if trace.page_tokens is not None and ruler.words_in(trace.page_tokens) < self._digits:
            raise TraceError(
                f"{trace.name}: {trace.page_tokens} tokens are too few to tell {trace.n_pages} pages apart",
                mend="use larger pages",
            )

    def prompt(self, request: int) -> str:
        """The prompt of request number `request`: never empty."""
        trace, ruler = self._trace, self._ruler
        assert trace.prompt_tokens is not None
        total = int(trace.prompt_tokens[request])
        pages = trace.read(int(trace.bounds[request]), int(trace.bounds[request + 1])).tolist()
        ends = [ruler.units(min((i + 1) * (trace.page_tokens or 0), total)) for i in range(len(pages))]
        starts = [0, *ends]
        ends.append(max(ruler.units(total), 1))
        spans = zip([*pages, trace.n_pages + request], starts, ends, strict=True)
        return "".join(self._text(number, end - start) for number, start, end in spans)

    def _text(self, number: int, units: int) -> str:
        """The first `units` of the endless text of a page."""
        if self._ruler.unit == "byte":
            return self._text_of_words(number, -(-units // WORD_BYTES))[:units]
        return self._text_of_words(number, units)

    def _text_of_words(self, number: int, n: int) -> str:
        base = len(self._words)
        name = [self._words[number // base**digit % base] for digit in range(min(self._digits, n))]
        # The digest of a length begins as that of any shorter one: so does the text.
        drawn = hashlib.shake_128(f"{self._seed}:{number}".encode()).digest(n - len(name))
        return text_of(name + [self._words[byte % base] for byte in drawn])
