"""Foreign profiles after a tick, on simulated charge points of both versions over WebSockets."""

from __future__ import annotations

from pathlib import Path

from dispatch.alert import Cause, Condition
from dispatch.audit.foreign import look_for_foreign, suspected
from dispatch.evidence import Rung, Verdict
from dispatch.report import NightReport, Row
from dispatch.safety import Place
from tests.dispatch.alert_builders import a_condition, an_alert
from tests.dispatch.audit.test_inspection import installed_by_another, left_over, vans
from tests.dispatch.overnight_builders import Rehearsal, a_rehearsal


async def looked(night: Rehearsal, report: NightReport, *known: Condition) -> list[Condition]:
    alerts = [an_alert(one, alert_id=number) for number, one in enumerate(known)]
    return await look_for_foreign(
        night.depot, report, open_alerts=alerts, journal=night.journal, stations=night.stations
    )


async def test_what_another_system_writes_is_found_after_the_next_tick_in_both_versions(
    tmp_path: Path,
) -> None:
    async with a_rehearsal(tmp_path, vans()) as night:
        assert await looked(night, await night.tick()) == []
        await installed_by_another(night, "CP1", left_over(3.0))  # 2.0.1 lists it, also where it allows less
        await installed_by_another(night, "CP2", left_over(10.0))  # 1.6 shows more than was sent
        found = await looked(night, await night.tick())
    assert [one.cause for one in found] == [Cause.FOREIGN, Cause.FOREIGN]
    assert [one.charger_id for one in found] == ["CP1", "CP2"]
    assert found[0].what == "CP1 has a profile that is not ours"
    assert "3 A" in found[0].why
    assert found[0].page == "foreign-profile"


def test_chargers_that_list_nothing_and_show_nothing_wrong_are_not_asked_again() -> None:
    depot, _, plan = vans()
    shows = dict.fromkeys(["CP1", "CP2", "CP3"], Verdict.CONFIRMED)

    def report(**shown: Verdict) -> NightReport:
        rows = tuple(
            Row(place=Place(charger_id, 1), vehicle_id=None, rungs={Rung.READ_BACK: verdict})
            for charger_id, verdict in (shows | shown).items()
        )
        return NightReport(plan=plan, at=plan.created_at, rows=rows, sent=0)

    assert suspected(depot, report(), []) == {"CP1"}
    assert suspected(depot, report(CP3=Verdict.CONTRADICTED), []) == {"CP1", "CP3"}


async def test_of_a_charger_that_is_away_what_was_known_is_taken_to_be_so_still(tmp_path: Path) -> None:
    made = vans(new=())
    depot = made[0]
    known = Condition(
        cause=Cause.FOREIGN, subject="CP3", what="…", why="…", page="foreign-profile", charger_id="CP3"
    )
    gone = a_condition(Cause.FOREIGN, "CP99")
    async with a_rehearsal(tmp_path, made, charger_ids=["CP1", "CP2"]) as night:
        assert await looked(night, await night.tick(), known, gone) == [known]
    assert len(depot.chargers) == 3
