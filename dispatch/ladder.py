"""After a refusal: which other forms of the same profile are tried, in which order, and what each would teach. Pure.

Every form allows as little as the plan does or less; whether it may be sent now is decided as for any other write
(:mod:`dispatch.decide`). A ladder is finite, and nobody is contradicted who knows the charger: what a model file,
the charger itself or ``depot.yaml`` says stays, but that there may be fewer periods and coarser steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dispatch.charger import Capabilities
from dispatch.evidence import Layer
from dispatch.known import Known
from dispatch.layers import LayerProfile, unit_of
from optimiser.depot import Connector

FEWEST_PERIODS = 5
"""Below this many periods it is not the number of them that a charger refuses."""
COARSE_STEPS_A = (0.5, 1.0)
"""Halves and whole amperes pass every check for multiples of a tenth. [A]"""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One form to try: ``words`` is the whole of it, ``lesson`` the levers that are learned if it is taken.

    ``is_simplified``: beside what it teaches, the form is as simple as those before it, because a charger may want
    two changes; once it is taken, more can be asked for.
    """

    lesson: Mapping[str, Any]
    words: Capabilities
    is_simplified: bool = False


def rungs(
    refused: LayerProfile, known: Known, *, connector: Connector, is_alone: bool, over_floor: bool
) -> tuple[Rung, ...]:
    """The forms to try one after the other, after a charger has refused one in the words that are known of it.

    Fewer periods, the other unit, coarser steps, no phases, another stack level, kind, purpose, connector 0. Where
    something was learned, perhaps from another charger of its make, all of it once more without that.
    ``is_alone``: the connector is its charger's only one. ``over_floor``: the charger holds a floor of ours in
    the same place, so that place and purpose cannot be what it refuses. A ceiling has no other form.
    """
    if refused.layer is Layer.CEILING:
        return ()
    may_move = refused.layer is not Layer.OVERRIDE and is_alone and not over_floor
    found = _ladder(refused, known, connector=connector, may_move=may_move)
    taken_back = known.lessons_taken_back()
    if taken_back:
        plain = replace(known, capabilities=known.unlearned)
        again = _ladder(refused, plain, connector=connector, may_move=may_move)
        found.append(Rung(lesson=taken_back, words=known.unlearned))
        found += [replace(rung, lesson={**taken_back, **rung.lesson}) for rung in again]
    return tuple(found)


def _ladder(refused: LayerProfile, known: Known, *, connector: Connector, may_move: bool) -> list[Rung]:
    base = known.capabilities
    fewer: list[dict[str, Any]] = []
    count = len(refused.profile.periods)
    while count > FEWEST_PERIODS:
        count //= 2
        fewer.append({"max_periods": count + 1})  # one is kept free, see dispatch.layers
    fewest = fewer[-1] if fewer else {}
    others = [
        *_other_limits(known, connector),
        *_other_levels(refused.layer, known),
        *_other_kinds(known),
        *(_other_places(known) if may_move else ()),
    ]
    return [
        *(Rung(lesson=lesson, words=base.model_copy(update=lesson)) for lesson in fewer),
        *(
            Rung(lesson=lesson, words=base.model_copy(update={**fewest, **lesson}), is_simplified=True)
            for lesson in others
        ),
    ]


def _other_limits(known: Known, connector: Connector) -> list[dict[str, Any]]:
    """The other unit, coarser steps, no phases; none of it means anything on DC."""
    base = known.capabilities
    if connector.is_dc:
        return []
    unit = unit_of(connector, base)
    found: list[dict[str, Any]] = []
    if not known.is_settled("unit"):
        found.append({"unit": "W" if unit == "A" else "A"})
    if unit == "A":
        found += [{"limit_step_a": step_a} for step_a in COARSE_STEPS_A if step_a > base.limit_step_a]
    if not known.is_settled("number_phases") and base.number_phases != "omit":
        found.append({"number_phases": "omit"})
    return found


def _other_levels(layer: Layer, known: Known) -> list[dict[str, Any]]:
    """A floor one level up, with the plan above it; a plan on the floor's level, as one profile with it."""
    base = known.capabilities
    if known.is_settled("stack_level_floor") or known.is_settled("stack_level_plan"):
        return []
    floor, plan = base.stack_level_floor, base.stack_level_plan
    if layer is Layer.FLOOR and floor + 2 <= base.max_stack_level:
        return [{"stack_level_floor": floor + 1, "stack_level_plan": floor + 2}]
    if layer is Layer.PLAN and floor < plan:
        return [{"stack_level_plan": floor}]
    return []


def _other_kinds(known: Known) -> list[dict[str, Any]]:
    base = known.capabilities
    if known.is_settled("kind") or base.purpose == "station_max":
        return []
    return [{"kind": "relative" if base.kind == "absolute" else "absolute"}]


def _other_places(known: Known) -> list[dict[str, Any]]:
    base = known.capabilities
    if known.is_settled("purpose"):
        return []
    purposes = (
        ["station_max", "tx_default_0", "tx_default"] if base.station_max else ["tx_default_0", "tx_default"]
    )
    return [{"purpose": purpose} for purpose in purposes if purpose != base.purpose]
