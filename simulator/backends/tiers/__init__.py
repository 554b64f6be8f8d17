"""Pages by key in tiers, the fastest first: device memory, pinned host memory, a slab file on disk.

`store` moves pages between tiers, in a thread of its own; `tier` is what a tier is, `memory` and `slab` are the two
kinds. Which page leaves a tier is decided by any policy of `kvreplay.policies` that needs no trace.
"""

from .memory import MemoryTier
from .slab import SlabTier
from .store import TieredStore
from .tier import Tier, TierError, TierStats

__all__ = ["MemoryTier", "SlabTier", "Tier", "TierError", "TierStats", "TieredStore"]
