"""The store over all tiers: puts pages into the first, moves what leaves a tier to the next, brings back what is read.

The tiers are used by one thread, in the order of the calls; so they need no locks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from ..codecs import CodecError
from .tier import MOST_KEY_BYTES, Tier, TierError, TierStats


class TieredStore:
    """Pages by key in `tiers`, the fastest first. Calls return at once; a thread of the store does them in order.

    What leaves a tier goes to the next one, from the last it is gone. A page that is read comes back into the first
    tier, and its copies below stay. Codecs that lose something do so each time that a page goes down.

    Calls return a `concurrent.futures.Future`: `result()` waits for completion and raises what went wrong. Until then
    the tensor that was given belongs to the store. On CUDA the transfers have a stream of their own, which waits for
    what the caller's stream had to do before the call.

    Raises TierError where there is no tier, or their layouts differ.
    """

    def __init__(self, tiers: Sequence[Tier]) -> None:
        if not tiers or any(tier.layout != tiers[0].layout for tier in tiers):
            raise TierError("tiered store: tiers must be at least one and have the same layout")
        self.tiers = tuple(tiers)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kvreplay-tiers")
        self._streams: dict[torch.device, torch.cuda.Stream] = {}

    def put(self, key: bytes, page: Tensor) -> Future[None]:
        """Store `page`, (*layout.shape), under `key`, 1 to 32 bytes; where the key is known, it only counts as used.

        The future raises CodecError where the first tier's codec cannot store the page.
        """
        self._check(key, page)
        return self._submit(page.device, lambda: self._put(0, key, page))

    def get(self, key: bytes, out: Tensor) -> Future[str | None]:
        """Copy the page under `key` to `out`, (*layout.shape); the future's result is the name of the tier it was in.

        None, and `out` undefined, where there is none.
        """
        self._check(key, out)
        return self._submit(out.device, lambda: self._get(key, out))

    def stats(self) -> dict[str, TierStats]:
        """Counters of each tier, by its name. Those of calls under way may be missing."""
        return {tier.name: tier.stats for tier in self.tiers}

    def close(self) -> None:
        """Finish the calls under way and close the tiers. What is not on disk is gone."""
        self._thread.shutdown()
        for tier in self.tiers:
            tier.close()

    def _put(self, level: int, key: bytes, page: Tensor) -> None:
        for left, content in self.tiers[level].put(key, page):
            if level + 1 < len(self.tiers):
                try:
                    self._put(level + 1, left, content)
                except CodecError:  # no fault of the page that was put
                    self.tiers[level + 1].stats.failed += 1

    def _get(self, key: bytes, out: Tensor) -> str | None:
        for level, tier in enumerate(self.tiers):
            if tier.get(key, out):
                if level:
                    self._put(0, key, out)
                return tier.name
        return None

    def _submit(self, device: torch.device, run: Callable[[], Any]) -> Future[Any]:
        if device.type != "cuda":
            return self._thread.submit(run)
        if device not in self._streams:
            self._streams[device] = torch.cuda.Stream(device)
        stream = self._streams[device]
        before = torch.cuda.current_stream(device).record_event()

        def on_stream() -> Any:
            with torch.cuda.stream(stream):
                stream.wait_event(before)
                result = run()
                stream.synchronize()
            return result

        return self._thread.submit(on_stream)

    def _check(self, key: bytes, page: Tensor) -> None:
        if not (isinstance(key, bytes) and 1 <= len(key) <= MOST_KEY_BYTES):
            raise TierError(f"tiered store: key {key!r}: is none; give 1 to {MOST_KEY_BYTES} bytes")
        layout = self.tiers[0].layout
        if page.shape != layout.shape or page.dtype != layout.dtype or not page.is_contiguous():
            raise TierError(
                f"tiered store: a page of {page.dtype} {tuple(page.shape)}; give a contiguous {layout.dtype} "
                f"{layout.shape}"
            )
