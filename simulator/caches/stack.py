"""What stands in front of the pages: a list of tiers by name, with parameters."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from annotated_types import Ge, Gt, Interval
from pydantic import AfterValidator, WithJsonSchema

from kvreplay.parameters import check, nearest
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from . import embedders, indexes, thresholds
from .embedders import Embedder
from .embedders.store import Precomputed
from .entries import online
from .errors import CacheError
from .exact import ExactCache
from .hybrid import HybridCache
from .moving_threshold import Moving
from .semantic import SemanticCache
from .thresholds import Threshold
from .tier import Tier


def _known_policy(spec: str) -> str:
    online(spec)
    return spec


def _known_embedder(spec: str) -> str:
    _embedder(spec)
    return spec


def _known_threshold(spec: float | str) -> float | str:
    thresholds.get(spec)
    return spec


def _known_index(spec: str) -> str:
    indexes.get(spec, 1, 1)
    return spec


_lock = threading.Lock()

Capacity = Annotated[int, Ge(1)]
PolicyName = Annotated[str, AfterValidator(_known_policy)]
_THRESHOLD_SCHEMA = WithJsonSchema({"anyOf": [{"type": "number", "minimum": -1, "maximum": 1}, {"type": "string"}]})
TTL = Annotated[float, Gt(0)] | None
Share = Annotated[float, Interval(gt=0, lt=1)]


def exact(trace: Trace, seed: int, *, capacity: Capacity = 1000, policy: PolicyName = "lru", ttl: TTL = None) -> Tier:
    """The very same prompt gets the answer that it got. `ttl` in seconds."""
    return ExactCache(capacity, policy=policy, ttl=ttl, seed=seed)


def semantic(
    trace: Trace,
    seed: int,
    *,
    threshold: Annotated[float | str, AfterValidator(_known_threshold), _THRESHOLD_SCHEMA] = 0.85,
    embedder: Annotated[str, AfterValidator(_known_embedder)] | None = None,
    capacity: Capacity = 1000,
    policy: PolicyName = "lru",
    index: Annotated[str, AfterValidator(_known_index)] = "auto",
    k: Annotated[int, Ge(1)] = 1,
    guard: bool = False,
    skip_covered: bool = False,
    ttl: TTL = None,
    false_hits: Share | None = None,
    hits: Share | None = None,
) -> Tier:
    """A prompt whose cosine to a former one reaches the threshold gets its answer. With `false_hits` or `hits` the
    threshold moves until that share of the lookups is answered wrongly, as if every answer were checked, or answered at
    all. The default embedder is wordllama where the extra `embed` is installed, else idf-seeded; results name it. The
    others are those of `SemanticCache`."""
    known = _embedded(trace, embedder or embedders.default())
    places = indexes.get(index, known.dimensions, capacity)
    return SemanticCache(
        known,
        places,
        capacity,
        threshold=_threshold(threshold, false_hits, hits),
        k=k,
        guarded=guard,
        skip_covered=skip_covered,
        policy=policy,
        ttl=ttl,
        seed=seed,
    )


def _threshold(spec: float | str, false_hits: float | None, hits: float | None) -> Threshold:
    if false_hits is None and hits is None:
        return thresholds.get(spec)
    if isinstance(spec, str):
        raise CacheError(f"threshold {spec!r} with false_hits or hits: two rules; give one of them")
    return Moving(false_hits=false_hits, hits=hits, start=spec)


TIERS: dict[str, Callable[..., Tier]] = {"exact": exact, "semantic": semantic}


class TierSpec(NamedTuple):
    """A tier by name."""

    name: str
    params: Mapping[str, Any]  # every parameter, defaults included
    given: Mapping[str, Any]  # the ones that were set

    @property
    def dimensions(self) -> int:
        """Of the vectors by which entries are found; 0 where there are none."""
        return _embedder(self.params["embedder"]).dimensions if "embedder" in self.params else 0

    def build(self, trace: Trace, seed: int, **changes: Any) -> Tier:
        """The tier for the requests of `trace`, empty, with `changes` of its parameters."""
        return TIERS[self.name](trace, seed, **{**self.params, **changes})


@dataclass(frozen=True, eq=False)
class Stack:
    """Tiers in the order in which a request meets them."""

    tiers: tuple[TierSpec, ...]

    @property
    def label(self) -> str:
        """The tiers with the parameters that were set, and always with embedder and threshold."""
        return " > ".join(map(_label, self.tiers))

    @property
    def written(self) -> list[dict[str, dict[str, Any]]]:
        """The stack as an experiment names it."""
        return [{tier.name: dict(tier.given)} for tier in self.tiers]

    def build(self, trace: Trace, seed: int = 0) -> HybridCache:
        """Empty caches for the requests of `trace`, whose prompts are embedded all at once."""
        return HybridCache(*(tier.build(trace, seed) for tier in self.tiers))

    def fit(self, trace: Trace) -> None:
        """Raises TraceError where `trace` lacks what a tier needs."""
        for name, params, _ in self.tiers:
            if name == "semantic" and trace.text_offsets is None:
                raise TraceError(f"{trace.name} has no texts for the semantic cache", mend="use a trace with texts")
            if params["ttl"] is not None and trace.arrival is None:
                raise TraceError(f"ttl: {trace.name} has no arrival times", mend="use one with them, or leave ttl out")
        if self.tiers and trace.text_offsets is None and trace.parent is None:
            raise TraceError(f"{trace.name} has no prompts for the {self.tiers[0].name} cache", mend="leave stack out")

    @functools.cached_property
    def fingerprint(self) -> str:
        """16 hex digits over the parameters, the code of caches, and the versions of embedders and policies."""
        versions = []
        for _, params, _ in self.tiers:
            versions.append(online(params["policy"]).fingerprint)
            if "embedder" in params:
                versions.append(_embedder(params["embedder"]).version)
        parts = ([(name, sorted(params.items())) for name, params, _ in self.tiers], versions, _code_version())
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


EMPTY = Stack(())


def parse(written: Any) -> Stack:
    """The stack that is written as a list of tiers, each a name or a mapping of one name to parameters; None for none.

    Raises CacheError or ParameterError.
    """
    if written is None:
        return EMPTY
    if isinstance(written, Stack):
        return written
    if isinstance(written, str | Mapping) or not isinstance(written, Sequence):
        raise CacheError(f"stack {written!r}: is no list of tiers; write for example ['exact', 'semantic']")
    return make([named(tier) for tier in written])


def named(written: Any) -> tuple[str, dict[str, Any]]:
    """Name and parameters of a tier as it is written. Raises CacheError where it is none."""
    if isinstance(written, Mapping) and len(written) == 1:
        ((name, params),) = written.items()
    else:
        name, params = written, {}
    if not isinstance(name, str) or name not in TIERS:
        raise CacheError(f"stack: {name!r} is no tier; {nearest(str(name), list(TIERS))}")
    if not isinstance(params, Mapping | None):
        raise CacheError(f"stack: the parameters of {name} are {params!r}; write them as a mapping")
    return name, dict(params or {})


def make(tiers: Sequence[tuple[str, Mapping[str, Any]]]) -> Stack:
    """The stack of `tiers`, names and parameters. Raises CacheError or ParameterError."""
    names = [name for name, _ in tiers]
    if len(set(names)) < len(names):
        raise CacheError(f"stack of {', '.join(names)}: a tier is there twice; name each once")
    checked = []
    for name, given in tiers:
        params = check(TIERS[name], name, given)
        if name == "semantic":
            _threshold(params["threshold"], params["false_hits"], params["hits"])
            params["embedder"] = _embedder(params["embedder"] or embedders.default()).name
        checked.append(TierSpec(name, params, {key: params[key] for key in given}))
    return Stack(tuple(checked))


def _label(tier: TierSpec) -> str:
    shown = [key for key in tier.params if key in tier.given or key in ("embedder", "threshold")]
    return " ".join([tier.name, *(f"{key}={tier.params[key]}" for key in shown)])


def _embedded(trace: Trace, embedder: str) -> Precomputed:
    with _lock:  # cells run on threads, and would each compute it
        return _embedded_once(trace, embedder)


@functools.lru_cache(maxsize=4)
def _embedded_once(trace: Trace, embedder: str) -> Precomputed:
    return Precomputed(_embedder(embedder), (text for text in trace.texts() if text.strip()))


@functools.lru_cache(maxsize=8)
def _embedder(spec: str) -> Embedder:
    return embedders.get(spec)


@functools.cache
def _code_version() -> str:
    folder = Path(__file__).parent
    files = sorted(file for part in (".", "embedders", "indexes") for file in (folder / part).glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
