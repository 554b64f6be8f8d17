"""Hierarchical navigable small worlds, by hnswlib: a graph of neighbours that a query walks, approximate and fast.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs", IEEE TPAMI 42(4), 2020. Slots are labels: a new vector under an old slot takes over its place in the graph, so
that the index never fills up with what was deleted. Everything runs on one thread, for the graph depends on the order.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Interval

from ..errors import CacheError
from ..specs import label
from .slots import Slots


class Hnsw:
    """`M`: links of a vector (twice as many on the ground). `ef_construction`, `ef_search`: candidates kept on the way.

    Raises CacheError where hnswlib is not installed.
    """

    def __init__(
        self,
        dimensions: int,
        capacity: int,
        *,
        M: Annotated[int, Interval(ge=2, le=100)] = 16,
        ef_construction: Annotated[int, Interval(ge=1, le=10_000)] = 200,
        ef_search: Annotated[int, Interval(ge=1, le=10_000)] = 64,
    ) -> None:
        try:
            import hnswlib
        except ImportError as error:
            mend = (
                "pip install 'kvreplay[hnsw]', which takes a C++ compiler and Python's headers, or take the index flat"
            )
            raise CacheError(f"index hnsw: hnswlib does not import ({error}); {mend}") from error
        self.name = label(Hnsw, "hnsw", M=M, ef_construction=ef_construction, ef_search=ef_search)
        self._slots = Slots(self.name, dimensions, capacity)
        self._graph = hnswlib.Index("ip", dimensions)
        self._graph.init_index(capacity, M, ef_construction)
        self._graph.set_ef(ef_search)
        self._free_bytes = 4 * (2 * M + 1) + 4 * dimensions + 8  # of a place without a vector: links, vector, label

    def put(self, slot: int, vector: np.ndarray) -> None:
        self._slots.checked(vector)
        self._slots.add(slot)
        self._graph.add_items(vector, slot, num_threads=1)

    def remove(self, slot: int) -> None:
        self._slots.remove(slot)
        self._graph.mark_deleted(slot)

    def search(self, vector: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        k = self._slots.clamp(k)
        self._slots.checked(vector)
        if k == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        try:
            labels, distances = self._graph.knn_query(vector, k, num_threads=1)
        except RuntimeError:  # the walk reached fewer than k
            return self._search_all(vector, k)
        return labels[0].astype(np.int64), 1 - distances[0]

    def _search_all(self, vector: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        slots = np.flatnonzero(self._slots.held)
        cosines = np.asarray(self._graph.get_items(slots), np.float32) @ vector
        best = np.argsort(-cosines, kind="stable")[:k]
        return slots[best], cosines[best]

    def resize(self, capacity: int) -> None:
        self._slots.resize(capacity)
        # A smaller index keeps its memory for when it grows again: what is deleted cannot leave the graph.
        if capacity > self._graph.get_max_elements():
            self._graph.resize_index(capacity)

    @property
    def shape(self) -> tuple[int, int]:
        return self._slots.shape

    def __len__(self) -> int:
        return self._slots.count

    @property
    def nbytes(self) -> int:
        free = self._graph.get_max_elements() - self._graph.get_current_count()
        return self._graph.index_file_size() + free * self._free_bytes
