"""Fleet rules in ``depot.yaml``: their keys, and what they name that has to exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import time
from typing import Annotated, Any

from pydantic import Field, model_validator

from optimiser.inputs.files import Folder, closest, did_you_mean, shown_value
from optimiser.inputs.keys import Door, Id, TimeOfDay, minute_of, wrong
from optimiser.inputs.trees import Tree, items_of, mapping_of
from optimiser.rules import DepartureWindow, Rule

MOST_TIERS = 4
Names = Annotated[list[Id], Field(min_length=1)]


class DepartsKeys(Door):
    """Between which times of day a visit leaves."""

    from_: TimeOfDay = Field(alias="from", description='Local time from which on, quoted: "04:00"')
    to: TimeOfDay = Field(
        description='Local time until before which, quoted: "06:30"; over midnight where it is not after from'
    )

    @model_validator(mode="after")
    def _has_a_length(self) -> DepartsKeys:
        if self.from_ == self.to:
            raise wrong(found=f"from and to {self.to}", allowed="two different times")
        return self


class WhenKeys(Door):
    """The visits a rule is for: all conditions have to hold."""

    vehicle_types: Names | None = Field(
        default=None, description="vehicle_type in vehicles.csv is one of these"
    )
    groups: Names | None = Field(default=None, description="group in vehicles.csv is one of these")
    routes: Names | None = Field(default=None, description="route in visits.csv is one of these")
    departs: DepartsKeys | None = Field(default=None, description="Between which times of day it leaves")


class ThenKeys(Door):
    """What a rule says of them."""

    required_soc_percent: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None, description="State of charge to leave with [%]"
    )
    priority: Annotated[float, Field(ge=0, le=1e6)] | None = Field(
        default=None, description="Weight, larger is more important"
    )
    tier: Id | None = Field(default=None, description="One of policy.tiers")
    earliest_start: TimeOfDay | None = Field(
        default=None, description='Local time before which nothing is planned for it, quoted: "22:00"'
    )
    may_be_overridden: bool | None = Field(
        default=None, description="Whether it makes room for others when a night is planned again"
    )

    @model_validator(mode="after")
    def _says_something(self) -> ThenKeys:
        if not self.model_dump(exclude_none=True):
            raise wrong(found="nothing", allowed=f"at least one of {', '.join(ThenKeys.model_fields)}")
        return self


class RuleKeys(Door):
    """One fleet rule. What stands in visits.csv wins; of several rules the first that says something of a value."""

    id: Id = Field(description="Name of the rule, once in the depot; the plan says what it decided")
    when: WhenKeys = Field(
        default_factory=WhenKeys, description="The visits it is for; without conditions all"
    )
    then: ThenKeys = Field(description="What it says of them")

    def to_domain(self) -> Rule:
        """The rule."""
        departs, start = self.when.departs, self.then.earliest_start
        said = self.then.model_dump(exclude={"earliest_start"})
        return Rule(
            id=self.id,
            vehicle_types=tuple(self.when.vehicle_types or ()),
            groups=tuple(self.when.groups or ()),
            routes=tuple(self.when.routes or ()),
            departs=None
            if departs is None
            else DepartureWindow(start=time.fromisoformat(departs.from_), end=time.fromisoformat(departs.to)),
            earliest_start=None if start is None else time.fromisoformat(start),
            **said,
        )


def rules_say(tree: Tree | None, what: str) -> bool:
    """Whether any rule says something of a value, however wrong the rest of it is."""
    rules = [] if tree is None else items_of(tree.value.get("rules"))
    return any(mapping_of(rule.get("then")).get(what) is not None for _, rule in rules)


def check_rules(
    folder: Folder, tree: Tree, *, vehicle_types: Collection[str], groups: Collection[str]
) -> None:
    """Notes what rules name that does not exist: a type, a group, a tier, a time outside the night."""
    tiers = mapping_of(tree.value.get("policy")).get("tiers")
    known_tiers = [tier for tier in tiers if isinstance(tier, str)] if isinstance(tiers, list) else []
    for index, rule in items_of(tree.value.get("rules")):
        path = ("rules", index)
        when, then = mapping_of(rule.get("when")), mapping_of(rule.get("then"))
        for key, what, known in (
            ("vehicle_types", "vehicle type", vehicle_types),
            ("groups", "group", groups),
        ):
            for at, name in _named(when.get(key)):
                if name not in known:
                    _unknown(folder, tree.place((*path, "when", key, at)), what, name, sorted(known))
        tier = then.get("tier")
        if isinstance(tier, str) and tier not in known_tiers:
            _unknown(folder, tree.place((*path, "then", "tier")), "tier", tier, known_tiers)
        _check_start(folder, tree, (*path, "then", "earliest_start"), then.get("earliest_start"))


def _named(names: Any) -> Iterator[tuple[int, str]]:
    for at, name in enumerate(names if isinstance(names, list) else []):
        if isinstance(name, str):
            yield at, name


def _unknown(folder: Folder, place: str, what: str, name: str, known: list[str]) -> None:
    allowed = did_you_mean(closest(name, known), known) if known else f"no {what} is known here"
    folder.complain(place, found=f"the unknown {what} {shown_value(name)}", allowed=allowed)


def _check_start(folder: Folder, tree: Tree, path: tuple[str | int, ...], clock: Any) -> None:
    horizon = mapping_of(tree.value.get("horizon"))
    start, end = horizon.get("start", "12:00"), horizon.get("end", "12:00")
    try:
        at, first, last = (minute_of(text) for text in (clock, start, end))
    except (AttributeError, TypeError, ValueError):
        return  # noted with the key itself
    if first > last and last <= at < first:
        folder.complain(
            tree.place(path),
            found=f"{clock}, which no night has",
            allowed=f"a time between {start} and {end} on the next day",
        )
