"""A request as a cache meets it, and how a trace becomes requests."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xxhash

from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .errors import CacheError


class Request(NamedTuple):
    """What a cache may know of a request; and `intent`, the truth, by which it is judged and must never decide."""

    number: int  # within the trace
    now: float  # seconds; the number where the trace has no times
    content: bytes  # tells the whole prompt from every other; empty where it is blank or unknown
    text: str  # empty where the trace has none
    tenant: str = ""  # whose request it is: tenants must not see each other's entries
    session: int = -1
    prompt_tokens: int = 0  # 0 where the trace does not say
    output_tokens: int = 0
    intent: int = -1  # requests of one intent want one answer; -1: unknown

    @property
    def key(self) -> bytes:
        """16 bytes, the hash of tenant and content. Raises CacheError for a blank prompt."""
        if not self.content:
            raise CacheError(f"request {self.number}: its prompt is blank or unknown; leave it out")
        tenant = self.tenant.encode()
        return xxhash.xxh3_128_digest(b"%d:%b%b" % (len(tenant), tenant, self.content))


def prompt_tokens(trace: Trace) -> np.ndarray | None:
    """(R,) int: prompt tokens of each request; where the trace does not tell, those of its pages, as in a replay."""
    if trace.prompt_tokens is not None or trace.page_tokens is None:
        return trace.prompt_tokens
    return np.diff(trace.offsets) * trace.page_tokens


def requests(trace: Trace) -> Iterator[Request]:
    """The requests of `trace` in order.

    Where it has no texts, the last page and the length stand for the prompt: a page's id is that of all before it.
    Raises TraceError where it has neither texts nor prefixes of pages.
    """
    if trace.text_offsets is None and trace.parent is None:
        raise TraceError(
            f"{trace.name} has neither texts nor pages that form prefixes, so no two prompts are known to be the same",
            mend="use a trace or generator that has one of them",
        )
    texts = iter(trace.texts()) if trace.text_offsets is not None else None
    bounds, arrival, session, tenant = trace.bounds, trace.arrival, trace.session, trace.tenant
    prompt_tokens, output_tokens, intent = trace.prompt_tokens, trace.output_tokens, trace.intent
    for r in range(trace.n_requests):
        text = "" if texts is None else next(texts)
        tokens = 0 if prompt_tokens is None else int(prompt_tokens[r])
        if texts is not None:
            content = text.encode() if text.strip() else b""
        else:
            first, end = bounds[r], bounds[r + 1]
            content = struct.pack("<qq", trace.pages[end - 1], tokens) if end > first else b""
        yield Request(
            number=r,
            now=float(r if arrival is None else arrival[r]),
            content=content,
            text=text,
            tenant="" if tenant is None else str(tenant[r]),
            session=-1 if session is None else int(session[r]),
            prompt_tokens=tokens,
            output_tokens=0 if output_tokens is None else int(output_tokens[r]),
            intent=-1 if intent is None else int(intent[r]),
        )
