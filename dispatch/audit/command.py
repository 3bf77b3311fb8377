"""``depot audit``: what is found on the chargers and what was removed, for people and for programs. Knows this page."""

from __future__ import annotations

from functools import partial
from typing import Any

from dispatch.audit.facts import ChargerFacts, Found, Kind
from dispatch.audit.inspection import Attempt, Inspection, inspect_depot
from dispatch.overnight.facts import OUTDATED
from dispatch.site import Site
from dispatch.station import Outcome
from dispatch.validate import Difference
from optimiser.cli import ExitCode
from optimiser.terminal import Terminal

HEADERS = ("connector", "id", "is", "")


async def audit_command(
    terminal: Terminal, site: Site, *, named: str | None, clear_foreign: bool
) -> ExitCode:
    """Look at every charger of a depot, remove what is foreign if that is wanted, and print what is found."""
    night, plan = await site.planned_night(named)
    looking = terminal.working(f"looking at {len(site.depot.chargers)} chargers")
    look = partial(inspect_depot, site.depot, plan, stations=site.stations, clear_foreign=clear_foreign)
    if clear_foreign:
        async with site.writing("depot audit --clear-foreign") as journal:
            with looking:
                found = await look(journal=journal)
    else:
        with looking:
            found = await look(journal=site.journal)
    terminal.table(HEADERS, [_row(one) for one in found.found])
    if night.inputs_sha256 != plan.inputs_sha256:
        terminal.say(OUTDATED)
    for line in _summary(found):
        terminal.say(line)
    code = exit_code(found)
    terminal.document(document(found) | {"exit_code": int(code)})
    return code


def exit_code(found: Inspection) -> ExitCode:
    """What cron is told: 0 only if everything was seen and is as it should be."""
    if not found.is_reachable:
        return ExitCode.UNREACHABLE
    if found.was_refused:
        return ExitCode.REFUSED
    return ExitCode.GOOD if found.is_as_planned else ExitCode.NEEDS_A_PERSON


def document(found: Inspection) -> dict[str, Any]:
    """The audit for programs; instants in local time with their offset."""
    local = found.plan.horizon.local
    return {
        "night": found.plan.night.isoformat(),
        "at": local(found.at).isoformat(),
        "chargers": [_charger(found, facts) for facts in found.chargers],
        "removals": [_removal(attempt) for attempt in found.attempts],
    }


def _charger(found: Inspection, facts: ChargerFacts) -> dict[str, Any]:
    mine = [one for one in found.found if one.place.charger_id == facts.charger_id]
    return {
        "charger_id": facts.charger_id,
        "connected": facts.is_connected,
        "lists_its_profiles": facts.listed is not None,
        "findings": [_finding(found, one) for one in mine],
    }


def _finding(found: Inspection, one: Found) -> dict[str, Any]:
    profile = None if one.installed is None else one.installed.profile
    return {
        "connector_id": one.place.connector_id,
        "profile_id": one.profile_id,
        "is": one.kind.name.lower(),
        "layer": one.layer,
        "sentence": one.sentence,
        "source": None if one.installed is None else one.installed.source,
        "profile": None if profile is None else profile.model_dump(mode="json"),
        "differences": [_difference(found, difference) for difference in one.differences],
    }


def _difference(found: Inspection, difference: Difference) -> dict[str, Any]:
    local = found.plan.horizon.local
    sent, said = difference.sent, difference.said
    return {
        "start": local(difference.start).isoformat(),
        "end": local(difference.end).isoformat(),
        "should_hold": None if sent is None else {"limit": sent.value, "unit": sent.unit},
        "holds": None if said is None else {"limit": said.value, "unit": said.unit},
        "is_higher": difference.is_higher,
    }


def _removal(attempt: Attempt) -> dict[str, Any]:
    clearing, reply = attempt.clearing, attempt.reply
    return {
        "charger_id": clearing.place.charger_id,
        "connector_id": clearing.place.connector_id,
        "profile_id": clearing.profile_id,
        "filter": None
        if clearing.wanted is None
        else clearing.wanted.model_dump(mode="json", exclude_none=True),
        "outcome": None if reply is None else reply.outcome.value,
        "reason": attempt.obstacle if reply is None else reply.reason,
    }


def _row(one: Found) -> tuple[str, ...]:
    number = "" if one.profile_id is None else str(one.profile_id)
    layer = f" ({one.layer})" if one.layer is not None else ""
    return str(one.place), number, f"{one.kind}{layer}", one.sentence


def _summary(found: Inspection) -> list[str]:
    lines = [_said(attempt) for attempt in found.attempts]
    counts = {kind: sum(one.kind is kind for one in found.found) for kind in Kind}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    local = found.plan.horizon.local
    return [*lines, f"night of {found.plan.night}, {local(found.at):%Y-%m-%d %H:%M}: {told or 'nothing'}"]


def _said(attempt: Attempt) -> str:
    what = f"{attempt.clearing.place}: {attempt.clearing}"
    if attempt.reply is None:
        return f"{what} is left: without it, {attempt.obstacle}"
    if attempt.reply.outcome is Outcome.ACCEPTED:
        return f"{what}: {attempt.reply.reason or 'removed'}"
    return f"{what} not removed: {attempt.reply.reason or attempt.reply.outcome}"
