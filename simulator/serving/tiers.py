"""KV pages below the device's memory: a list of tiers, such as host memory, SSD, and a store that replicas share.

As in the `TieredStore` of real memory: the pages of a prompt are copied to the first tier when it is computed; what
leaves a tier goes to the next one, from the last it is gone; a page that is loaded comes back into the first tier, and
its copy below stays. What a tier's policy lets leave takes no heed of the pages that depend on it.

A page is loaded over the links of its tier and of every tier above it, and written over the link of its tier alone.
Links move one way, and reads do not wait for writes. A page can be loaded once it is written. With a codec, a tier
holds, and its link moves, encoded pages; the codec works on one page after another, beside the link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt
from pydantic import AfterValidator

from kvreplay.parameters import ParameterError, check
from kvreplay.simulator.caches.entries import Entries, Entry, online

from .cost import Device, StepCost
from .figures import REQUESTS
from .links import Hop, Link, LinkRates, Transfer, known_rates
from .model import Model
from .speculation import Speculation, target_of, token_bytes

PEER = "peer"  # what other replicas are called as a place of pages


def _known_policy(spec: str) -> str:
    online(spec)
    return spec


Rate = Annotated[float, Gt(0)]


def tier_settings(
    *,
    gib: Annotated[float, Ge(0)],
    policy: Annotated[str, AfterValidator(_known_policy)] = "lru",
    read_gbs: Rate | None = None,
    write_gbs: Rate | None = None,
    latency_ms: Annotated[float, Ge(0)] | None = None,
    codec: str | None = None,
    codec_gbs: Rate | None = None,
    shared: bool = False,
) -> None:
    """One tier. gib: capacity. policy: which pages leave, any of `kvreplay policies` that decides by page. read_gbs,
    write_gbs, latency_ms: of its link; default: links.yaml. codec: of `backends.codecs`, with which pages lie there,
    one that always takes the same room; codec_gbs: GB/s of plain pages that it encodes, and decodes. shared: one for
    all replicas, each of which has a link to it."""


class TierSpec(NamedTuple):
    """A tier by name, and its `tier_settings`."""

    name: str
    settings: Mapping[str, Any]
    given: Mapping[str, Any]  # the ones that were set

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.given.items())])

    def page_bytes(self, model: Model, page_tokens: int) -> int:
        """Bytes of a page there. Raises ValueError for a codec that is unknown, or that must see the data to tell."""
        plain = page_tokens * model.kv_bytes_per_token
        name = self.settings["codec"]
        if name is None:
            return plain
        if model.latent is not None:
            raise ValueError(
                f"tier {self.name}: codecs are for heads, and {model.name} has none in its cache; use none"
            )
        from kvreplay.simulator.backends import PageLayout, codecs

        codec = codecs.get(name, PageLayout(model.layers, page_tokens, model.kv_heads, model.head_size))
        if codec.lossless and codec.row_bytes != plain:
            raise ValueError(f"tier {self.name}: what {name} saves depends on the data; use a codec of a fixed size")
        return codec.row_bytes

    def links(self, device: Device, devices: int) -> tuple[Link, Link]:
        """From it, and to it, of a replica on `devices` of `device`. Raises ValueError where no rate is known."""
        read, write, latency = (self.settings[name] for name in ("read_gbs", "write_gbs", "latency_ms"))
        known = known_rates(self.name, device, devices)
        if known is None:
            if None in (read, write, latency):
                raise ValueError(f"tier {self.name}: links.yaml has no such link; give read_gbs, write_gbs, latency_ms")
            known = LinkRates(1e9 * read, 1e9 * write, latency / 1e3)
        seconds = known.latency if latency is None else latency / 1e3
        return (
            Link(f"{self.name}_read", known.read if read is None else 1e9 * read, seconds),
            Link(f"{self.name}_write", known.write if write is None else 1e9 * write, seconds),
        )


def parse(written: Any) -> tuple[TierSpec, ...]:
    """Tiers that are written as a list, each a mapping of its name to its settings. Raises ParameterError."""
    if written is None:
        return ()
    if isinstance(written, str | Mapping) or not isinstance(written, Sequence):
        raise ParameterError(f"tiers {written!r}: is no list; write for example [host: {{gib: 64}}]")
    specs = []
    for tier in written:
        if isinstance(tier, TierSpec):
            specs.append(tier)
            continue
        if not isinstance(tier, Mapping) or len(tier) != 1 or not isinstance(next(iter(tier.values())), Mapping):
            raise ParameterError(f"tier {tier!r}: is no name with settings; write for example host: {{gib: 64}}")
        ((name, given),) = tier.items()
        settings = check(tier_settings, f"tier {name}", given)
        if (settings["codec"] is None) != (settings["codec_gbs"] is None):
            raise ParameterError(f"tier {name}: a codec takes time; give codec and codec_gbs, or neither")
        specs.append(TierSpec(str(name), settings, given))
    names = [spec.name for spec in specs]
    for name in names:
        if name == PEER or f"{name}_tokens" in REQUESTS:
            raise ParameterError(f"tier {name}: is the name of something else in the tables; give it another")
    if len(set(names)) < len(names):
        raise ParameterError(f"tiers {', '.join(names)}: one is there twice; give each a name of its own")
    return tuple(specs)


class Pages:
    """The pages that a tier holds, at most `capacity`, of the `known` ones of a trace."""

    def __init__(self, capacity: int, known: int, policy: str, seed: int) -> None:
        self._left: list[int] = []
        self._entries = Entries(capacity, policy, ids=known + 1, seed=seed, leave=self._leave)

    def has(self, page: int, now: float) -> bool:
        """Whether `page` can be loaded."""
        entry = self._entries.get(page)
        return entry is not None and entry.written <= now

    def __len__(self) -> int:
        return len(self._entries)

    def store(self, pages: Sequence[int]) -> tuple[list[Entry], list[int]]:
        """Hold `pages`, the first longest: entries that are new, to be written, and the pages that left for them."""
        new = []
        for page in reversed(pages):
            entry = self._entries.get(page)
            if entry is not None:
                self._entries.touch(entry)
            elif (entered := self._entries.insert(page, page, float("inf"))) is not None:
                new.append(entered)
        left, self._left = self._left[::-1], []  # who left last comes first
        return [entry for entry in new if entry.live], left

    def _leave(self, entry: Entry) -> None:
        self._left.append(entry.value)


class Level(NamedTuple):
    """A tier as one replica sees it."""

    name: str
    pages: Pages
    read: Sequence[Hop]  # to the device
    write: Sequence[Hop]  # from the tier above, or the device


class Tiers:
    """All tiers below the memory of one replica, the fastest first."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self.levels = levels

    @property
    def links(self) -> list[Link]:
        """Each once."""
        hops = [hop for level in self.levels for hop in (*level.read, *level.write)]
        return list(dict.fromkeys(link for hop in hops for link in hop.links))

    def find(self, pages: np.ndarray, now: float) -> list[int]:
        """The first level that has each of `pages`, from the start until one is nowhere."""
        found = []
        for page in pages.tolist():
            number = next((i for i, level in enumerate(self.levels) if level.pages.has(page, now)), -1)
            if number < 0:
                break
            found.append(number)
        return found

    def store(self, pages: list[int], now: float) -> None:
        """Copy `pages` down from the device, those that are not there yet."""
        for level in self.levels:
            if not pages:
                break
            new, pages = level.pages.store(pages)
            transfer = Transfer(now)
            transfer.add(level.write, len(new))
            transfer.start()
            for entry in new:
                entry.written = transfer.end

    def loaded(self, pages: list[int], now: float) -> None:
        """Keep `pages`, which came from a tier and are there at `now`, in the first one."""
        new, left = self.levels[0].pages.store(pages)
        for entry in new:
            entry.written = now
        Tiers(self.levels[1:]).store(left, now)


def build(
    specs: Sequence[TierSpec],
    cost: StepCost | Speculation,
    page_tokens: int,
    known: int,
    replicas: int,
    seed: int,
) -> list[Tiers]:
    """The tiers of each replica, empty; those of no capacity are left out. `known`: pages of the trace.

    A page has the keys and values of all models of `cost`.
    """
    target, plain = target_of(cost), page_tokens * token_bytes(cost)
    levels: list[list[Level]] = [[] for _ in range(replicas)]
    for spec in specs:
        stored = sum(spec.page_bytes(model, page_tokens) for model in cost.models)
        capacity = int(min(spec.settings["gib"] * 2**30 / stored, known))
        if not capacity:
            continue
        pages = Pages(capacity, known, spec.settings["policy"], seed)
        for own in levels:
            if not spec.settings["shared"] and own is not levels[0]:
                pages = Pages(capacity, known, spec.settings["policy"], seed)
            read, write = spec.links(target.device, target.devices)
            back, to = [Hop((read,), stored)], [Hop((write,), stored)]
            if spec.settings["codec"] is not None:
                rate = 1e9 * spec.settings["codec_gbs"]
                back = [*back, Hop((Link(f"{spec.name}_decode", rate),), plain)]
                to = [Hop((Link(f"{spec.name}_encode", rate),), plain), *to]
            above = own[-1].read if own else []
            own.append(Level(spec.name, pages, [*back, *above], to))
    return [Tiers(own) for own in levels]
