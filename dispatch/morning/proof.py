"""When what a connector had accepted was proven, and what counts as proof at each charger. Pure."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from dispatch.charger import Capabilities
from dispatch.events import Booted, Disconnected
from dispatch.evidence import Evidence, Rung, Verdict
from dispatch.identity import Identity
from dispatch.known import identity_of, known_of
from dispatch.morning.facts import NightFacts
from dispatch.morning.meters import BoolArray, Minutes
from dispatch.safety import Place
from dispatch.station import ChargerState
from optimiser.depot import Charger, Depot

AUDIT_CLEARS = "removing "
"""How the evidence of an audit begins that has removed something; it is no rung of a profile of ours."""


def proven_minutes(depot: Depot, facts: NightFacts, minutes: Minutes) -> dict[Place, BoolArray]:
    """The minutes in which every connector was proven to hold what it had accepted.

    From what confirms it, until what contradicts it, or a boot or a lost connection of a charger that may forget.
    """
    believed = believed_rungs(depot, facts)
    habits = _habits(depot, facts)
    ends: dict[str, list[tuple[datetime, bool]]] = {charger.id: [] for charger in depot.chargers}
    for event in facts.events:
        is_end = isinstance(event, Booted | Disconnected) and event.charger_id in ends
        if is_end and habits[event.charger_id].forgets != "never":
            ends[event.charger_id].append((event.received_at, False))
    words = {Place(c.id, connector.id): list(ends[c.id]) for c, connector in depot.connectors()}
    for look in facts.evidence:
        place = Place(look.charger_id, look.connector_id)
        if place in words and _tells(look, believed[look.charger_id]):
            words[place].append((look.at, look.verdict is Verdict.CONFIRMED))
    result: dict[Place, BoolArray] = {}
    for place, told in words.items():
        is_proven = np.zeros(minutes.count, dtype=bool)
        for at, holds in sorted(told):
            first = minutes.position(at)
            # A minute in which proof ends is unproven, and so is one in which it only begins.
            is_proven[max(0, math.ceil(first) if holds else math.floor(first)) :] = holds
        result[place] = is_proven
    return result


def believed_rungs(depot: Depot, facts: NightFacts) -> dict[str, frozenset[Rung]]:
    """Of every charger, the rungs that prove something: the meter, of most models a read-back, of some Accepted."""
    return {
        charger_id: frozenset(
            {Rung.METERED}
            | ({Rung.READ_BACK} if words.proof == "read_back" else set())
            | ({Rung.ACCEPTED} if words.accepted_is_proof else set())
        )
        for charger_id, words in _habits(depot, facts).items()
    }


def _habits(depot: Depot, facts: NightFacts) -> dict[str, Capabilities]:
    """What is known of every charger, with the firmware that it told last."""
    booted = {event.charger_id: event for event in facts.events if isinstance(event, Booted)}
    return {
        charger.id: known_of(charger, identity=_identity(charger, booted.get(charger.id))).capabilities
        for charger in depot.chargers
    }


def _tells(look: Evidence, believed: frozenset[Rung]) -> bool:
    return (
        look.rung in believed
        and look.verdict is not Verdict.CANNOT_TELL
        and not look.detail.startswith(AUDIT_CLEARS)
    )


def _identity(charger: Charger, booted: Booted | None) -> Identity:
    if booted is None:
        return identity_of(charger)
    state = ChargerState(
        charger_id=charger.id, vendor=booted.vendor, model=booted.model, firmware=booted.firmware
    )
    return identity_of(charger, state)
