"""Every index against a dictionary of vectors, compared one by one."""

import sys

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kvreplay.parameters import ParameterError
from kvreplay.simulator.caches import indexes
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.caches.indexes.hnsw import Hnsw

DIMENSIONS = 6


def random_unit(seed, count=None, dimensions=DIMENSIONS):
    vectors = np.random.default_rng(seed).standard_normal((count or 1, dimensions), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors if count else vectors[0]


def nearest(held, query, k):
    """The `k` nearest of the dictionary `held`: exact cosines, the lower slot where they are equal."""
    cosines = {slot: float(np.dot(vector.astype(float), query.astype(float))) for slot, vector in held.items()}
    return sorted(cosines.items(), key=lambda item: (-item[1], item[0]))[:k]


class IndexMachine(RuleBasedStateMachine):
    """Puts, replaces, removes, searches and resizes; few vectors, so that small indexes are searched whole."""

    name: str

    @initialize(capacity=st.integers(1, 12))
    def start(self, capacity):
        self.capacity = capacity
        self.held = {}
        self.index = indexes.get(self.name, DIMENSIONS, capacity)

    @rule(data=st.data(), seed=st.integers(0, 1000))
    def put(self, data, seed):
        slot = data.draw(st.integers(0, self.capacity - 1))
        self.held[slot] = random_unit(seed)
        self.index.put(slot, self.held[slot])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def remove(self, data):
        slot = data.draw(st.sampled_from(sorted(self.held)))
        del self.held[slot]
        self.index.remove(slot)

    @rule(seed=st.integers(0, 1000), k=st.integers(1, 14))
    def search(self, seed, k):
        query = random_unit(seed)
        slots, cosines = self.index.search(query, k)
        expected = nearest(self.held, query, k)
        assert slots.dtype == np.int64
        assert cosines.dtype == np.float32
        np.testing.assert_allclose(cosines, [cosine for _, cosine in expected], atol=1e-5)
        # Where two vectors are equal, either may come first.
        np.testing.assert_allclose([self.held[slot] @ query for slot in slots], cosines, atol=1e-5)
        assert len(set(slots.tolist())) == len(expected)

    @rule(capacity=st.integers(1, 14))
    def resize(self, capacity):
        if any(slot >= capacity for slot in self.held):
            with pytest.raises(CacheError, match="is held"):
                self.index.resize(capacity)
        else:
            self.index.resize(capacity)
            self.capacity = capacity

    @rule(seed=st.integers(0, 1000))
    def refusals(self, seed):
        vector = random_unit(seed)
        free = next((slot for slot in range(self.capacity) if slot not in self.held), self.capacity)
        for wrong in (
            lambda: self.index.put(self.capacity, vector),
            lambda: self.index.put(-1, vector),
            lambda: self.index.put(0, vector * 2),
            lambda: self.index.put(0, vector * np.float32(np.nan)),
            lambda: self.index.put(0, vector.astype(np.float64)),
            lambda: self.index.put(0, vector[1:]),
            lambda: self.index.remove(free),
            lambda: self.index.search(vector, 0),
            lambda: self.index.search(vector * np.float32(np.nan), 1),
            lambda: self.index.resize(0),
        ):
            with pytest.raises(CacheError):
                wrong()

    @invariant()
    def counts(self):
        if hasattr(self, "index"):
            assert len(self.index) == len(self.held)


@pytest.mark.parametrize("name", ["flat", "hnsw"])
def test_index(name):
    if name == "hnsw":
        pytest.importorskip("hnswlib")
    machine = type("Machine", (IndexMachine,), {"name": name})
    case = machine.TestCase
    case.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
    case().runTest()


def test_hnsw_still_finds_the_nearest_after_its_content_turned_over_ten_times():
    pytest.importorskip("hnswlib")
    entries, turns, rng = 200, 10, np.random.default_rng(1)
    found, sizes = {}, set()
    for name in ("hnsw", "hnsw-10"):
        index, flat = (indexes.get(kind, 32, entries) for kind in (name, "flat"))
        for turn in range(turns + 1):
            for slot, vector in enumerate(random_unit([2, turn], entries, 32)):
                if turn and rng.random() < 0.5:
                    index.remove(slot)  # half of them leave before another comes, half are written over
                index.put(slot, vector)
                flat.put(slot, vector)
        queries = random_unit(3, 500, 32)
        same = [index.search(query, 1)[0][0] == flat.search(query, 1)[0][0] for query in queries]
        found[name] = np.mean(same)
        sizes.add(len(index))
    assert min(found.values()) >= 0.99
    assert sizes == {entries}


def test_hnsw_is_the_same_every_time():
    pytest.importorskip("hnswlib")
    results = []
    for _ in range(2):
        index = indexes.get("hnsw:ef_search=2", 16, 300)
        for slot, vector in enumerate(random_unit(4, 300, 16)):
            index.put(slot, vector)
        results.append([index.search(query, 3)[0].tolist() for query in random_unit(5, 100, 16)])
    assert results[0] == results[1]


def test_hnsw_finds_as_many_as_asked_though_its_walk_reaches_fewer(monkeypatch):
    pytest.importorskip("hnswlib")
    helped, search_all = [], Hnsw._search_all
    monkeypatch.setattr(Hnsw, "_search_all", lambda *args: helped.append(1) or search_all(*args))
    index, held, rng = (
        indexes.get("hnsw:M=2:ef_construction=1:ef_search=1", DIMENSIONS, 60),
        {},
        np.random.default_rng(0),
    )
    for vector in random_unit(6, 2_000):
        slot = int(rng.integers(60))
        if slot in held and rng.random() < 0.6:
            index.remove(slot)
            del held[slot]
        else:
            index.put(slot, vector)
            held[slot] = vector
        slots, cosines = index.search(vector, 20)
        assert len(set(slots.tolist()) & set(held)) == min(20, len(held))
        np.testing.assert_allclose(cosines, [held[slot] @ vector for slot in slots.tolist()], atol=1e-5)
        assert (np.diff(cosines) <= 0).all()
    assert helped


def test_hnsw_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    with pytest.raises(CacheError, match=r"hnswlib does not import .*; pip install 'kvreplay\[hnsw\]', .*flat$"):
        indexes.get("hnsw", 8, 8)


def test_auto(monkeypatch):
    pytest.importorskip("hnswlib")
    assert indexes.get("auto", 8, 3_000).name == "flat"
    assert indexes.get("auto", 8, 3_001).name == "hnsw"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert indexes.get("auto", 8, 3_001).name == "flat"


def test_names():
    pytest.importorskip("hnswlib")
    assert indexes.get("hnsw-10", 8, 8).name == "hnsw:M=10"
    assert indexes.get("hnsw", 8, 8, ef_search=9).name == "hnsw:ef_search=9"


def test_flat_puts_the_lower_slot_first_among_equals():
    index = indexes.get("flat", 2, 8)
    for slot in (5, 2, 7, 3):
        index.put(slot, np.array([1, 0], np.float32))
    assert index.search(np.array([1, 0], np.float32), 3)[0].tolist() == [2, 3, 5]
    assert index.search(np.array([0, 1], np.float32), 1)[0].tolist() == [2]


def test_flat_finds_negative_cosines_and_never_a_free_slot():
    index = indexes.get("flat", 2, 100)
    index.put(40, np.array([-1, 0], np.float32))
    assert index.search(np.array([1, 0], np.float32), 5)[0].tolist() == [40]


def test_what_cannot_be():
    with pytest.raises(CacheError, match="unknown index 'flt', did you mean 'flat'"):
        indexes.get("flt", 2, 8)
    with pytest.raises(CacheError, match="give 1 or more"):
        indexes.get("flat", 2, 0)
    with pytest.raises(ParameterError, match="unknown parameter 'm'"):
        indexes.get("flat", 2, 8, m=3)
