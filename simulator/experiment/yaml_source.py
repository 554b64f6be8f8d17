"""YAML as plain values that remember where they stand: every later complaint can name file, line and column.

YAML 1.2's core types only: `no` and `on` are texts, `1e5` is a number, dates and base-60 numbers are texts. No tags and
no merge keys. Aliases are followed, but only as far as a person would write them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from .errors import ExperimentError

Loc = tuple[str | int, ...]  # the keys and list indices that lead to a value

_MAX_BYTES = 2**20  # of a file; an experiment has a few thousand
_MAX_NODES = 100_000  # after aliases are followed


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


_TAG = "tag:yaml.org,2002:"
for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F]+|0o[0-7]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"^(?:{_pattern})$"), _first)


class Source:
    """An experiment's plain values, and where each of them was written."""

    def __init__(self, values: dict[str, Any], places: Mapping[Loc, str], keys: Mapping[Loc, str], folder: Path):
        self.values, self.folder = values, folder
        self._places, self._keys = dict(places), keys

    def where(self, loc: Loc, *, key: bool = False) -> str:
        """``file:line:column`` of the value at `loc`, or of the innermost one around it; of its key with `key`.

        A value that stands for the list of it has the index 0.
        """
        at: Loc = ()
        for part in loc:
            if (*at, part) in self._places:
                at = (*at, part)
            elif part != 0:
                break
        place = self._keys.get(at) if key else None
        return place or self._places.get(at) or ".".join(map(str, loc)) or "experiment"

    def override(self, assignment: str) -> None:
        """Apply ``key=value``; the value is YAML, and dots in the key lead inwards: ``trace.0.requests=1000``."""
        key, equals, text = assignment.partition("=")
        place = f"--set {assignment}"
        if not equals or not key:
            raise ExperimentError(f"{place}: is no assignment; write key=value")
        path: Loc = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
        value = _parse(text, place)[0] if text.strip() else None
        at: Any = self.values
        try:
            for part in path[:-1]:
                at = at[part]
            if isinstance(at, list):
                at[int(path[-1])] = value
            else:
                at.update({path[-1]: value})
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise ExperimentError(f"{place}: leads nowhere; the keys before the last must be in the file") from None
        self._places = {loc: p for loc, p in self._places.items() if loc[: len(path)] != path}
        self._places[path] = place


def read(experiment: str | Path | Mapping[str, Any]) -> Source:
    """The source of a YAML file, or of a mapping that stands for one.

    Raises ExperimentError where the file cannot be read or is not a plain YAML mapping.
    """
    if isinstance(experiment, Mapping):
        # A copy, in the types that YAML has: overrides must not reach into the caller's mapping.
        return Source(_plain(experiment), {}, {}, Path())
    path = Path(experiment)
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)  # no more, even of a file without end
        if len(content) > _MAX_BYTES:
            raise ExperimentError(f"{path}: is larger than {_MAX_BYTES} bytes; name a YAML file")
        text = content.decode()
    except OSError as error:
        raise ExperimentError(f"{path}: cannot be read: {error.strerror}; name a YAML file") from error
    except UnicodeDecodeError:
        raise ExperimentError(f"{path}: is not UTF-8 text; name a YAML file") from None
    values, places, keys = _parse(text, str(path))
    if not isinstance(values, dict):
        found = "is empty" if values is None else f"is a {type(values).__name__}"
        raise ExperimentError(f"{path}:1:1: {found}; expected a mapping: name, trace, policy, capacity")
    return Source(values, places, keys, path.parent)


def _parse(text: str, file: str) -> tuple[Any, dict[Loc, str], dict[Loc, str]]:
    try:
        node = _Loader(text).get_single_node()
        if node is None:
            return None, {}, {}
        builder = _Builder(file)
        values = builder.build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise ExperimentError(f"{place}: {error.problem}; expected plain YAML") from None
    except yaml.YAMLError as error:
        raise ExperimentError(f"{file}: {' '.join(str(error).split())}; expected plain YAML") from None
    except RecursionError:
        raise ExperimentError(f"{file}: is nested too deeply; an experiment needs a few levels") from None
    if builder.problems:
        raise ExperimentError(builder.problems)
    return values, builder.places, builder.keys


class _Builder:
    """Plain values from YAML nodes; collects the problems on its way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Loc, str] = {}
        self.keys: dict[Loc, str] = {}
        self.problems: list[str] = []
        self._open: set[int] = set()  # nodes around the current one: an alias to one of them never ends

    def build(self, node: yaml.Node, loc: Loc) -> Any:
        self.places[loc] = self._place(node)
        if len(self.places) > _MAX_NODES:
            raise ExperimentError(f"{self._place(node)}: aliases expand to over {_MAX_NODES} values; write fewer")
        if id(node) in self._open:
            raise ExperimentError(f"{self._place(node)}: an alias contains itself; write the values out")
        if not node.tag.startswith(_TAG) or node.tag.removeprefix(_TAG) not in _BUILD:
            self.problems.append(f"{self._place(node)}: tag {node.tag!r} is not supported; remove it")
            return None
        kind, build = _BUILD[node.tag.removeprefix(_TAG)]
        if not isinstance(node, kind):  # `!!int [1]`
            self.problems.append(f"{self._place(node)}: tag {node.tag!r} does not fit a {node.id}; remove it")
            return None
        self._open.add(id(node))
        value = build(self, node, loc)
        self._open.remove(id(node))
        return value

    def mapping(self, node: yaml.MappingNode, loc: Loc) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(f"{self._place(key_node)}: a key is no plain text; quote it")
            elif key in values:
                self.problems.append(f"{self._place(key_node)}: key {key!r} is there twice; remove one")
            else:
                self.keys[(*loc, key)] = self._place(key_node)
                values[key] = self.build(value_node, (*loc, key))
        return values

    def sequence(self, node: yaml.SequenceNode, loc: Loc) -> list[Any]:
        return [self.build(item, (*loc, i)) for i, item in enumerate(node.value)]

    def constant(self, node: yaml.ScalarNode, loc: Loc) -> bool | None:
        text = node.value.lower()
        if text not in _CONSTANTS:  # `!!bool x`
            self.problems.append(f"{self._place(node)}: {node.value[:40]!r} is not true, false or null; write one")
        return _CONSTANTS.get(text)

    def number(self, node: yaml.ScalarNode, loc: Loc) -> float | int | None:
        text = node.value.lower().replace(".inf", "inf").replace(".nan", "nan")
        try:
            whole = node.tag == _TAG + "int"
            value = int(text, 0 if text.startswith(("0x", "0o")) else 10) if whole else float(text)
            if math.isfinite(value):
                return value
        except (ValueError, OverflowError):  # `!!float x`, or an integer of hundreds or thousands of digits
            pass
        self.problems.append(f"{self._place(node)}: {node.value[:40]!r} is not a finite number; write one")
        return None

    def _place(self, node: yaml.Node) -> str:
        return f"{self.file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
_BUILD: dict[str, tuple[type[yaml.Node], Callable[..., Any]]] = {
    "map": (yaml.MappingNode, _Builder.mapping),
    "seq": (yaml.SequenceNode, _Builder.sequence),
    "str": (yaml.ScalarNode, lambda builder, node, loc: node.value),
    "null": (yaml.ScalarNode, _Builder.constant),
    "bool": (yaml.ScalarNode, _Builder.constant),
    "int": (yaml.ScalarNode, _Builder.number),
    "float": (yaml.ScalarNode, _Builder.number),
}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
