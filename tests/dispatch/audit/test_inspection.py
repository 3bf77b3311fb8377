"""Audits of simulated charge points of both versions over WebSockets: what somebody else has put on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.audit.command import exit_code
from dispatch.audit.facts import Found, Kind
from dispatch.audit.inspection import MAX_CLEARS, Inspection, inspect_depot
from dispatch.evidence import Layer, Rung, Verdict
from dispatch.simulator.persona import ExternalLimit, Persona
from dispatch.station import (
    Outcome,
    ProfileFilter,
    Purpose,
    Reply,
    SchedulePeriod,
    StationProfile,
    Stations,
)
from optimiser.cli import ExitCode
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from tests.builders import NIGHT
from tests.dispatch.overnight_builders import EVENING, Rehearsal, a_rehearsal, three_vans_tonight

LAST_MONTH = EVENING - timedelta(days=31)
NEW = ("CP1",)
"""Chargers that speak 2.0.1; the others speak 1.6."""


def vans(new: Collection[str] = NEW, *, transformer_limit_kw: float = 40.0) -> tuple[Depot, Night, Plan]:
    depot, night, plan = three_vans_tonight(transformer_limit_kw=transformer_limit_kw)
    chargers = [replace(c, ocpp="2.0.1" if c.id in new else "1.6") for c in depot.chargers]
    return replace(depot, chargers=tuple(chargers)), night, plan


def left_over(limit: float, *, profile_id: int = 999, stack_level: int = 5) -> StationProfile:
    """What another system has left on a charger a month ago, without an end."""
    return StationProfile(
        profile_id=profile_id,
        connector_id=1,
        purpose=Purpose.TX_DEFAULT,
        stack_level=stack_level,
        start=LAST_MONTH,
        unit="A",
        periods=(SchedulePeriod(start_s=0, limit=limit, number_phases=3),),
    )


class Another:
    """The stations as they are, but for what a test makes of removals."""

    def __init__(self, stations: Stations) -> None:
        self._stations = stations

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._stations, verb)


class Hanging(Another):
    """One charger does not answer when it is to remove something."""

    def __init__(self, stations: Stations, *, charger_id: str) -> None:
        super().__init__(stations)
        self._charger_id = charger_id

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        if charger_id == self._charger_id:
            return Reply(outcome=Outcome.NO_ANSWER, at=EVENING)
        return await self._stations.clear_profile(charger_id, profile_id)


class Keeping(Another):
    """Removals are accepted and nothing is removed."""

    async def clear_profiles(self, charger_id: str, wanted: ProfileFilter) -> Reply:
        assert wanted.purpose is not None, charger_id
        return Reply(outcome=Outcome.ACCEPTED, at=EVENING)


async def inspected(
    night: Rehearsal, *, clear_foreign: bool = False, stations: Stations | None = None
) -> Inspection:
    plan = night.journal.latest_plan(NIGHT)
    assert plan is not None
    return await inspect_depot(
        night.depot,
        plan,
        journal=night.journal,
        stations=stations or night.stations,
        clear_foreign=clear_foreign,
    )


async def installed_by_another(night: Rehearsal, charger_id: str, profile: StationProfile) -> None:
    """A second writer: nothing of it is in the ledger."""
    reply = await night.stations.set_profile(charger_id, profile)
    assert reply.outcome is Outcome.ACCEPTED, reply


def kinds(found: Inspection, charger_id: str) -> Counter[str]:
    return Counter(one.kind.name for one in found.found if one.place.charger_id == charger_id)


def foreign(found: Inspection) -> list[Found]:
    return [one for one in found.found if one.kind is Kind.FOREIGN]


async def test_after_a_tick_everything_is_as_planned_in_both_versions(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        before = night.journal.commands()
        found = await inspected(night, clear_foreign=True)
        assert [one.sentence for one in found.found if one.kind is not Kind.AS_PLANNED] == []
        assert all(kinds(found, charger_id) == {"AS_PLANNED": 2} for charger_id in ("CP1", "CP2", "CP3"))
        assert exit_code(found) is ExitCode.GOOD
        assert found.attempts == ()
        assert night.journal.commands() == before


async def test_before_the_first_tick_everything_is_missing(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        found = await inspected(night)
        missing = [one.sentence for one in found.found if one.kind is Kind.MISSING]
        assert missing == ["it was never accepted"] * 6
        assert kinds(found, "CP1") == {"MISSING": 2}
        assert exit_code(found) is ExitCode.NEEDS_A_PERSON


async def test_a_left_over_profile_is_named_by_its_id_or_by_its_effect(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        for charger_id in ("CP1", "CP2"):
            await installed_by_another(night, charger_id, left_over(12.0))
        found = await inspected(night)
        listed, shown = foreign(found)
        assert (listed.place.charger_id, listed.profile_id, listed.layer) == ("CP1", 999, None)
        assert "a default for sessions at stack level 5, 12 A, without end; from " in listed.sentence
        assert (shown.place.charger_id, shown.profile_id) == ("CP2", None)
        assert shown.sentence.startswith("something is installed that is not ours: from ")
        for one in (listed, shown):
            assert " 12 A where " in one.sentence
            assert {difference.is_higher for difference in one.differences} == {True, False}
        assert kinds(found, "CP1") == {"AS_PLANNED": 2, "FOREIGN": 1}
        assert kinds(found, "CP3") == {"AS_PLANNED": 2}
        assert exit_code(found) is ExitCode.NEEDS_A_PERSON
        assert found.attempts == ()


def actions_of(night: Rehearsal, message_id: str | None) -> list[str]:
    query = "select action from messages where message_id = ? and direction = 'out'"
    with night.journal.engine.connect() as connection:
        return list(connection.exec_driver_sql(query, (message_id,)).scalars())


async def test_what_is_foreign_is_removed_by_its_id_journalled_and_ours_are_left_alone(
    tmp_path: Path,
) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        await installed_by_another(night, "CP1", left_over(6.0))
        await installed_by_another(night, "CP1", left_over(5.0, profile_id=998, stack_level=4))
        before = night.journal.commands()
        found = await inspected(night, clear_foreign=True)
        assert {one.clearing.profile_id for one in found.attempts} == {998, 999}
        assert kinds(found, "CP1") == {"AS_PLANNED": 2}
        assert exit_code(found) is ExitCode.GOOD
        assert night.journal.commands() == before
        told = [e for e in night.journal.evidence(NIGHT) if "removing profile 999" in e.detail]
        assert [(e.rung, e.verdict) for e in told] == [
            (Rung.SENT, Verdict.CANNOT_TELL),
            (Rung.ACCEPTED, Verdict.CONFIRMED),
        ]
        assert actions_of(night, told[1].message_id) == ["ClearChargingProfile"]
        assert (await night.tick()).sent == 0


async def test_in_1_6_it_is_removed_by_what_ours_do_not_have_and_read_back(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        await installed_by_another(night, "CP2", left_over(6.0))
        found = await inspected(night, clear_foreign=True)
        levels = [one.clearing.wanted.stack_level for one in found.attempts if one.clearing.wanted]
        assert levels == [2, 3, 4, 5]
        assert found.attempts[-1].reply is not None
        assert found.attempts[-1].reply.reason == ""
        assert kinds(found, "CP2") == {"AS_PLANNED": 2}
        assert exit_code(found) is ExitCode.GOOD
        assert (await night.tick()).sent == 0


@pytest.mark.parametrize("charger_id", ["CP1", "CP2"], ids=["2.0.1", "1.6"])
async def test_a_maximum_for_the_whole_station_is_found_and_removed(tmp_path: Path, charger_id: str) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        cap = left_over(5.0).model_copy(update={"purpose": Purpose.STATION_MAX, "connector_id": 0})
        await installed_by_another(night, charger_id, cap)
        assert [one.place.charger_id for one in foreign(await inspected(night))] == [charger_id]
        found = await inspected(night, clear_foreign=True)
        assert kinds(found, charger_id) == {"AS_PLANNED": 2}


async def test_a_profile_that_holds_the_depot_below_its_limit_is_left_and_refused(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, vans(transformer_limit_kw=24.0)) as night:
        await night.tick()
        await installed_by_another(night, "CP2", left_over(0.0))
        found = await inspected(night, clear_foreign=True)
        assert [one.place.charger_id for one in foreign(found)] == ["CP2"]
        assert found.attempts
        assert all(one.reply is None for one in found.attempts)
        assert "the transformer could reach" in found.attempts[0].obstacle
        assert exit_code(found) is ExitCode.REFUSED
        with night.journal.engine.connect() as connection:
            sent = connection.exec_driver_sql("select count(*) from messages where action like 'Clear%'")
            assert sent.scalar() == 0


async def test_where_ours_are_not_beneath_it_a_low_foreign_profile_is_left(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, vans(transformer_limit_kw=24.0)) as night:
        await installed_by_another(night, "CP1", left_over(0.0))
        found = await inspected(night, clear_foreign=True)
        assert exit_code(found) is ExitCode.REFUSED
        assert kinds(found, "CP1") == {"FOREIGN": 1, "MISSING": 2}


def of_last_night(night: Rehearsal, charger_id: str) -> StationProfile:
    """A plan under our own id that is not tonight's."""
    plan = next(p for p, _ in night.journal.installed(charger_id) if p.profile_id == 12)
    return plan.model_copy(update={"periods": (SchedulePeriod(start_s=0, limit=7.0, number_phases=3),)})


@pytest.mark.parametrize("charger_id", ["CP1", "CP2"], ids=["2.0.1", "1.6"])
async def test_a_plan_of_another_night_is_stale_and_left_to_the_next_dispatch_to_replace(
    tmp_path: Path, charger_id: str
) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        old = of_last_night(night, charger_id)
        command_id = night.journal.begin_command(
            night=NIGHT - timedelta(days=1),
            at=EVENING - timedelta(days=1),
            charger_id=charger_id,
            layer=Layer.PLAN,
            profile=old,
        )
        night.journal.finish_command(command_id, await night.stations.set_profile(charger_id, old))
        found = await inspected(night, clear_foreign=True)
        (one,) = [one for one in found.found if one.kind is Kind.STALE]
        assert (one.place.charger_id, one.profile_id, one.layer) == (charger_id, 12, Layer.PLAN)
        assert one.sentence.startswith("that of the night of 2025-11-09, sent at 2025-11-09 21:00: ")
        assert (found.attempts, foreign(found)) == ((), [])
        assert exit_code(found) is ExitCode.NEEDS_A_PERSON
        await night.tick()
        assert exit_code(await inspected(night)) is ExitCode.GOOD


async def test_what_somebody_else_has_put_under_an_id_of_ours_is_foreign_and_never_cleared(
    tmp_path: Path,
) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        await installed_by_another(night, "CP1", of_last_night(night, "CP1"))
        found = await inspected(night, clear_foreign=True)
        (one,) = foreign(found)
        assert one.profile_id == 12
        assert one.sentence.startswith("under an id of ours, but never sent from here: ")
        assert found.attempts == ()
        assert exit_code(found) is ExitCode.NEEDS_A_PERSON


async def test_in_1_6_full_power_may_be_a_loss_or_a_foreign_profile_and_is_told_by_removing(
    tmp_path: Path,
) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        await installed_by_another(night, "CP2", left_over(16.0))
        found = await inspected(night)
        (missing,) = [one for one in found.found if one.kind is Kind.MISSING]
        assert "lost, or beneath something foreign" in missing.sentence
        found = await inspected(night, clear_foreign=True)
        assert kinds(found, "CP2") == {"AS_PLANNED": 2}
        assert exit_code(found) is ExitCode.GOOD


async def test_a_limit_from_outside_is_named_with_its_source_and_never_cleared(tmp_path: Path) -> None:
    personas = {"CP1": Persona(external_limit=ExternalLimit(limit_a=8.0, duration_s=900.0))}
    async with a_rehearsal(tmp_path, vans(), personas=personas) as night:
        await night.tick()
        found = await inspected(night, clear_foreign=True)
        (one,) = foreign(found)
        assert "a limit from outside" in one.sentence
        assert "set by EMS" in one.sentence
        assert found.attempts == ()


async def test_a_charger_that_lost_its_plan_misses_it(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, vans(transformer_limit_kw=30.0)) as night:
        await night.tick()
        for charger_id in ("CP1", "CP2"):
            await night.stations.clear_profile(charger_id, 12)
        found = await inspected(night)
        missing = [one for one in found.found if one.kind is Kind.MISSING]
        assert [(one.place.charger_id, one.profile_id, one.sentence) for one in missing] == [
            ("CP1", 12, "it was accepted, and its list does not have it"),
            ("CP2", 12, "it was accepted, and its composite schedule shows nothing of it"),
        ]
        assert foreign(found) == []


async def test_a_charger_that_shows_and_does_not_obey_is_contradicted_by_its_meter(tmp_path: Path) -> None:
    personas = dict.fromkeys(("CP1", "CP2"), Persona(ignores_profiles=True))
    async with a_rehearsal(tmp_path, vans(), personas=personas) as night:
        await night.tick()
        found = await inspected(night)
        told = [one for one in found.found if one.kind is Kind.CONTRADICTED]
        assert [one.place.charger_id for one in told] == ["CP1", "CP2"]
        assert all(one.sentence.startswith("its meter: 11.04 kW drawn") for one in told)


async def test_a_charger_that_is_away_or_tells_nothing_leaves_the_audit_open(tmp_path: Path) -> None:
    personas = {"CP2": Persona(composite="rejected")}
    async with a_rehearsal(tmp_path, vans(), personas=personas, charger_ids=["CP1", "CP2"]) as night:
        await night.tick()
        found = await inspected(night, clear_foreign=True)
        assert kinds(found, "CP1") == {"AS_PLANNED": 2}
        assert kinds(found, "CP2") == {"CANNOT_TELL": 1}
        assert [one.sentence for one in found.found if one.place.charger_id == "CP3"] == ["not connected"]
        assert exit_code(found) is ExitCode.NEEDS_A_PERSON


async def test_a_charger_that_hangs_up_while_it_is_asked_ends_the_removals_there(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, vans(("CP1", "CP2"))) as night:
        await night.tick()
        await installed_by_another(night, "CP1", left_over(6.0))
        await installed_by_another(night, "CP2", left_over(6.0))
        hanging = Hanging(night.stations, charger_id="CP1")
        found = await inspected(night, clear_foreign=True, stations=hanging)
        outcomes = [(one.clearing.place.charger_id, one.reply.outcome) for one in found.attempts if one.reply]
        assert outcomes == [("CP1", Outcome.NO_ANSWER), ("CP2", Outcome.ACCEPTED)]
        assert kinds(found, "CP1") == {"AS_PLANNED": 2, "FOREIGN": 1}
        assert exit_code(found) is ExitCode.NEEDS_A_PERSON


async def test_what_a_charger_keeps_though_it_accepted_is_asked_for_once_and_stays_named(
    tmp_path: Path,
) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        await night.tick()
        await installed_by_another(night, "CP2", left_over(6.0))
        found = await inspected(night, clear_foreign=True, stations=Keeping(night.stations))
        assert 0 < len(found.attempts) <= MAX_CLEARS
        assert len({one.clearing for one in found.attempts}) == len(found.attempts)
        assert kinds(found, "CP2") == {"FOREIGN": 1}
        assert exit_code(found) is ExitCode.NEEDS_A_PERSON
