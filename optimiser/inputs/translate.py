"""From pydantic's complaints to ours: what was found and what is allowed, in the words of the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from optimiser.inputs.files import Problem, closest, did_you_mean, shown_value
from optimiser.inputs.keys import ID_PATTERN

Location = tuple[str | int, ...]
Node = Mapping[str, Any]
KINDS = {
    "number": "a number",
    "integer": "a whole number",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "boolean": "true or false",
}


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    *,
    place: Callable[[Location], str],
    known: Collection[str] | None = None,
) -> Iterator[Problem]:
    """Every complaint of pydantic as a problem; a key that is missing because it is misspelt counts once.

    ``known`` are the keys that can be there at all: in a CSV file a missing column is noted with its header.
    """
    schema = _schema(model)
    details = error.errors(include_url=False)
    unknown: list[Location] = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
    misspelt = {(*loc[:-1], _hint(schema, loc)) for loc in unknown}
    for detail in details:
        loc: Location = detail["loc"]
        kind = detail["type"]
        node = _node(schema, loc)
        if kind == "missing":
            if loc not in misspelt and (known is None or loc[0] in known):
                yield Problem(where=place(loc), found="nothing", allowed=_allowed(node))
        elif kind == "extra_forbidden":
            allowed = did_you_mean(_hint(schema, loc), _keys(schema, loc[:-1]))
            yield Problem(
                where=place(loc), found=f"the unknown key {shown_value(str(loc[-1]))}", allowed=allowed
            )
        elif kind == "together":
            yield Problem(where=place(loc), found=detail["ctx"]["found"], allowed=detail["ctx"]["allowed"])
        else:
            found = detail["input"]
            yield Problem(
                where=place(loc), found=_shown(found), allowed=_allowed(node) + _advice(node, found)
            )


@cache
def _schema(model: type[BaseModel]) -> Node:
    return model.model_json_schema()


def _resolved(schema: Node, node: Node) -> Node:
    """A node without references, and without the null of an optional key; its description stays."""
    while True:
        if "$ref" in node:
            target: Node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        elif "anyOf" in node:
            target = next(option for option in node["anyOf"] if option.get("type") != "null")
        else:
            return node
        about = {key: node[key] for key in ("description",) if key in node}
        node = {**target, **about}


def _node(schema: Node, loc: Location) -> Node:
    node = _resolved(schema, schema)
    for part in loc:
        inner = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
        node = _resolved(schema, inner)
    return node


def _keys(schema: Node, loc: Location) -> list[str]:
    return list(_node(schema, loc).get("properties", {}))


def _hint(schema: Node, loc: Location) -> str | None:
    return closest(str(loc[-1]), _keys(schema, loc[:-1]))


def _allowed(node: Node) -> str:
    """For example ``a number above 0, at most 100000 (what transformer or grid connection can carry [kW])``."""
    if "enum" in node:
        text = "one of " + ", ".join(f'"{v}"' if isinstance(v, str) else str(v) for v in node["enum"])
    else:
        text = KINDS.get(node.get("type", ""), "a value") + _bounds(node)
    return f"{text} ({node['description']})" if "description" in node else text


def _bounds(node: Node) -> str:
    bounds = []
    if "minimum" in node and "maximum" in node:
        bounds.append(f" from {node['minimum']:.12g} to {node['maximum']:.12g}")
    else:
        words = {
            "exclusiveMinimum": " above {:.12g}",
            "minimum": " of at least {:.12g}",
            "exclusiveMaximum": " below {:.12g}",
            "maximum": " up to {:.12g}",
            "maxLength": " of at most {} characters",
            "minItems": " of at least {}",
        }
        bounds += [word.format(node[key]) for key, word in words.items() if key in node]
    if node.get("minLength") == 1:
        bounds.append(", not empty")
    if node.get("pattern") == ID_PATTERN:
        bounds.append(", not empty, without control characters or spaces around it")
    return "".join(bounds)


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else f"a list of {len(value)}"
    return shown_value(value)


def _advice(node: Node, found: object) -> str:
    """How to write what was probably meant."""
    wants_text = node.get("type") == "string" or any(isinstance(v, str) for v in node.get("enum", ()))
    if wants_text and found is not None and not isinstance(found, str | dict | list):
        return "; write it in quotes"
    if node.get("type") in {"number", "integer"} and isinstance(found, str):
        if re.fullmatch(r"[-+]?\d+,\d+", found):
            return "; write a decimal point"
        if re.fullmatch(r"[-+]?[\d.]+\s*[^\d.\s].*", found):
            return "; write the number alone, its unit stands in the name"
    return ""
