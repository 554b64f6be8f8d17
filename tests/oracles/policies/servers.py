"""The prefix caches of vLLM and SGLang from their rules, a request at a time, with lists of blocks and of nodes."""

from __future__ import annotations

from dataclasses import dataclass


class Server:
    tail = "partial"

    def __init__(self, capacity: int, page_tokens: int | None = None) -> None:
        self.capacity, self.page_tokens = capacity, page_tokens
        self.start()

    def request(self, pages: list[int], tokens: int | None) -> int:
        """Serve one request of `tokens` (None: not known); number of pages hit."""
        size = self.page_tokens
        if self.tail == "full" or size is None or tokens is None:
            hittable = full = len(pages)
            held = len(pages) + 1
        else:
            hittable, full, held = (tokens - 1) // size, tokens // size, len(pages)
        return self.serve(pages, hittable, full, held) if held <= self.capacity else 0


class VLLM(Server):
    partial_first = True

    def start(self):
        self.queue = list(range(self.capacity))  # blocks by when they leave
        self.holds = {}  # block -> page, by when it was cached

    def serve(self, pages, hittable, full, held):
        hit = []
        for page in pages[:hittable]:
            holders = [block for block, held_page in self.holds.items() if held_page == page]
            if not holders:
                break
            hit.append(holders[0])
        for block in hit:
            self.queue.remove(block)
        new = [self.queue.pop(0) for _ in range(held - len(hit))]
        for block in new:
            self.holds.pop(block, None)
        blocks = hit + new
        for block, page in list(zip(blocks, pages, strict=False))[len(hit) : full]:
            self.holds[block] = page
        freed = blocks[::-1]
        first = [block for block in freed if block not in self.holds and self.partial_first]
        self.queue = first + self.queue + [block for block in freed if block not in first]
        return len(hit)


class VLLM011(VLLM):
    partial_first = False


@dataclass(eq=False)
class Node:
    pages: list[int]
    above: Node | None
    accessed: int
    created: int
    uses: int = 0


class SGLang(Server):
    def start(self):
        self.nodes = []
        self.time = 0

    def serve(self, pages, hittable, full, held):
        path = self.access(pages[:hittable], counts=False)
        hits = sum(len(node.pages) for node in path)
        free = self.capacity - sum(len(node.pages) for node in self.nodes)
        while free < held - hits:
            inner = [node.above for node in self.nodes]
            victim = min((node for node in self.nodes if node not in inner and node not in path), key=self.rank)
            self.nodes.remove(victim)
            free += len(victim.pages)
        path = self.access(pages[:full], counts=True)
        rest = pages[sum(len(node.pages) for node in path) : full]
        if rest:
            self.time += 1
            self.nodes.append(Node(rest, path[-1] if path else None, self.time, self.time, uses=1))
        return hits

    def access(self, pages, counts):
        """The nodes that make up the longest cached prefix of `pages`; the last is split where it ends inside."""
        self.time += 1
        now, path, rest = self.time, [], pages
        while rest:
            above = path[-1] if path else None
            found = [node for node in self.nodes if node.above is above and node.pages[0] == rest[0]]
            if not found:
                break
            node = found[0]
            node.accessed = now
            common = 0
            while node.pages[common : common + 1] == rest[common : common + 1] != []:
                common += 1
            if common < len(node.pages):
                self.time += 1
                upper = Node(node.pages[:common], above, self.time, self.time, node.uses)
                node.above, node.pages = upper, node.pages[common:]
                self.nodes.append(upper)
                node = upper
            node.uses += counts
            path.append(node)
            rest = rest[common:]
        return path


class SGLangLRU(SGLang):
    def rank(self, node):
        return node.accessed


class SGLangLFU(SGLang):
    def rank(self, node):
        return node.uses, node.accessed


class SGLangFIFO(SGLang):
    def rank(self, node):
        return node.created


class SGLangMRU(SGLang):
    def rank(self, node):
        return -node.accessed


class SGLangFILO(SGLang):
    def rank(self, node):
        return -node.created


class SGLangSLRU(SGLang):
    def rank(self, node):
        return node.uses >= 2, node.accessed


class SGLangPriority(SGLang):
    def rank(self, node):
        priority = 0  # of every request
        return priority, node.accessed
