"""What pages contain, whoever shares, copies, merges and moves them; bookkeeping alone is tested with `PagePool`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kvreplay.simulator.backends import PageLayout, TorchPagePool
from kvreplay.simulator.backends.page_data import PageData
from kvreplay.simulator.caches.pages import PageError

LAYOUT = PageLayout(layers=2, page_tokens=3, kv_heads=1, head_dim=4)


def tokens(values: list[float]) -> torch.Tensor:
    """K/V of tokens, all elements of each being its value, but for the sign of V."""
    kv = torch.tensor(values).view(-1, 1, 1, 1, 1).repeat(1, LAYOUT.layers, 2, LAYOUT.kv_heads, LAYOUT.head_dim)
    kv[:, :, 1] *= -1
    return kv.to(LAYOUT.dtype)


class Holders(RuleBasedStateMachine):
    """Holders write, share, part and merge; each must always find in its page what it wrote or was given."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = TorchPagePool(LAYOUT, 4)
        self.held: list[list] = []  # [id, value by slot], one for each holder

    def some(self, data, most=3):
        places = st.lists(st.integers(0, len(self.held) - 1), max_size=most, unique=True) if self.held else st.just([])
        return data.draw(places)

    def ids(self, chosen):
        return np.array([self.held[i][0] for i in chosen], np.int32)

    @rule(n=st.integers(0, 2))
    def create(self, n):
        free = self.pool.free
        ids = self.pool.create(n)
        assert (ids is None) == (n > free)
        for page in () if ids is None else ids:
            whole = np.zeros(LAYOUT.page_tokens, np.int64)
            kv = tokens([0.0] * LAYOUT.page_tokens)
            assert self.pool.write_tokens(np.array([page]), whole, np.arange(LAYOUT.page_tokens), kv) == [page]
            self.held.append([page, [0.0] * LAYOUT.page_tokens])

    @rule(data=st.data())
    def share(self, data):
        chosen = self.some(data)
        self.pool.share(self.ids(chosen))
        self.held += [[self.held[i][0], list(self.held[i][1])] for i in chosen]

    @rule(data=st.data())
    def release(self, data):
        chosen = self.some(data)
        self.pool.release(self.ids(chosen))
        self.held = [holder for i, holder in enumerate(self.held) if i not in chosen]

    @rule(data=st.data())
    def write(self, data):
        chosen = self.some(data)
        places = [(row, slot) for row in range(len(chosen)) for slot in range(LAYOUT.page_tokens)]
        places = data.draw(st.lists(st.sampled_from(places), unique=True)) if places else []
        values = [float(data.draw(st.integers(0, 3))) for _ in places]  # few, so that pages may be equal
        rows, slots = (np.array(column, np.int64) for column in (zip(*places, strict=True) if places else ([], [])))
        before = self.pool.stats()
        private = self.pool.write_tokens(self.ids(chosen), rows, slots, tokens(values))
        if private is None:
            assert self.pool.stats() == before._replace(refused=before.refused + 1)
            return
        for i, page in zip(chosen, private, strict=True):
            self.held[i][0] = page
        for (row, slot), value in zip(places, values, strict=True):
            self.held[chosen[row]][1][slot] = value

    @rule(data=st.data())
    def merge(self, data):
        chosen = self.some(data, most=6)
        merged = self.pool.merge(self.ids(chosen))
        for i, page in zip(chosen, merged, strict=True):
            self.held[i][0] = page
        contents = [tuple(self.held[i][1]) for i in chosen]
        assert len(set(merged.tolist())) == len(set(contents))

    @rule(capacity=st.integers(1, 9))
    def resize(self, capacity):
        assert self.pool.resize(capacity) == (capacity >= self.pool.stats().physical)

    @invariant()
    def every_holder_finds_what_it_wrote(self):
        if self.held:
            rows = self.pool.read(self.ids(range(len(self.held))))
            for row, (_, values) in zip(rows, self.held, strict=True):
                assert torch.equal(self.pool.data[int(row)].movedim(2, 0), tokens(values))


TestHolders = Holders.TestCase
TestHolders.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_two_holders_of_a_page_part_in_one_batch():
    pool = TorchPagePool(LAYOUT, 3)
    page = pool.create(1)
    pool.write_tokens(page, np.zeros(3), np.arange(3), tokens([1, 2, 3]))
    pool.share(page)
    both = pool.write_tokens(np.repeat(page, 2), np.array([0, 1]), np.array([2, 2]), tokens([8, 9]))
    assert len(set(both.tolist())) == 2
    first, second = pool.data[pool.read(both).tolist(), 0, 0, :, 0, 0].tolist()
    assert (first, second) == ([1, 2, 8], [1, 2, 9])
    assert pool.stats().copies == 1


def test_a_page_is_one_contiguous_run():
    pool = TorchPagePool(LAYOUT, 3)
    assert pool.data[1].is_contiguous()
    assert pool.data[1].data_ptr() - pool.data[0].data_ptr() == LAYOUT.nbytes == pool.page_bytes


def test_memory_that_is_not_there_is_an_answer():
    with pytest.raises(PageError, match="do not fit into the memory of cpu; give fewer"):
        TorchPagePool(PageLayout(64, 1024, 64, 128), 1 << 20)
    with pytest.raises(PageError, match="page pool: 0 pages; give 1 or more"):
        TorchPagePool(LAYOUT, 0)
    with pytest.raises(PageError, match="device tape cannot be used"):
        TorchPagePool(LAYOUT, 1, device="tape")
    pool = TorchPagePool(PageLayout(64, 1024, 64, 128), 1)  # 2 GiB that are never touched
    data = pool.data
    assert not pool.resize(1 << 16)
    assert (pool.capacity, pool.data) == (1, data)


def test_wrong_writes_change_nothing():
    pool = TorchPagePool(LAYOUT, 3)
    page = pool.create(1)
    pool.write_tokens(page, np.zeros(3), np.arange(3), tokens([1, 2, 3]))
    before, stats = pool.data[pool.read(page)[0]].clone(), pool.stats()
    for wrong, holders, slots, kv in [
        ("two tokens go to the same place", [0, 0], [1, 1], tokens([4, 5])),
        ("slots must be 1 places from 0 to 2", [0], [3], tokens([4])),
        ("holders must be 1 places from 0 to 0", [1], [0], tokens([4])),
        (r"K/V are torch\.bfloat16 \(2,", [0], [0], tokens([4, 5])),
        (r"K/V are torch\.float32", [0], [0], tokens([4]).float()),
    ]:
        with pytest.raises(PageError, match=wrong):
            pool.write_tokens(page, np.array(holders), np.array(slots), kv)
    assert torch.equal(pool.data[pool.read(page)[0]], before)
    assert pool.stats() == stats


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_pages_are_compared_by_their_bits(dtype):
    data = PageData(PageLayout(1, 4, 1, 8, dtype), 5, "cpu")
    data.data[:] = torch.randn(data.data.shape[1:])
    data.data[:, 0, 0, 0, 0, :2] = torch.tensor([float("nan"), 0.0])
    data.data[2, 0, 0, 0, 0, 1] = -0.0
    data.data[3, 0, 1, 3, 0, 7] += 1
    pages = np.arange(5)
    assert data.equal_pages(np.zeros(5, int), pages).tolist() == [True, True, False, False, True]
    hashes = data.hash_pages(pages)
    assert hashes.dtype == np.uint64
    assert (hashes == hashes[0]).tolist() == [True, True, False, False, True]
    assert data.hash_pages(pages[:0]).shape == data.equal_pages(pages[:0], pages[:0]).shape == (0,)


def test_differences_in_any_single_bit_change_the_hash():
    layout = PageLayout(1, 1, 1, 4)
    data = PageData(layout, 8 * layout.nbytes + 1, "cpu")
    data.data.zero_()
    as_bytes = data.data.view(len(data.data), -1).view(torch.uint8)
    for bit in range(8 * layout.nbytes):
        as_bytes[bit, bit // 8] = 1 << bit % 8
    assert len(set(data.hash_pages(np.arange(len(data.data))).tolist())) == len(data.data)


def test_triton_copies_pages():
    pytest.importorskip("triton")
    from kvreplay.simulator.backends import page_copy_triton

    rows = torch.randint(-(2**62), 2**62, (6, 5000))
    expected = rows.clone()
    expected[[5, 0, 3]] = rows[[1, 1, 4]]
    page_copy_triton.copy_pages(rows, torch.tensor([1, 1, 4]), torch.tensor([5, 0, 3]))
    assert torch.equal(rows, expected)
    page_copy_triton.copy_pages(rows, torch.tensor([], dtype=torch.int64), torch.tensor([], dtype=torch.int64))
