"""TraceBuilder against a trace made in one piece from plain lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.traces import Batch, Trace, TraceBuilder, TraceError
from kvreplay.traces.trace import COLUMNS

request_lists = st.lists(
    st.tuples(st.lists(st.integers(0, 6), max_size=4), st.integers(0, 99), st.text(max_size=3)), min_size=1
)


def batch_of(requests):
    keys = [key for request, _, _ in requests for key in request]
    return Batch(
        keys=np.array(keys, np.uint64),
        counts=np.array([len(request) for request, _, _ in requests], np.int32),
        prompt_tokens=np.array([tokens for _, tokens, _ in requests]),
        texts=[text for _, _, text in requests],
        key_bytes=np.array(keys, np.int64) * 100,
    )


def columns(trace):
    return {name: None if getattr(trace, name) is None else getattr(trace, name).tolist() for name in COLUMNS}


@given(request_lists, st.integers(0, 20))
def test_batches_make_the_trace_that_the_requests_make(requests, cut):
    builder = TraceBuilder()
    for part in (requests[:cut], requests[cut:]):
        builder.add(batch_of(part))
    trace = builder.finish("t", page_tokens=16)

    flat = [key for keys, _, _ in requests for key in keys]
    order = list(dict.fromkeys(flat))
    assert trace.pages.tolist() == [order.index(key) for key in flat]
    assert trace.offsets.tolist() == np.cumsum([0, *(len(keys) for keys, _, _ in requests)]).tolist()
    assert trace.prompt_tokens.tolist() == [tokens for _, tokens, _ in requests]
    assert list(trace.texts()) == [text for _, _, text in requests]
    assert trace.page_bytes.tolist() == [100 * key for key in order]
    assert (trace.n_requests, trace.n_pages, trace.page_tokens) == (len(requests), len(order), 16)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1), st.integers(0, 20), st.booleans())
def test_sizes_at_each_access_are_kept_where_they_change(tmp_path_factory, accesses, cut, on_disk):
    with TraceBuilder(tmp_path_factory.mktemp("store") / "t.kvtrace" if on_disk else None) as builder:
        for part in (accesses[:cut], accesses[cut:]):
            keys, sizes = (np.array([access[i] for access in part], np.int64) for i in (0, 1))
            builder.add(Batch(keys=keys.astype(np.uint64), key_bytes=sizes, key_costs=sizes / 2))
        trace = builder.finish("t")
    sizes_of: dict[int, list[int]] = {}
    for key, size in accesses:
        sizes_of.setdefault(key, []).append(size)
    assert trace.page_bytes.tolist() == [max(sizes) for sizes in sizes_of.values()]
    assert trace.page_cost.tolist() == [sizes[0] / 2 for sizes in sizes_of.values()]
    others = sum(size != sizes[0] for sizes in sizes_of.values() for size in sizes)
    assert builder.size_changes == builder.cost_changes == others
    assert (trace.access_bytes is None) == (others == 0)
    assert trace.access_bytes is None or trace.access_bytes.tolist() == [size for _, size in accesses]


@given(request_lists)
def test_parents_are_dropped_where_a_page_follows_two_others(requests):
    builder = TraceBuilder()
    builder.add(batch_of(requests))
    before = {}
    tree = all(
        before.setdefault(key, previous) == previous
        for keys, _, _ in requests
        for previous, key in zip([None, *keys], keys, strict=False)
    )
    assert (builder.finish("t").parent is not None) == tree


def test_a_stored_trace_equals_the_one_in_memory(tmp_path):
    requests = [([1, 2, 3], 7, "a"), ([], 0, ""), ([1, 2], 5, "ü")]
    traces = []
    for folder in (None, tmp_path / "t.kvtrace"):
        with TraceBuilder(folder) as builder:
            builder.add(batch_of(requests[:1]))
            builder.add(batch_of(requests[1:]))
            traces.append(builder.finish("t", page_tokens=4, meta={"a": [1]}))
    memory, stored = traces
    assert columns(memory) == columns(stored)
    assert memory.content_hash == stored.content_hash
    assert dict(stored.meta) == {"a": [1]}
    assert [path.name for path in tmp_path.iterdir()] == ["t.kvtrace"]


def test_an_error_leaves_nothing_behind(tmp_path):
    def read_half():
        with TraceBuilder(tmp_path / "t.kvtrace") as builder:
            builder.add(batch_of([([1], 1, "a")]))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        read_half()
    assert list(tmp_path.iterdir()) == []


def test_lengths_alone_are_a_trace_without_pages():
    builder = TraceBuilder()
    builder.add(Batch(prompt_tokens=np.array([3, 4])))
    trace = builder.finish("t")
    assert (trace.n_requests, trace.has_pages, trace.n_pages) == (2, False, 0)
    assert trace.offsets.tolist() == [0, 0, 0]


def test_batches_must_agree_on_their_columns():
    builder = TraceBuilder()
    builder.add(Batch(prompt_tokens=np.array([3])))
    with pytest.raises(TraceError, match="batch has the columns"):
        builder.add(Batch(prompt_tokens=np.array([3]), arrival=np.array([0.0])))


def test_no_requests_are_no_trace():
    with pytest.raises(TraceError, match="no requests"):
        TraceBuilder().finish("t")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"pages": np.array([0], np.int64)}, "pages is 1-d int64"),
        ({"pages": np.array([[0]], np.uint32)}, "pages is 2-d"),
        ({"pages": np.array([1], np.uint32)}, "page id 1 but only 1"),
        ({"arrival": np.array([0.0, 1.0])}, "arrival has 2 entries"),
        ({"arrival": np.array([np.nan])}, "not finite"),
        ({"pages": np.zeros(2, np.uint32), "arrival": np.array([1.0, 0.5])}, "go backwards"),
        ({"page_offsets": np.array([0, 2])}, "rise from 0 to 1"),
        ({"page_offsets": np.array([0, 2, 1])}, "rise from 0 to 1"),
        ({"page_offsets": np.array([], np.int64)}, "rise from 0 to 1"),
        ({"page_bytes": np.array([1, 2])}, "page_bytes has 2 entries"),
        ({"parent": np.array([0], np.int32)}, "not one seen before"),
        ({"parent": np.array([-2], np.int32)}, "not one seen before"),
        ({"n_pages": 2}, "2 distinct pages in 1 page accesses"),
        ({"n_pages": -1}, "-1 distinct pages"),
        ({"page_tokens": 0}, "0 tokens a page; give from 1"),
        ({"page_tokens": -16}, "-16 tokens a page"),
        ({"prompt_tokens": np.array([-5], np.int32)}, "prompt_tokens holds -5"),
        ({"output_tokens": np.array([-1], np.int32)}, "output_tokens holds -1"),
        ({"page_bytes": np.array([-1])}, "page_bytes holds -1"),
        ({"meta": {"notes": 5}}, "notes in its metadata are 5"),
        ({"meta": {"notes": [5]}}, "notes in its metadata are "),
    ],
)
def test_a_trace_refuses_columns_that_disagree(columns, message):
    with pytest.raises(TraceError, match=message):
        Trace(**{"name": "t", "n_pages": 1, "pages": np.zeros(1, np.uint32)} | columns)


def test_columns_are_frozen_and_hashed_by_content_alone():
    one, other = (
        Trace(name=name, n_pages=1, pages=np.zeros(3, np.uint32), meta={"name": name}) for name in ("one", "other")
    )
    longer = Trace(name="one", n_pages=1, pages=np.zeros(4, np.uint32))
    assert one.content_hash == other.content_hash != longer.content_hash
    with pytest.raises(ValueError, match="read-only"):
        one.pages[0] = 1
