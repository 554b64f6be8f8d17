"""Twins of the admission filters, `FILTERS` by name, and slow caches of a policy's twin behind a filter's."""

from .adaptsize import AdaptSize
from .caches import Behind, IndependentCache, PrefixCache, SizedCache
from .filters import Bloom, Open, Probabilistic, TinyLFU

FILTERS = {"adaptsize": AdaptSize, "bloom": Bloom, "probabilistic": Probabilistic, "tinylfu": TinyLFU}

__all__ = ["FILTERS", "AdaptSize", "Behind", "IndependentCache", "Open", "PrefixCache", "SizedCache"]
