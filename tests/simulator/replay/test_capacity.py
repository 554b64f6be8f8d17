"""Cache sizes as written, and what they come to on a trace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.replay import CapacityError, parse_capacity
from kvreplay.traces.trace import Trace

PLAIN = Trace("plain", np.arange(1000, dtype=np.uint32), 1000)
PAGED = Trace("paged", np.arange(1000, dtype=np.uint32), 1000, page_tokens=16)
SIZED = Trace("sized", np.arange(4, dtype=np.uint32), 4, page_bytes=np.array([1, 2, 3, 2**20], np.int64))


@pytest.mark.parametrize(
    ("text", "trace", "bytes_per_token", "amount", "unit"),
    [
        (300, PLAIN, None, 300, "pages"),
        ("300", PLAIN, None, 300, "pages"),
        ("1e2", PLAIN, None, 100, "pages"),
        ("10%", PLAIN, None, 100, "pages"),
        ("0.5 %", PLAIN, None, 5, "pages"),
        ("unlimited", PLAIN, None, 1000, "pages"),
        ("320tokens", PAGED, None, 20, "pages"),
        ("1MiB", PAGED, 2**10, 64, "pages"),
        ("1MB", PAGED, 1000, 62, "pages"),
        ("1MiB", SIZED, None, 2**20, "bytes"),
        ("50%", SIZED, None, (6 + 2**20) // 2, "bytes"),
        ("3", SIZED, None, 3, "pages"),
        ("inf", SIZED, None, 6 + 2**20, "bytes"),
        # Memory beyond the whole trace holds the whole trace.
        ("1GiB", SIZED, None, 6 + 2**20, "bytes"),
        ("1TiB", PAGED, 2**10, 1000, "pages"),
        ("1e9tokens", PAGED, None, 1000, "pages"),
    ],
)
def test_sizes(text, trace, bytes_per_token, amount, unit):
    assert parse_capacity(text).on(trace, bytes_per_token)[:2] == (amount, unit)


@pytest.mark.parametrize(
    "text", ["", "0", "-5", "ten", "10 %%", "nan", "1e99", "0%", "101%", "4Gib/s", "12pagess", "0x10"]
)
def test_unreadable_sizes(text):
    with pytest.raises(CapacityError, match=r"capacity .*; "):
        parse_capacity(text)


@pytest.mark.parametrize(
    ("text", "trace", "message"),
    [
        ("1001", PLAIN, "larger than plain, which has 1000 pages; use a smaller one, or 'unlimited'"),
        ("0.01%", PLAIN, "less than one page"),
        ("8tokens", PAGED, "less than one page"),
        ("1GiB", PAGED, r"set bytes_per_token \(--bytes-per-token\)"),
        ("1GiB", PLAIN, "no page size in tokens"),
    ],
)
def test_sizes_that_do_not_fit_the_trace(text, trace, message):
    with pytest.raises(CapacityError, match=message):
        parse_capacity(text).on(trace)


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_an_error(text):
    try:
        capacity = parse_capacity(text)
    except CapacityError:
        return
    assert capacity.value >= 0
