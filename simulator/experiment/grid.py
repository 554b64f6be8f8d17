"""From lists to combinations: a mapping whose values may be lists, and a grid of axes with `zip` and `exclude`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .yaml_source import Loc

MAX_CELLS = 100_000


class Option(NamedTuple):
    """One value of an axis, and where in the experiment it stands."""

    value: Any
    loc: Loc
    optional: bool = False  # cells that it does not go together with are left out


class Combination(NamedTuple):
    """A mapping in which every list gave way to one of its items."""

    values: dict[str, Any]
    sources: dict[Loc, Loc]  # where each value stood before

    def source(self, loc: Loc) -> Loc:
        """Where the value at `loc` stood."""
        known = next(n for n in range(len(loc), -1, -1) if loc[:n] in self.sources)
        return self.sources[loc[:known]] + loc[known:]


def combinations(mapping: Mapping[str, Any], lists: frozenset[str] = frozenset()) -> list[Combination]:
    """Every combination of the values of `mapping`, those of later keys varying fastest.

    A list stands for its items, also inside nested mappings. Keys in `lists` take a list as one value; theirs is
    a list of lists. Raises ValueError where there are more than MAX_CELLS.
    """
    return [Combination(values, sources) for values, sources in _mapping(mapping, (), (), lists)]


def cells(
    axes: Mapping[str, Sequence[Option]],
    zipped: Sequence[Sequence[str]] = (),
    excluded: Callable[[dict[str, Option]], bool] = lambda cell: False,
) -> Iterator[dict[str, Option]]:
    """The product of `axes`, the last varying fastest. Axes of a group in `zipped` advance together, at the place
    of the group's first. The axes of a group have equally many options."""
    together = {name: tuple(group) for group in zipped for name in group}
    groups = list(dict.fromkeys(together.get(name, (name,)) for name in axes))
    steps = [list(zip(*(axes[name] for name in group), strict=True)) for group in groups]
    names = [name for group in groups for name in group]
    for chosen in itertools.product(*steps):
        cell = dict(zip(names, itertools.chain.from_iterable(chosen), strict=True))
        if not excluded(cell):
            yield cell


def _mapping(
    mapping: Mapping[str, Any], loc: Loc, source: Loc, lists: frozenset[str] = frozenset()
) -> Iterator[tuple[dict[str, Any], dict[Loc, Loc]]]:
    choices = [
        list(_value(value, (*loc, key), (*source, key), takes_list=key in lists)) for key, value in mapping.items()
    ]
    total = math.prod(map(len, choices))
    if total > MAX_CELLS:
        raise ValueError(f"its lists combine to {total} cases; at most {MAX_CELLS} are allowed")
    for chosen in itertools.product(*choices):
        sources = {loc: source}
        for _, moved in chosen:
            sources |= moved
        yield dict(zip(mapping, (value for value, _ in chosen), strict=True)), sources


def _value(value: Any, loc: Loc, source: Loc, takes_list: bool) -> Iterator[tuple[Any, dict[Loc, Loc]]]:
    if takes_list:
        several = isinstance(value, list) and bool(value) and all(isinstance(item, list) for item in value)
    else:
        several = isinstance(value, list) and bool(value)  # an empty list stays, to be refused as a value
    for i, item in enumerate(value if several else [value]):
        at = (*source, i) if several else source
        if isinstance(item, dict):
            yield from _mapping(item, loc, at)
        else:
            yield item, {loc: at}
