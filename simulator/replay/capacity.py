"""Cache sizes as people write them: pages, bytes, tokens, a share of the trace's footprint, unlimited, or a device."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kvreplay.traces.trace import Trace

_UNITS = {"": "pages", "pages": "pages", "%": "share", "tokens": "tokens", "b": "bytes"}
_UNITS |= {f"{prefix}b": "bytes" for prefix in ("k", "m", "g", "t", "ki", "mi", "gi", "ti")}
_FACTORS = {
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}


class CapacityError(ValueError):
    """A capacity cannot be read, or makes no sense for a trace."""


class Size(NamedTuple):
    """A capacity on one trace."""

    amount: int
    unit: str  # "pages" or "bytes"
    share: float  # of the footprint


class Capacity(NamedTuple):
    """A capacity as written; `on` says what it comes to on a trace."""

    text: str
    value: float
    unit: str  # pages, bytes, tokens, share (in percent), unlimited or device

    def on(self, trace: Trace, bytes_per_token: int | None = None) -> Size:
        """Pages, or bytes where the trace has object sizes and bytes or a share were asked for.

        More bytes or tokens than the whole trace come to the whole trace: so much memory holds all of it. Raises
        CapacityError for less than one page, more pages than the trace has, or a unit that it does not have.
        """
        if self.unit == "device":
            raise CapacityError(
                "capacity device: is what a server's device leaves; set clock: modelled, or give a size"
            )
        by_bytes = trace.page_bytes is not None and self.unit in ("bytes", "share", "unlimited")
        footprint = int(trace.page_bytes.sum()) if by_bytes and trace.page_bytes is not None else trace.n_pages
        amount = self._amount(trace, footprint, by_bytes, bytes_per_token)
        unit = "bytes" if by_bytes else "pages"
        if amount < 1:
            raise CapacityError(f"capacity {self.text} is less than one page of {trace.name}; use a larger one")
        if self.unit in ("bytes", "tokens"):
            amount = min(amount, footprint)
        if amount > footprint:
            raise CapacityError(
                f"capacity {self.text} is larger than {trace.name}, which has {footprint} {unit}; "
                "use a smaller one, or 'unlimited'"
            )
        return Size(amount, unit, amount / footprint)

    def in_server(self, trace: Trace, page_tokens: int, token_bytes: int, device_tokens: Callable[[], int]) -> Size:
        """Pages of a server's KV memory: it may be larger than the trace, for running requests' pages lie there, too.

        A device leaves what `device_tokens` says. Raises CapacityError for less than one page, or a share of none.
        """
        if self.unit == "unlimited":  # all requests at once, sharing nothing
            assert trace.prompt_tokens is not None
            assert trace.output_tokens is not None
            amount = int((-(-(trace.prompt_tokens.astype(np.int64) + trace.output_tokens) // page_tokens)).sum())
        elif self.unit == "share":
            if not trace.n_pages:
                raise CapacityError(f"capacity {self.text}: {trace.name} has no pages to take a share of; give a size")
            amount = int(trace.n_pages * self.value / 100)
        elif self.unit == "pages":
            amount = int(self.value)
        elif self.unit == "bytes":
            amount = int(self.value // (page_tokens * token_bytes))
        else:
            amount = int((device_tokens() if self.unit == "device" else self.value) // page_tokens)
        if amount < 1:
            raise CapacityError(f"capacity {self.text}: is less than one page of {page_tokens} tokens; use more")
        return Size(amount, "pages", amount / trace.n_pages if trace.n_pages else 0.0)

    def _amount(self, trace: Trace, footprint: int, by_bytes: bool, bytes_per_token: int | None) -> int:
        if self.unit == "unlimited":
            return footprint
        if self.unit == "share":
            return int(footprint * self.value / 100)
        if self.unit == "pages" or by_bytes:
            return int(self.value)
        if trace.page_tokens is None:
            raise CapacityError(
                f"capacity {self.text}: {trace.name} has no page size in tokens; give the capacity in pages or %"
            )
        if self.unit == "tokens":
            return int(self.value // trace.page_tokens)
        if bytes_per_token is None:
            raise CapacityError(
                f"capacity {self.text}: {trace.name} has no sizes in bytes; set bytes_per_token (--bytes-per-token), "
                "which is 2 x layers x KV heads x head size x bytes per element"
            )
        return int(self.value // (trace.page_tokens * bytes_per_token))


def parse_capacity(written: str | int | float) -> Capacity:
    """Read ``1000``, ``10%``, ``4GiB``, ``500000tokens``, ``unlimited`` or ``device``.

    Raises CapacityError for anything else.
    """
    text = str(written).strip()
    if text.lower() in ("unlimited", "inf"):
        return Capacity(text, 0, "unlimited")
    if text.lower() == "device":
        return Capacity(text, 0, "device")
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?(?:[eE][0-9]+)?|\.[0-9]+)\s*([a-zA-Z%]*)", text)
    suffix = match[2].lower() if match else ""
    if match is None or suffix not in _UNITS:
        raise CapacityError(f"capacity {text!r} is not a size; write 1000, 10%, 4GiB, 500000tokens or unlimited")
    value = float(match[1]) * _FACTORS.get(suffix.removesuffix("b"), 1)
    if value <= 0 or value > 2**62:
        raise CapacityError(f"capacity {text!r} is out of range; it must be above 0 and below 2**62")
    if suffix == "%" and value > 100:
        raise CapacityError(f"capacity {text!r} is more than the whole trace; use at most 100%")
    return Capacity(text, value, _UNITS[suffix])
