"""Sequences over shared pages: admitted behind the longest cached prefix, growing, forking, finishing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .page_pool import PageError, PagePool
from .prefix import Prefix
from .prefix_cache import PrefixCache


@dataclass(eq=False, slots=True)
class Sequence:
    """A running sequence: its pages in order, of which the last may not be full."""

    ids: np.ndarray  # (pages,) int32, in the pool
    length: int  # tokens
    prefix: Prefix
    behind: np.ndarray  # (m,) tokens behind the last full page, where the cache goes by tokens


class PagedSequences:
    """Sequences whose pages lie in `pool` and whose full pages are kept in `cache`, made with this pool, for others.

    Nothing else has pages of the pool. Where free ones run out, cached ones that no sequence uses leave. If that is not
    enough, `admit` returns None and `grow` False, and nothing changes: the caller waits, or finishes another one.
    """

    def __init__(self, pool: PagePool, cache: PrefixCache) -> None:
        if cache.pool is not pool:
            raise PageError("sequences: the cache is not one of this pool; make it with pool=")
        self.pool, self.cache = pool, cache

    @property
    def available(self) -> int:
        """Pages that sequences could have: free ones, and cached ones that none uses."""
        return self.pool.free + self.cache.idle

    @property
    def held(self) -> int:
        """Pages that sequences have, each counted once."""
        return self.pool.capacity - self.available

    def admit(
        self, prompt: np.ndarray, length: int | None = None, salt: str = "", *, most: int | None = None
    ) -> Sequence | None:
        """A sequence of `prompt`, (n,) tokens, or the numbers of the full pages of a trace's prompt of `length` tokens.

        Its full pages are cached at once, as vLLM does: what is in them is computed before anything else is. Of a
        trace's prompt no more than `most` pages are found, as servers do that must compute at least one token; the
        policy hears of those found when they are, and of the others when they are cached.
        """
        page_tokens = self.cache.page_tokens
        length = len(prompt) if length is None else length
        pages = -(-length // page_tokens)
        hits, idle = self.cache.peek(prompt[:most], salt)
        if pages - hits > self.available - idle:
            return None
        prefix = self.cache.lookup(prompt if most is None else prompt[:hits], salt)
        behind = np.asarray(prompt)[len(prefix.tokens) if self.cache.by_tokens else length :]
        self.cache.evict(max(pages - prefix.hits - self.pool.free, 0))
        own = self.pool.create(pages - prefix.hits)
        assert own is not None
        sequence = Sequence(np.concatenate([prefix.ids, own]), length, prefix, behind)
        if most is not None:
            self.cache.extend(prefix, prompt[hits:])
        self._keep(sequence)
        return sequence

    def grow(self, sequence: Sequence, tokens: int | np.ndarray) -> bool:
        """Append tokens: how many, or, where the cache goes by tokens, which; then full pages are cached, too.

        A last page that is shared is copied first.
        """
        page_tokens = self.cache.page_tokens
        more = tokens if isinstance(tokens, int) else len(tokens)
        new = -(-(sequence.length + more) // page_tokens) - len(sequence.ids)
        last = sequence.ids[sequence.length // page_tokens :] if more else sequence.ids[:0]  # unless it is full
        shared = int(np.count_nonzero(self.pool.holders(last) > 1))
        if new + shared > self.available:
            return False
        self.cache.evict(max(new + shared - self.pool.free, 0))
        own = self.pool.create(new)
        private = self.pool.write(last)
        assert own is not None
        assert private is not None
        sequence.ids = np.concatenate([sequence.ids[: len(sequence.ids) - len(last)], private, own])
        sequence.length += more
        if not isinstance(tokens, int):
            sequence.behind = np.concatenate([sequence.behind, tokens])
            full = len(sequence.behind) // page_tokens * page_tokens
            if full:
                self.cache.extend(sequence.prefix, sequence.behind[:full])
                sequence.behind = sequence.behind[full:]
                self._keep(sequence)
        return True

    def fork(self, sequence: Sequence) -> Sequence:
        """Another sequence of the same tokens, as for beams and parallel samples: all pages are shared."""
        self.pool.share(sequence.ids)
        prefix = self.cache.fork(sequence.prefix)
        return Sequence(sequence.ids.copy(), sequence.length, prefix, sequence.behind)

    def finish(self, sequence: Sequence) -> None:
        """Give up the pages of `sequence`, the last first; those that are cached stay so."""
        self.cache.release(sequence.prefix)
        self.pool.release(sequence.ids[::-1])

    def _keep(self, sequence: Sequence) -> None:
        """Cache the full pages, and take those of others in place of equal ones."""
        prefix = sequence.prefix
        self.cache.insert(prefix, sequence.ids[prefix.held : len(prefix.pages)])
        sequence.ids[: prefix.held] = prefix.ids
