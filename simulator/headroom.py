"""How far policies get from LRU towards the offline optimum, from what each of them hits in caches of one size."""

from __future__ import annotations

from collections.abc import Mapping

BASELINE = "lru"
# MIN with bypass is the optimum of all caches, MIN only of those that cache every miss: proofs in `replay.optimum`.
OPTIMA = ("belady-bypass", "belady")


def optimum(hits: Mapping[str, float]) -> float | None:
    """The offline optimum of page hits, or page hit ratios, by policy: none of them is above it.

    None where no policy that finds it is among them, or only MIN is and a policy that bypasses got more.
    """
    best = next((hits[name] for name in OPTIMA if name in hits), None)
    # Means over seeds of what is equal may differ in their last bit.
    return None if best is None or max(hits.values()) > best * (1 + 1e-12) else best


def share_of_way(hit: float, base: float, best: float) -> float | None:
    """(hit - base) / (best - base): 0 at `base`, 1 at `best`; None where `best` is no better than `base`."""
    return (hit - base) / (best - base) if best > base else None


def way(hits: Mapping[str, float]) -> dict[str, float]:
    """By policy the share of the way from LRU to the optimum; empty without the two, or where LRU is the optimum."""
    best = optimum(hits)
    if best is None or BASELINE not in hits:
        return {}
    shares = {policy: share_of_way(hit, hits[BASELINE], best) for policy, hit in hits.items()}
    return {policy: share for policy, share in shares.items() if share is not None}
