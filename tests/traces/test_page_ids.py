"""Page ids and chained keys, against dictionaries and tuples of tokens."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.traces.page_ids import PageIds, chain_pages, record_firsts, record_parents

few = st.lists(st.integers(0, 9))
keys = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5))


def number(values, known):
    """First-seen numbering, the obvious way."""
    return [known.setdefault(value, len(known)) for value in values]


@given(st.lists(keys))
def test_keys_are_numbered_in_first_seen_order_over_all_batches(batches):
    ids, known = PageIds(), {}
    for batch in batches:
        assert ids.assign(np.array(batch, np.uint64)).tolist() == number(batch, known)
        assert ids.n_pages == len(known)


def test_numbering_survives_growth():
    # Multiples of 2**32 meet in few slots if the hash ignores high bits.
    many = np.arange(30_000, dtype=np.uint64) << np.uint64(32)
    ids = PageIds()
    assert (ids.assign(many) == np.arange(30_000)).all()
    assert (ids.assign(many[::-1]) == np.arange(30_000)[::-1]).all()


@given(st.lists(st.lists(few, max_size=6), max_size=6))
def test_parents_are_the_page_before_and_contradictions_are_noticed(batches):
    ids, parent, consistent = PageIds(), np.empty(10, np.int32), True
    expected, expected_consistent = {}, True
    for requests in batches:
        known = ids.n_pages
        pages = ids.assign(np.array([key for request in requests for key in request], np.uint64))
        counts = np.array([len(request) for request in requests], np.int32)
        consistent &= bool(record_parents(pages, counts, known, parent))
        for request in requests:
            for before, key in zip([None, *request], request, strict=False):
                if expected.setdefault(key, before) != before:
                    expected_consistent = False
    assert consistent == expected_consistent
    order = list(expected)
    for page, key in enumerate(order):
        assert parent[page] == (-1 if expected[key] is None else order.index(expected[key]))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=20), st.integers(0, 20))
def test_the_first_size_of_a_page_counts_and_others_are_counted(accesses, cut):
    ids, sizes, changes = PageIds(), np.empty(6, np.int64), 0
    for part in (accesses[:cut], accesses[cut:]):
        known = ids.n_pages
        pages = ids.assign(np.array([key for key, _ in part], np.uint64))
        changes += record_firsts(pages, np.array([size for _, size in part], np.int64), known, sizes)
    first = {}
    for key, size in accesses:
        first.setdefault(key, size)
    assert sizes[: len(first)].tolist() == list(first.values())
    assert changes == sum(first[key] != size for key, size in accesses)


@given(st.lists(st.lists(st.integers(0, 1), max_size=9), max_size=6), st.integers(1, 4))
def test_two_pages_share_a_key_exactly_when_they_end_the_same_token_prefix(prompts, page_tokens):
    tokens = np.array([token for prompt in prompts for token in prompt], np.uint32)
    offsets = np.cumsum([0, *map(len, prompts)])
    found, counts = chain_pages(tokens, offsets, page_tokens)
    prefixes = [
        [tuple(prompt[: start + page_tokens]) for start in range(0, len(prompt), page_tokens)] for prompt in prompts
    ]
    assert counts.tolist() == [len(prompt) for prompt in prefixes]
    flat = [prefix for prompt in prefixes for prefix in prompt]
    assert number(found.tolist(), {}) == number(flat, {})
