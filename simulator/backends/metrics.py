"""What pools, caches and tiers are doing, as Prometheus reads it: text exposition format 0.0.4.

`exposition` renders any metrics; the functions `of_...` say what is counted of what. Reading takes no locks: figures of
things that are at work may be of moments a few operations apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from kvreplay.simulator.caches.pages import PagePool, PrefixCache

    from .distributed import DistributedPageDirectory
    from .tiers import TieredStore

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # of an HTTP answer


class Metric(NamedTuple):
    """A figure of one thing. Names have units, and those of counters end in `_total`."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    value: float
    labels: Mapping[str, str]


def exposition(metrics: Iterable[Metric]) -> str:
    """The text of `metrics`, those of one name together, as the format asks. Raises ValueError where they differ in
    kind, or two have the same labels."""
    families: dict[str, dict[str, Metric]] = {}
    for metric in metrics:
        family = families.setdefault(metric.name, {})
        sample = metric.name + _labels(metric.labels)
        if sample in family or any(other.kind != metric.kind for other in family.values()):
            raise ValueError(f"metric {sample}: is there already, or with another kind; label each thing differently")
        family[sample] = metric
    lines = []
    for name, family in families.items():
        first = next(iter(family.values()))
        lines += [f"# HELP {name} {_escaped(first.help)}", f"# TYPE {name} {first.kind}"]
        lines += [f"{sample} {_number(metric.value)}" for sample, metric in family.items()]
    return "".join(f"{line}\n" for line in lines)


def of_pool(pool: PagePool, **labels: str) -> Iterator[Metric]:
    """The pages of a pool, labelled to tell it from others."""
    stats = pool.stats()
    for state, pages in {"free": stats.free, "used": stats.physical}.items():
        yield gauge("pool_pages", "Physical pages, free or in use", pages, labels, state=state)
    yield gauge("pool_shared_pages", "Physical pages with more than one holder", stats.shared, labels)
    yield gauge("pool_held_pages", "Pages in use, counted once for every holder", stats.logical, labels)
    yield gauge("pool_used_bytes", "Memory of the pages in use", stats.bytes, labels)
    yield counter("pool_copied_pages", "Pages copied because a holder wrote to a shared one", stats.copies, labels)
    yield counter("pool_merged_pages", "Pages given up for an equal one", stats.merged, labels)
    yield counter("pool_out_of_memory", "Calls for which too few pages were free", stats.refused, labels)


def of_prefix_cache(cache: PrefixCache, **labels: str) -> Iterator[Metric]:
    """The pages of a prefix cache. hits / looked up is the prefix hit ratio."""
    stats = cache.stats()
    yield gauge("prefix_capacity_pages", "Pages that may be cached", stats.capacity, labels)
    yield gauge("prefix_cached_pages", "Cached pages", stats.cached, labels)
    yield gauge("prefix_pinned_pages", "Cached pages that requests use", stats.pinned, labels)
    yield counter("prefix_lookups", "Prompts looked up", stats.lookups, labels)
    yield counter("prefix_looked_up_pages", "Pages of the prompts looked up", stats.pages, labels)
    yield counter("prefix_hit_pages", "Of these, found", stats.hits, labels)
    yield counter("prefix_evicted_pages", "Cached pages that left", stats.evictions, labels)


def of_tiers(store: TieredStore, **labels: str) -> Iterator[Metric]:
    """The pages and transfers of each tier, with its name as the label `tier`."""
    for tier in store.tiers:
        stats, named = tier.stats, {**labels, "tier": tier.name}
        yield gauge("tier_capacity_pages", "Pages that a tier has room for", tier.capacity, named)
        yield gauge("tier_held_pages", "Pages in a tier", len(tier), named)
        yield counter("tier_hit_pages", "Pages found in a tier", stats.hits, named)
        yield counter("tier_missed_pages", "Pages not found in a tier", stats.misses, named)
        yield counter("tier_stored_pages", "Pages written to a tier", stats.stored, named)
        yield counter("tier_evicted_pages", "Pages that left a tier for others", stats.evicted, named)
        yield counter("tier_failed_pages", "Pages that could not be written to a tier", stats.failed, named)
        yield counter("tier_damaged_pages", "Pages dropped because they read wrong", stats.damaged, named)
        yield counter("tier_written_bytes", "Bytes moved to a tier", stats.bytes_written, named)
        yield counter("tier_read_bytes", "Bytes moved from a tier", stats.bytes_read, named)


def of_directory(directory: DistributedPageDirectory, **labels: str) -> Iterator[Metric]:
    """The pages and transfers of this rank, its number as the label `rank`; those of all ranks are the sums of theirs.

    Shared, lost and refused are counted over all ranks, by each of them.
    """
    stats, named = directory.stats(), {**labels, "rank": str(directory.rank)}
    yield gauge("directory_alive_ranks", "Ranks that live", len(stats.owned), named)
    yield gauge("directory_owned_pages", "Pages in the memory of this rank", stats.owned[directory.rank], named)
    yield gauge("directory_free_pages", "Pages that this rank has room for", stats.free[directory.rank], named)
    yield gauge("directory_shared_pages", "Pages that several ranks hold", stats.shared, named)
    yield counter("directory_out_of_memory", "Operations for which no page was free", stats.refused, named)
    yield counter("directory_lost_pages", "Pages that were held when their owner died", stats.lost, named)
    yield counter("directory_received_bytes", "Bytes read from other ranks", stats.bytes_received, named)
    yield counter("directory_sent_bytes", "Bytes that other ranks read", stats.bytes_sent, named)


def gauge(name: str, help: str, value: float, labels: Mapping[str, str] = {}, **more: str) -> Metric:
    """The metric `kvreplay_` + `name`, which goes up and down."""
    return Metric(f"kvreplay_{name}", "gauge", help, value, {**labels, **more})


def counter(name: str, help: str, value: float, labels: Mapping[str, str] = {}, **more: str) -> Metric:
    """The metric `kvreplay_` + `name` + `_total`, which only grows."""
    return Metric(f"kvreplay_{name}_total", "counter", help, value, {**labels, **more})


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ((name, _escaped(value).replace('"', r"\"")) for name, value in sorted(labels.items()))
    written = ",".join(f'{name}="{value}"' for name, value in pairs)
    return f"{{{written}}}" if written else ""


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text := str(value), text)
