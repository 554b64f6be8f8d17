"""Concurrent sequences a token at a time, over lists and sets: LRU, parallel samples, preemption of the youngest."""

from __future__ import annotations

import itertools
from collections import Counter


class Server:
    def __init__(self, capacity: int, page_tokens: int, at_once: int, samples: int) -> None:
        self.capacity, self.page_tokens, self.at_once, self.samples = capacity, page_tokens, at_once, samples
        self.parent: dict[int, int | None] = {}  # of cached pages
        self.order: list[int] = []  # cached pages that LRU knows, the coldest first
        self.given_up: set[int] = set()
        self.ready: int | None = None
        self.pins: Counter = Counter()
        self.running: list[dict] = []
        self.unique = itertools.count()
        self.counts: Counter = Counter()
        self.peak_logical = self.peak_held = 0

    def run(self, requests: list[tuple[list[int], int, int]]) -> None:
        """Requests are full prompt pages, prompt tokens, output tokens."""
        self.waiting = [(*request, 0) for request in requests]
        while True:
            for group in [group for group in self.running if group["done"] == group["output"]]:
                self.leave(group)
            for group in list(self.running):
                if group in self.running:
                    self.make_room(group)
            self.admit()
            if not self.running:
                return
            if any(group["done"] == group["output"] for group in self.running):
                continue  # nothing to generate: gone before the round
            for group in self.running:
                group["done"] += 1
            self.counts["rounds"] += 1
            self.counts["logical"] += sum(len(table) for group in self.running for table in group["tables"])
            self.counts["held"] += len(self.held())

    def held(self) -> set:
        return {block for group in self.running for table in group["tables"] for block in table}

    def free(self) -> int:
        return self.capacity - len(self.held() | {("page", page) for page in self.parent})

    def available(self) -> int:
        return self.capacity - len(self.held())

    def pages_of(self, tokens: int) -> int:
        return -(-tokens // self.page_tokens)

    def admit(self) -> None:
        while self.waiting and len(self.running) < self.at_once:
            pages, prompt, output, done = self.waiting[0]
            if self.needed(prompt, output) > self.capacity:
                self.counts["refused"] += 1
                self.waiting.pop(0)
                continue
            hits = 0
            while hits < len(pages) and pages[hits] in self.parent:
                hits += 1
            in_use = sum(self.pins[page] > 0 for page in pages[:hits])
            if self.needed(prompt, min(done + 1, output)) - in_use > self.available():
                return
            self.waiting.pop(0)
            self.counts["pages"] += len(pages)
            self.counts["hits"] += hits
            for page in reversed(pages[:hits]):
                if page in self.order:
                    self.order.remove(page)
                self.learn(page)
                self.pins[page] += self.samples
            self.take(self.pages_of(prompt) - hits)
            for position, page in enumerate(pages[hits:], hits):
                self.parent[page] = pages[position - 1] if position else None
                self.pins[page] += self.samples
            for page in reversed(pages[hits:]):
                self.learn(page)
            table = [("page", page) for page in pages]
            table += [next(self.unique) for _ in range(self.pages_of(prompt) - len(pages))]
            tables = [list(table) for _ in range(self.samples)]
            group = {"pages": pages, "prompt": prompt, "output": output, "done": done, "tables": tables}
            self.running.append(group)
            for token in range(done):
                for table in tables:
                    assert self.place(table, prompt + token)
            if done < output:
                self.make_room(group)

    def needed(self, prompt: int, done: int) -> int:
        full = prompt // self.page_tokens
        return full + self.samples * (self.pages_of(prompt + done) - full) if done else self.pages_of(prompt)

    def make_room(self, group: dict) -> None:
        """For the next token of every sample."""
        for table in group["tables"]:
            while not self.place(table, group["prompt"] + group["done"]):
                youngest = self.running[-1]
                self.leave(youngest)
                self.counts["preemptions"] += 1
                self.waiting.insert(0, tuple(youngest[key] for key in ("pages", "prompt", "output", "done")))
                if youngest is group:
                    return
        self.peak_logical = max(self.peak_logical, sum(len(table) for g in self.running for table in g["tables"]))
        self.peak_held = max(self.peak_held, len(self.held()))

    def place(self, table: list, position: int) -> bool:
        """Whether there is room for the token at `position`, in a page that no other sample has."""
        at = position // self.page_tokens
        new = at == len(table)
        holders = sum(table[at] in other for group in self.running for other in group["tables"]) if not new else 1
        if new or holders > 1:
            if self.available() < 1:
                return False
            self.take(1)
            self.counts["copies"] += not new
            table[at:] = [next(self.unique)]
        return True

    def take(self, n: int) -> None:
        for _ in range(n - self.free()):
            self.evict()

    def leave(self, group: dict) -> None:
        self.running.remove(group)
        for _ in group["tables"]:
            for page in reversed(group["pages"]):
                self.pins[page] -= 1
                if self.pins[page] == 0 and page in self.given_up:
                    self.learn(page)

    def learn(self, page: int) -> None:
        self.given_up.discard(page)
        if self.ready == page:
            self.ready = None
        self.order.append(page)

    def evict(self) -> None:
        page, self.ready = self.ready, None
        while page is None:
            page = self.order.pop(0)
            if self.pins[page] or page in self.parent.values():
                self.given_up.add(page)
                page = None
        self.given_up.discard(page)
        above = self.parent.pop(page)
        self.counts["evictions"] += 1
        if above in self.given_up and not self.pins[above] and above not in self.parent.values():
            self.ready = above
