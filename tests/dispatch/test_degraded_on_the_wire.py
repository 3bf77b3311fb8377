"""Chargers with room for one profile, in both versions of OCPP: one that begins and ends at its floor, also after a re-plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dispatch.composite import effective_limit
from dispatch.evidence import Layer, Rung, Verdict
from dispatch.simulator.personas import PERSONAS
from dispatch.station import Outcome, Purpose, StationProfile
from tests.dispatch.overnight_builders import EVENING, Rehearsal, a_rehearsal, row_of
from tests.dispatch.test_both_versions import ALL, three_vans

ONE_SLOT = PERSONAS["one-slot"].persona
DEGRADED = "degraded: no room for a floor under its plan"


def only(night: Rehearsal, charger_id: str) -> StationProfile:
    (command,) = night.journal.ledger(since=EVENING).installed(charger_id)
    return command.profile


def allowed_a(profile: StationProfile, instant: datetime) -> float:
    limit = effective_limit([profile], transaction_id=None, instant=instant)
    assert limit is not None, "it limits at every instant"
    return limit.value


@pytest.mark.parametrize("new", [set(), ALL], ids=["1.6", "2.0.1"])
async def test_a_charger_with_one_slot_holds_one_profile_for_ever_before_and_after_a_re_plan(
    tmp_path: Path, new: set[str]
) -> None:
    depot, night_before, plan = three_vans(new)
    # In 2.0.1 nobody is asked how many profiles a station holds: the site has to say it.
    known = {"max_profiles": 1} if new else {}
    first_charger = replace(depot.chargers[0], capabilities=known)
    made = replace(depot, chargers=(first_charger, *depot.chargers[1:])), night_before, plan
    personas, empty = {"CP1": ONE_SLOT}, {"V1": 8.0}
    async with a_rehearsal(tmp_path, made, personas=personas, arrival_soc_percent=empty) as night:
        first = await night.tick()
        assert row_of(first, "CP1").sentences == (DEGRADED,)
        assert row_of(first, "CP1").rungs[Rung.READ_BACK] is Verdict.CONFIRMED
        assert not row_of(first, "CP1").needs_a_person
        before = only(night, "CP1")

        # The grid operator leaves two thirds of the power from midnight on.
        limit_kw = np.where(np.arange(96) < 48, 40.0, 26.0)
        night.night = replace(night.night, site_limit_kw=limit_kw)
        report = await night.tick()
        assert report.is_replanned
        assert row_of(report, "CP1").sentences == (DEGRADED,)
        assert row_of(report, "CP1").rungs[Rung.READ_BACK] is Verdict.CONFIRMED
        after = only(night, "CP1")

        assert {c.outcome for c in night.journal.commands(charger_id="CP1")} == {Outcome.ACCEPTED}
        assert Layer.OVERRIDE not in {c.layer for c in night.journal.commands(charger_id="CP1")}
        end = night.night.horizon.end
        for profile in (before, after):
            assert (profile.purpose, profile.stack_level, profile.valid_to) == (Purpose.TX_DEFAULT, 0, None)
            assert allowed_a(profile, end) == allowed_a(profile, end + timedelta(days=30))
        assert allowed_a(before, end) == allowed_a(after, end) > 0
        assert before.profile_id == after.profile_id
        assert (await night.tick()).sent == 0
