"""Links over which pages of KV cache move: each moves one thing after another, in the order in which it was asked.

When a link is done with what it is asked for is known at once, for nothing that is asked later goes before it. So a
transfer is no process, but a sum. Where pages cross several links they follow each other: while one crosses the second
link, the next crosses the first, and a link that waits for pages moves others' meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .cost import Device
from .model import read_table


class Link:
    """Moves `rate` bytes a second, one way; what it has moved arrives `latency` seconds later."""

    def __init__(self, name: str, rate: float, latency: float = 0.0) -> None:
        self.name, self.rate, self.latency = name, rate, latency
        self.free = 0.0  # s, when it is done with what it was asked for
        self.moved = 0  # bytes


class LinkRates(NamedTuple):
    """What is known of a kind of link."""

    read: float  # bytes/s
    write: float  # bytes/s
    latency: float  # s


def known_rates(name: str, device: Device, devices: int) -> LinkRates | None:
    """What links.yaml says of a link of that name, of `devices` of `device` together; None where it has none."""
    entry = read_table("links.yaml").get(name)
    if entry is None:
        return None
    if "of" in entry:
        read = write = entry["share"] * getattr(device, entry["of"]) * devices
    else:
        read, write = 1e9 * entry["read_gbs"], 1e9 * entry["write_gbs"]
    return LinkRates(read, write, entry["latency_ms"] / 1e3)


class Hop(NamedTuple):
    """A part of the way of pages, which take `page_bytes` each there, and all of `links` for as long as the slowest."""

    links: tuple[Link, ...]
    page_bytes: int


class Transfer:
    """Pages that are asked for at `now`, over one or more paths. No link is taken until `start`."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._arrivals: list[tuple[float, float]] = []  # s, of the first and the last byte over each path
        self._free: dict[Link, float] = {}
        self._moved: dict[Link, int] = {}

    def add(self, path: Sequence[Hop], pages: int) -> None:
        """Move `pages` pages along `path`, after what was added before."""
        begin = first = last = self._now  # when the first byte, the first page and the last page are there
        for links, page_bytes in path:
            each = page_bytes / min(link.rate for link in links)
            start = max(first, *(self._free.get(link, link.free) for link in links))
            done = start + pages * each
            for link in links:
                self._free[link] = done
                self._moved[link] = self._moved.get(link, 0) + pages * page_bytes
            latency = sum(link.latency for link in links)
            begin = start + latency
            first = begin + each
            last = max(done, last + each) + latency
        self._arrivals.append((begin, last))

    @property
    def end(self) -> float:
        """When all is there."""
        return max((last for _, last in self._arrivals), default=self._now)

    def layer(self, layers: int) -> float:
        """When the first of `layers` layers is there, if they come one after the other, of all pages."""
        return max((begin + (last - begin) / layers for begin, last in self._arrivals), default=self._now)

    def start(self) -> None:
        """Take the links."""
        for link, free in self._free.items():
            link.free = free
            link.moved += self._moved[link]


def bytes_moved(links: Iterable[Link]) -> dict[str, int]:
    """Bytes by the links' names."""
    found: dict[str, int] = {}
    for link in links:
        found[link.name] = found.get(link.name, 0) + link.moved
    return found
