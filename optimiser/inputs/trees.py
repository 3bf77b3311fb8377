"""YAML as a tree of plain values, with the line of each: knows where YAML reads something else than was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.composer import Composer

from optimiser.inputs.files import Folder, shown_value

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)
MAX_VALUES = 200_000
"""Values in one file, aliases expanded: a thousand chargers with every key need a tenth of it."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A YAML mapping, with the line of every value in it by path."""

    name: str
    value: dict[str, Any]
    lines: Mapping[Path, int]

    def place(self, path: Path) -> str:
        """Where a value is, for people: ``depot.yaml line 31, chargers[3].connectors[0].phases``."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        written = path_text(path)
        line = f"{self.name} line {self.lines.get(known, 1)}"
        return f"{line}, {written}" if written else line


def path_text(path: Path) -> str:
    """``chargers[3].id``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_tree(folder: Folder, name: str) -> Tree | None:
    """The mapping in a YAML file, or None with a problem noted."""
    text = folder.text(name)
    if text is None:
        return None
    try:
        node = _root(text)
    except yaml.YAMLError as error:
        _complain_of_syntax(folder, name, error)
        return None
    except RecursionError:
        folder.complain(name, found="YAML nested too deeply", allowed="the keys of depot.schema.json")
        return None
    if not isinstance(node, yaml.MappingNode):
        folder.complain(name, found="YAML that is no mapping", allowed="keys and values such as name: depot")
        return None
    reading = _Reading(folder=folder, name=name)
    try:
        value = reading.value_of(node, ())
    except _TooManyValuesError:
        folder.complain(name, found=f"more than {MAX_VALUES} values, aliases counted", allowed="fewer")
        return None
    return Tree(name=name, value=value, lines=reading.lines)


if yaml.__with_libyaml__:

    class _FastLoader(Composer, yaml.CSafeLoader):
        """libyaml's parser under PyYAML's composer: six times as fast, and its depth is bounded.

        libyaml's own composer takes the whole process with it where brackets are nested deeply.
        """

        def __init__(self, text: str) -> None:
            yaml.CSafeLoader.__init__(self, text)
            Composer.__init__(self)


def _root(text: str) -> yaml.Node | None:
    """The one document in a text, None if there is none. What is wrong with it PyYAML's own parser says."""
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError):
            return _composed(_FastLoader(text))
    return _composed(yaml.SafeLoader(text))


def _composed(loader: _FastLoader | yaml.SafeLoader) -> yaml.Node | None:
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class _TooManyValuesError(Exception):
    """A file whose aliases multiply."""


def _complain_of_syntax(folder: Folder, name: str, error: yaml.YAMLError) -> None:
    mark = getattr(error, "problem_mark", None)
    where = name if mark is None else f"{name} line {mark.line + 1}"
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    folder.complain(where, found=f"broken YAML ({reason})", allowed="YAML 1.1 in one document")


class _Reading:
    """One pass over the nodes of a file."""

    def __init__(self, *, folder: Folder, name: str) -> None:
        self.folder = folder
        self.name = name
        self.lines: dict[Path, int] = {}
        self._constructor = yaml.constructor.SafeConstructor()
        self._open: set[int] = set()

    def value_of(self, node: yaml.Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if len(self.lines) > MAX_VALUES:
            raise _TooManyValuesError
        if id(node) in self._open:
            self._complain(
                path, found="an alias that repeats itself", allowed="values, or aliases of other values"
            )
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.value_of(item, (*path, place)) for place, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            written = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a collection"
            line = key_node.start_mark.line + 1
            where = f"{self.name} line {line}, {path_text((*path, shown_key(written)))}"
            if key_node.tag != "tag:yaml.org,2002:str":
                kind = key_node.tag.rpartition(":")[2]
                self.folder.complain(
                    where,
                    found=f"the key {shown_value(written)}, which YAML reads as {kind}",
                    allowed="a key that is text; if it is meant so, write it in quotes",
                )
            elif written in result:
                first = self.lines[*path, written]
                self.folder.complain(
                    where, found=f"the key a second time (first on line {first})", allowed="each key once"
                )
            else:
                result[written] = self.value_of(value_node, (*path, written))
                self.lines[*path, written] = (
                    line  # a mapping is where its key is, not where its first value is
                )
        return result

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind in {"int", "float"} and ":" in node.value:
            # YAML 1.1 reads 12:00 as 12 × 60 + 0.
            self._complain(
                path,
                found=f"{node.value} without quotes, which YAML reads as a number",
                allowed=f'"{node.value}": write it in quotes',
            )
            return node.value
        try:
            value = self._constructor.construct_object(node)
            node.value.encode()
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            reason = getattr(error, "problem", None) or error
            self._complain(
                path, found=f"{shown_value(node.value)} ({reason})", allowed="text, a number, true or false"
            )
            return None
        return value

    def _complain(self, path: Path, *, found: str, allowed: str) -> None:
        self.folder.complain(
            f"{self.name} line {self.lines[path]}, {path_text(path)}", found=found, allowed=allowed
        )


def shown_key(key: str) -> str:
    """A key as it stands in a path: itself, or quoted where it would be misread."""
    return key if key.isprintable() and key.strip() == key and key else repr(key)


def part_of(model: type[Model], value: object) -> Model | None:
    """A part of depot.yaml on its own, or None where it is wrong: that has been noted with the whole."""
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def mapping_of(value: object) -> dict[str, Any]:
    """The mapping that stands somewhere, an empty one where something else does."""
    return value if isinstance(value, dict) else {}


def items_of(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings in a list, with their places; nothing where there is no list."""
    if isinstance(value, list):
        yield from ((place, item) for place, item in enumerate(value) if isinstance(item, dict))
