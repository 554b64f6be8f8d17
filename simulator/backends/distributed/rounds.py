"""Rounds in which every rank says something, and all that live hear the same."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import torch.distributed as dist

_SAID, _DEAD = "+", "-"


class DirectoryError(ValueError):
    """A directory cannot be made, was asked for what cannot be, or this rank was taken for dead."""


class Rounds:
    """What `rank` hears in each round, over `store`, under keys that begin with `name`.

    A rank that has said nothing `timeout` seconds after another began to wait for it is dead. What it said, or that it
    is dead, is whichever is written first under one key of the store, whose compare-and-set so decides for all: every
    rank that gets through a round gets the same out of it. One that was only slow learns in its next round that it is
    taken for dead.
    """

    def __init__(self, store: dist.Store, name: str, rank: int, timeout: float) -> None:
        self._store, self._rank, self._timeout = dist.PrefixStore(name, store), rank, timeout
        self._round = 0

    def exchange(self, said: str, ranks: Collection[int]) -> dict[int, str]:
        """Say something, and hear all `ranks`, this one included: what each has said, but for those that are dead.

        Raises DirectoryError where the others took this rank for dead, or the store does not answer.
        """
        try:
            return self._exchange(said, sorted(ranks))
        except RuntimeError as error:  # all of torch.distributed's are
            told = str(error).splitlines()[0]
            raise DirectoryError(
                f"page directory: the store is gone ({told}); keep it where it outlives ranks"
            ) from None

    def _exchange(self, said: str, ranks: list[int]) -> dict[int, str]:
        if self._store.compare_set(self._key(self._round, self._rank), "", _SAID + said) == _DEAD.encode():
            raise DirectoryError(
                f"page directory: rank {self._rank} was silent for {self._timeout} s, and is taken for dead; start it "
                "anew, with a longer timeout where its steps take so long"
            )
        keys = [self._key(self._round, rank) for rank in ranks]
        try:
            self._store.wait(keys, timedelta(seconds=self._timeout))
        except dist.DistStoreError:
            for key in keys:  # changes nothing for those that have said something
                self._store.compare_set(key, "", _DEAD)
        answers = [answer.decode() for answer in self._store.multi_get(keys)]
        # Who is in this round has got through the one before, and needs nothing of those before that.
        if self._round >= 2:
            self._store.delete_key(self._key(self._round - 2, self._rank))
        self._round += 1
        return {rank: answer[len(_SAID) :] for rank, answer in zip(ranks, answers, strict=True) if answer != _DEAD}

    def _key(self, round: int, rank: int) -> str:
        return f"{round}/{rank}"
