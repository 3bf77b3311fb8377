"""Capability files: what commissioning has found of a charger, in ``commissioned/ID.yaml`` of a depot folder.

Knows how they are written. What a lever means is known to those who send to chargers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import yaml
from pydantic import Field, ValidationError

from optimiser.depot import Charger, Commissioned
from optimiser.inputs.files import Folder
from optimiser.inputs.keys import ChargerId, Door
from optimiser.inputs.translate import problems_of
from optimiser.inputs.trees import Tree, read_tree

FOLDER = "commissioned"
"""Where they lie in a depot folder."""
HEAD = """\
# What depot commission has found of this charger. It holds for this firmware alone and goes before what the model
# file, the charger and its answers say; what depot.yaml says of the charger goes before it. Commissioning it again
# writes it anew; without this file nothing of it counts.
"""


class LeverKeys(Door):
    """A lever's value and what has shown it."""

    value: Any = Field(description="Value of the lever, as under capabilities in depot.yaml")
    because: str = Field(description="What has shown it")


class CommissionedKeys(Door):
    """A capability file."""

    charger: ChargerId = Field(description="Id of the charger, as in depot.yaml")
    commissioned_on: date = Field(description="Local date of the test")
    firmware: str = Field(description="Firmware with which it was tested")
    levers: dict[str, LeverKeys] = Field(description="What was found, by lever")


def file_name(charger_id: str) -> str:
    """The capability file of a charger, relative to its depot folder."""
    return f"{FOLDER}/{charger_id}.yaml"


def with_commissioned(folder: Folder, chargers: Iterable[Charger]) -> tuple[Charger, ...]:
    """Chargers with what they were commissioned as; what is wrong with a file is noted in the folder."""
    found: list[Charger] = []
    for charger in chargers:
        name = file_name(charger.id)
        tree = read_tree(folder, name) if folder.has(name) else None
        keys = None if tree is None else _validated(folder, tree, charger.id)
        found.append(charger if keys is None else replace(charger, commissioned=_domain(keys)))
    return tuple(found)


def capability_file(charger_id: str, found: Commissioned) -> str:
    """The text of a capability file."""
    document = {
        "charger": charger_id,
        "commissioned_on": found.on,
        "firmware": found.firmware,
        "levers": {
            lever: {"value": value, "because": found.because.get(lever, "")}
            for lever, value in found.capabilities.items()
        },
    }
    return HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _validated(folder: Folder, tree: Tree, charger_id: str) -> CommissionedKeys | None:
    try:
        keys = CommissionedKeys.model_validate(tree.value)
    except ValidationError as error:
        folder.problems.extend(problems_of(error, CommissionedKeys, place=tree.place))
        return None
    if keys.charger != charger_id:
        folder.complain(
            tree.place(("charger",)),
            found=f"{keys.charger!r}",
            allowed=f"{charger_id!r}: the file of a charger has its name",
        )
        return None
    return keys


def _domain(keys: CommissionedKeys) -> Commissioned:
    levers: Mapping[str, LeverKeys] = keys.levers
    return Commissioned(
        on=keys.commissioned_on,
        firmware=keys.firmware,
        capabilities={name: lever.value for name, lever in levers.items()},
        because={name: lever.because for name, lever in levers.items()},
    )
