"""The pages that a rank sends and receives in one step."""

from __future__ import annotations

from collections import defaultdict

import torch.distributed as dist
from torch import Tensor

from .shared_pages import Place


class Transfers:
    """From and to `rows`, (slots, bytes) uint8, the memory of `rank`, over `group`; None: nobody can be reached.

    Two ranks must name what goes between them in the same order.
    """

    def __init__(self, rows: Tensor, rank: int, group: dist.ProcessGroup | None) -> None:
        self._rows, self._rank, self._group = rows, rank, group
        self._with: dict[int, list[dist.P2POp]] = defaultdict(list)
        self.sent = self.received = 0  # bytes

    def send(self, source: Place, to: int) -> None:
        """Send a page of this rank."""
        self._with[to].append(dist.P2POp(dist.isend, self._rows[source.slot], to, self._group))
        self.sent += self._rows.shape[1]

    def receive(self, source: Place, out: Tensor) -> None:
        """Fill `out`, (bytes,) uint8, with a page of any rank."""
        if source.rank == self._rank:
            out.copy_(self._rows[source.slot])
        else:
            self._with[source.rank].append(dist.P2POp(dist.irecv, out, source.rank, self._group))
            self.received += len(out)

    def run(self) -> set[int]:
        """Wait until all is sent and received; the ranks with which something failed, so that nothing can be relied on.

        A batch for each pair of ranks, in the same order of pairs everywhere: NCCL carries them out one by one.
        """
        if self._group is None:
            return set(self._with)
        works: dict[int, list[dist.Work]] = {}
        failed = set()
        for peer in sorted(self._with):
            try:
                works[peer] = dist.batch_isend_irecv(self._with[peer])
            except RuntimeError:
                failed.add(peer)
        for peer, under_way in works.items():
            for work in under_way:
                try:
                    work.wait()
                except RuntimeError:
                    failed.add(peer)
        return failed
