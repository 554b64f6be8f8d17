"""Some requests of a trace as a trace of its own."""

from __future__ import annotations

import numpy as np

from kvreplay.traces import generate
from kvreplay.traces.subset import subset
from kvreplay.traces.trace import COLUMNS, Trace


def test_a_subset_by_hand():
    trace = Trace(
        "whole",
        np.array([0, 1, 2, 3, 0, 4], np.uint32),
        5,
        page_offsets=np.array([0, 2, 2, 4, 6]),
        parent=np.array([-1, 0, -1, 2, 0], np.int32),
        page_cost=np.array([1.0, 2, 3, 4, 5]),
        prompt_tokens=np.array([8, 1, 7, 8], np.int32),
        text_bytes=np.frombuffer(b"abcdef", np.uint8).copy(),
        text_offsets=np.array([0, 1, 3, 5, 6]),
        page_tokens=4,
    )
    part = subset(trace, np.array([False, True, True, True]))
    assert part.pages.tolist() == [0, 1, 2, 3]  # once 2, 3, 0, 4
    assert part.n_pages == 4
    assert part.page_offsets.tolist() == [0, 0, 2, 4]
    assert part.parent.tolist() == [-1, 0, -1, 2]
    assert part.page_cost.tolist() == [3, 4, 1, 5]
    assert part.prompt_tokens.tolist() == [1, 7, 8]
    assert list(part.texts()) == ["bc", "de", "f"]
    again = subset(trace, np.array([3, 1, 3]), prompt_tokens=np.array([5, 6, 7], np.int32))
    assert again.pages.tolist() == [0, 1, 0, 1]  # once 0, 4, 0, 4
    assert again.page_offsets.tolist() == [0, 2, 2, 4]
    assert again.parent.tolist() == [-1, 0]
    assert again.page_cost.tolist() == [1, 5]
    assert again.prompt_tokens.tolist() == [5, 6, 7]
    assert list(again.texts()) == ["f", "bc", "f"]


def test_all_requests_are_the_trace_itself():
    for workload in ("conversation", "paraphrased"):
        trace = generate(workload, **({"sessions": 10} if workload == "conversation" else {"requests": 30}))
        same = subset(trace, np.ones(trace.n_requests, bool))
        assert same.content_hash == trace.content_hash
        assert subset(trace, np.arange(trace.n_requests)).content_hash == trace.content_hash


def test_objects_keep_their_sizes():
    trace = Trace(
        "objects", np.array([0, 1, 0], np.uint32), 2, page_bytes=np.array([9, 5]), access_bytes=np.array([9, 5, 3])
    )
    part = subset(trace, np.array([False, True, True]))
    assert {name: None if (c := getattr(part, name)) is None else c.tolist() for name in COLUMNS} == {
        **dict.fromkeys(COLUMNS),
        "pages": [0, 1],
        "page_bytes": [5, 9],
        "access_bytes": [5, 3],
    }
