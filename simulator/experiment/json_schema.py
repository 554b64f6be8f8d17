"""The JSON schema of experiment files: what editors complete, down to the parameters of every policy and workload."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kvreplay import parameters, policies
from kvreplay.simulator.caches import sizing
from kvreplay.simulator.caches import stack as stacks
from kvreplay.traces import workloads

from .clocks import CLOCKS
from .schema import Axes, Experiment

Schema = dict[str, Any]

# What any trace may say besides where it comes from.
_OF_TRACES: Schema = {
    "as": {"type": "string", "description": "what to call the trace"},
    "sample": {"type": "number", "description": "share of its pages to take, drawn at random"},
    "part": {
        "description": "which of the disjoint samples of this share, from 0",
        **{"type": ["integer", "array"], "items": {"type": "integer"}},
    },
}


def json_schema() -> Schema:
    """The schema as a JSON value (draft 2020-12)."""
    schema = Experiment.model_json_schema()
    definitions = schema["$defs"]
    known_policies = {name: policies.find(name).init for name in policies.names()}
    known_workloads = {name: workloads.find(name) for name in workloads.names()}
    definitions["policy"] = {
        "anyOf": [
            {"enum": ["all", *known_policies]},
            {
                "type": "string",
                "description": "name:key=value, path to a .py file, or module:object; maybe with a filter: lru+tinylfu",
            },
            *_named("name", known_policies.items(), definitions),
            # A policy of one's own: its parameters are known only when it is loaded.
            {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string", "not": {"enum": list(known_policies)}}},
            },
        ]
    }
    definitions["trace"] = {
        "anyOf": [
            {"enum": list(known_workloads)},
            {"type": "string", "description": "path to a trace file, or its name in `kvreplay traces list`"},
            *_named("generate", known_workloads.items(), definitions, _OF_TRACES),
            {
                "type": "object",
                "required": ["load"],
                "properties": {
                    "load": _one_or_more({"type": "string"}),
                    "format": {"type": "string"},
                }
                | _OF_TRACES,
            },
        ]
    }
    known_sizings = {name: sizing.find(name) for name in sizing.names()}
    definitions["sizing"] = {
        "anyOf": [
            {"type": ["null", "string"], "description": "null: fixed; name:key=value"},
            *_named("name", known_sizings.items(), definitions),
        ]
    }
    tiers = [
        {"type": "object", "required": [name], "additionalProperties": False}
        | {"properties": {name: {"anyOf": [_parameters(tier, definitions), {"type": "null"}]}}}
        for name, tier in stacks.TIERS.items()
    ]
    definitions["stack"] = {"type": ["array", "null"], "items": {"anyOf": [{"enum": list(stacks.TIERS)}, *tiers]}}
    settings = [_parameters(clock.settings, definitions) for clock in CLOCKS.values() if clock.settings is not None]
    definitions["serving"] = settings[0] if len(settings) == 1 else {"anyOf": settings}
    definitions["capacity"] = {"type": ["integer", "number", "string"]}
    for properties in (schema["properties"], definitions[Axes.__name__]["properties"]):
        for axis in Axes.model_fields:
            properties[axis] = _axis(properties[axis], axis, definitions)
    return schema


def _axis(schema: Schema, axis: str, definitions: Schema) -> Schema:
    """An axis takes one of its items, or a list of them."""
    array = next(kind for kind in schema.get("anyOf", [schema]) if kind.get("type") == "array")
    item = {"$ref": f"#/$defs/{axis}"} if axis in definitions else array["items"]
    about = {key: schema[key] for key in ("description", "default") if schema.get(key) is not None}
    return _one_or_more(item) | about


def _named(
    naming: str,
    functions: Iterable[tuple[str, Callable[..., Any]]],
    definitions: Schema,
    others: Schema | None = None,
) -> Iterable[Schema]:
    """For each function the mapping of its name, its parameters, each of which may be a list, and `others`."""
    for name, function in functions:
        schema = _parameters(function, definitions)
        properties = {naming: {"const": name}} | (others or {}) | schema.get("properties", {})
        yield schema | {"title": name, "properties": properties, "required": [naming, *schema.get("required", [])]}


def _parameters(function: Callable[..., Any], definitions: Schema) -> Schema:
    """The mapping of the parameters of `function`, each of which may be a list."""
    schema = parameters.model(function).model_json_schema(ref_template="#/$defs/{model}")
    for nested, definition in schema.pop("$defs", {}).items():
        definitions[nested] = definition | {"properties": _listable(definition["properties"])}
    return schema | {"properties": _listable(schema.get("properties", {}))}


def _listable(properties: Schema) -> Schema:
    return {
        name: schema if schema.get("type") == "array" else _one_or_more(schema) for name, schema in properties.items()
    }


def _one_or_more(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}
