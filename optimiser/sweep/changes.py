"""The changes of a what-if: read from what a planner writes, checked against depot and nights, made one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem
from optimiser.inputs.files import closest, shown_value
from optimiser.night import Night
from optimiser.sweep.keys import ALL, KEYS, Key, Scene
from optimiser.sweep.values import Value, Values, ValuesError, values_of

BY_TEMPLATE = {key.template: key for key in KEYS}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One key of a what-if as it was written, what it means, and all the values to choose from.

    The key is known by its template, so that a change can travel to other processes.
    """

    written: str
    template: str
    name: str
    choices: tuple[Value, ...]

    @property
    def key(self) -> Key:
        """What it does."""
        return BY_TEMPLATE[self.template]


def read_changes(
    changes: Mapping[str, Values], depot: Depot, nights: Sequence[Night]
) -> tuple[list[Change], list[Problem]]:
    """The changes in their order, and all that is wrong with them."""
    problems: list[Problem] = []
    read: list[Change] = []
    for written, values in changes.items():
        try:
            read.append(_read(written, values, depot, nights))
        except InputError as error:
            problems += error.problems
    return read, problems


def changed(depot: Depot, night: Night, changes: Sequence[Change], chosen: Sequence[Value]) -> Scene:
    """The depot and the night with one value of each change, whatever the order in which they were written."""
    pairs = zip(changes, chosen, strict=True)
    for change, value in sorted(pairs, key=lambda pair: _rank(pair[0])):
        depot, night = change.key.apply(depot, night, change.name, value)
    return depot, night


def _rank(change: Change) -> tuple[int, bool, str]:
    """By kind, and for all before for one."""
    return KEYS.index(change.key), change.name != ALL, change.name


def _read(written: str, values: Values, depot: Depot, nights: Sequence[Night]) -> Change:
    key, name = _understood(written, depot)
    if not any(key.touches(depot, night, name) for night in nights):
        raise _error(written, found=_untouched(key, name), allowed=f"{key.template}: {key.about}")
    try:
        found = values_of(values)
    except ValuesError as error:
        raise _error(written, found=shown_value(error.found), allowed=error.allowed) from error
    misfits = [value for value in found if not key.fits(value)]
    if misfits:
        raise InputError(
            Problem(where=f"change {written}", found=shown_value(value), allowed=key.allowed)
            for value in misfits
        )
    if key.whole:
        found = tuple(int(value) for value in found)
    return Change(written=written, template=key.template, name=name, choices=found)


def _understood(written: str, depot: Depot) -> tuple[Key, str]:
    """The key of a change and the name in it. Names may have dots, so the longest known one counts."""
    for key in KEYS:
        if not key.named and key.template == written:
            return key, ""
    root, _, rest = written.partition(".")
    for key in KEYS:
        if key.named and key.root == root:
            name = rest if key.drops else rest.removesuffix(f".{key.field}")
            if (key.drops or name != rest) and name in _names(depot, root):
                return key, name
    hint = closest(written, _suggestions(depot))
    templates = ", ".join(key.template for key in KEYS)
    allowed = f"{hint} (did you mean that?)" if hint else f"one of {templates}, with an id or * for ID"
    raise _error(written, found=f"the unknown key {shown_value(written)}", allowed=allowed)


def _names(depot: Depot, root: str) -> list[str]:
    named = {
        "feeders": [feeder.id for feeder in depot.feeders],
        "chargers": [charger.id for charger in depot.chargers],
        "vehicles": [vehicle.id for vehicle in depot.vehicles],
        "visits": [vehicle.id for vehicle in depot.vehicles],
    }
    return [ALL, *named[root]]


def _suggestions(depot: Depot) -> Iterator[str]:
    for key in KEYS:
        if key.named:
            yield from (key.template.replace("ID", name, 1) for name in _names(depot, key.root))
        else:
            yield key.template


def _untouched(key: Key, name: str) -> str:
    """Names are known, so what is missing is what the change is of."""
    if key.root == "visits":
        return f"no visit of {'anybody' if name == ALL else name} in any of the nights"
    return f"no {key.field} anywhere" if name == ALL else f"no {key.field} at {name}"


def _error(written: str, *, found: str, allowed: str) -> InputError:
    return InputError([Problem(where=f"change {written}", found=found, allowed=allowed)])
