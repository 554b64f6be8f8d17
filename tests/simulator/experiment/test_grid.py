"""The grid against a slow version: all index tuples, filtered."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.experiment import grid
from kvreplay.simulator.experiment.grid import Option


@st.composite
def grids(draw):
    """Axes of distinct values, disjoint zip groups of equal length, and exclusions."""
    names = draw(st.permutations("abcde"))[: draw(st.integers(1, 5))]
    sizes = {name: draw(st.integers(1, 3)) for name in names}
    groups, left = [], list(draw(st.permutations(names)))
    while len(left) >= 2 and draw(st.booleans()):
        group = [left.pop() for _ in range(draw(st.integers(2, len(left))))]
        for name in group:
            sizes[name] = sizes[group[0]]
        groups.append(group)
    excluded = draw(st.lists(st.dictionaries(st.sampled_from(names), st.integers(0, 2), min_size=1), max_size=3))
    return {name: list(range(sizes[name])) for name in names}, groups, excluded


@given(grids())
def test_cells_are_the_filtered_product(case):
    axes, zipped, excluded = case

    def left_out(cell):
        return any(all(cell[name] == value for name, value in rule.items()) for rule in excluded)

    found = grid.cells(
        {name: [Option(value, (name, value)) for value in values] for name, values in axes.items()},
        zipped,
        lambda cell: left_out({name: option.value for name, option in cell.items()}),
    )
    product = (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
    slow = [
        cell
        for cell in product
        if all(len({cell[name] for name in group}) == 1 for group in zipped) and not left_out(cell)
    ]
    values = [{name: option.value for name, option in cell.items()} for cell in found]
    # Within a zip group the values are equal, so where its first axis stands it decides the order.
    assert values == slow


def test_lists_combine_and_remember_where_they_stood():
    found = grid.combinations({"a": [1, 2], "b": {"c": 3, "d": [4, 5]}})
    assert [choice.values for choice in found] == [
        {"a": 1, "b": {"c": 3, "d": 4}},
        {"a": 1, "b": {"c": 3, "d": 5}},
        {"a": 2, "b": {"c": 3, "d": 4}},
        {"a": 2, "b": {"c": 3, "d": 5}},
    ]
    assert found[3].source(("a",)) == ("a", 1)
    assert found[3].source(("b", "d")) == ("b", "d", 1)
    assert found[3].source(("b", "c")) == ("b", "c")
    assert found[3].source(("b", "d", "deeper")) == ("b", "d", 1, "deeper")
    assert found[3].source(("new",)) == ("new",)


def test_mappings_in_lists_combine_too():
    found = grid.combinations({"a": [{"b": [1, 2]}, 3]})
    assert [choice.values for choice in found] == [{"a": {"b": 1}}, {"a": {"b": 2}}, {"a": 3}]
    assert found[1].source(("a", "b")) == ("a", 0, "b", 1)


def test_a_parameter_that_takes_a_list_takes_lists_of_lists():
    lists = frozenset({"parts"})
    assert [c.values for c in grid.combinations({"parts": [1, 2]}, lists)] == [{"parts": [1, 2]}]
    assert [c.values for c in grid.combinations({"parts": [[1], [2]]}, lists)] == [{"parts": [1]}, {"parts": [2]}]


def test_an_empty_list_stays_a_value():
    assert [choice.values for choice in grid.combinations({"a": []})] == [{"a": []}]


def test_too_many_combinations_are_refused_before_they_are_made():
    with pytest.raises(ValueError, match="its lists combine to 1000000000000 cases; at most 100000"):
        grid.combinations({name: list(range(1000)) for name in "abcd"})
