"""Every persona shows on the wire what it is named for, in both OCPP versions; every frame passes its schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch.connection import Ending
from dispatch.simulator.personas import PERSONAS
from tests.builders import an_ac_connector
from tests.dispatch.simulator.gateway_builders import WAIT_S
from tests.dispatch.simulator.persona_builders import simulated
from tests.dispatch.simulator.simulator_builders import a_profile, a_profile_201, stamp

both = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


def test_every_persona_is_shown_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in PERSONAS if f'"{name}"' not in source] == []


@both
async def test_the_honest_one_does_what_it_says(version: str) -> None:
    async with simulated("honest", version) as bench:
        assert await bench.put([(0, 10.0)]) == "Accepted"
        assert await bench.composite() == [(0, 10.0)]
        assert await bench.amperes() == 10.0
        assert [await bench.clear(1), await bench.clear(1)] == ["Accepted", "Unknown"]


# What it can take


@both
@pytest.mark.parametrize(("name", "good", "bad"), [("power-only", "W", "A"), ("current-only", "A", "W")])
async def test_one_unit_is_taken_and_the_other_is_not(version: str, name: str, good: str, bad: str) -> None:
    async with simulated(name, version) as bench:
        assert await bench.put([(0, 6900.0)], unit=bad) == "Rejected"
        assert await bench.put([(0, 6900.0 if good == "W" else 10.0)], unit=good) == "Accepted"
        assert await bench.composite(unit=bad) == "Rejected"
        assert await bench.amperes() == 10.0


@both
async def test_one_slot_holds_one_profile_at_level_0(version: str) -> None:
    async with simulated("one-slot", version) as bench:
        assert await bench.put(level=1) == "Rejected"
        assert await bench.put(level=0) == "Accepted"
        assert await bench.put(place=0, purpose="station_max", profile_id=2, level=0) == "Rejected"
        assert await bench.put([(0, 8.0)], level=0) == "Accepted"
        assert await bench.amperes() == 8.0


async def test_one_that_switches_phases_takes_a_limit_for_one_phase() -> None:
    async with simulated("phase-switching", "2.0.1") as bench:
        assert await bench.put(number_phases=1) == "Accepted"
    async with simulated("honest", "2.0.1") as bench:
        assert await bench.put(number_phases=1) == "Rejected"


# What it refuses


@both
async def test_one_refuses_all(version: str) -> None:
    async with simulated("refuses-all", version) as bench:
        assert await bench.put() == "Rejected"
        assert await bench.amperes() == 16.0


@both
async def test_one_refuses_by_an_error(version: str) -> None:
    async with simulated("refuses-by-error", version) as bench:
        assert await bench.put(level=99) == "PropertyConstraintViolation"
        assert await bench.put() == "Accepted"


@both
async def test_one_refuses_tenths_that_binary_arithmetic_does_not_find(version: str) -> None:
    async with simulated("refuses-tenths", version) as bench:
        for limit in (6.1, 6.3, 0.7):
            assert await bench.put([(0, limit)]) == "Rejected"
        for limit in (6.0, 6.5, 16.0, 5.7):
            assert await bench.put([(0, limit)]) == "Accepted"


@both
async def test_one_counts_periods_against_its_stack_levels(version: str) -> None:
    async with simulated("periods-by-stack-level", version) as bench:
        assert await bench.put([(60 * n, 10.0 - n / 2) for n in range(9)]) == "Rejected"
        assert await bench.put([(60 * n, 10.0 - n / 2) for n in range(8)]) == "Accepted"
        assert bench.machine.persona.max_periods == 24


@both
async def test_a_full_store_refuses_even_a_replacement(version: str) -> None:
    async with simulated("full-refuses-replacement", version) as bench:
        for number in (1, 2, 3):
            assert await bench.put(profile_id=number, level=number) == "Accepted"
        assert await bench.put([(0, 6.0)], profile_id=3, level=3) == "Rejected"
        assert await bench.clear(1) == "Accepted"
        assert await bench.put([(0, 6.0)], profile_id=3, level=3) == "Accepted"


@both
async def test_one_knows_defaults_only(version: str) -> None:
    async with simulated("default-only", version) as bench:
        assert await bench.put(purpose="transaction") == "Rejected"
        assert await bench.put(place=0, purpose="station_max") == "Rejected"
        assert await bench.put() == "Accepted"


@both
@pytest.mark.parametrize("name", ["no-relative", "no-absolute"])
async def test_one_kind_is_taken_and_the_other_is_not(version: str, name: str) -> None:
    async with simulated(name, version) as bench:
        absolute = await bench.put()
        relative = await bench.put(kind="Relative", start_s=None)
        expected = ("Accepted", "Rejected") if name == "no-relative" else ("Rejected", "Accepted")
        assert (absolute, relative) == expected


@both
async def test_one_takes_no_0(version: str) -> None:
    async with simulated("no-zero", version) as bench:
        assert await bench.put([(0, 10.0), (60, 0.0)]) == "Rejected"
        assert await bench.put([(0, 3.0)]) == "Accepted"


@both
async def test_one_takes_nothing_below_the_minimum_but_0(version: str) -> None:
    async with simulated("no-limit-below-minimum", version) as bench:
        assert await bench.put([(0, 5.9)]) == "Rejected"
        assert await bench.put([(0, 4000.0)], unit="W") == "Rejected"
        assert await bench.put([(0, 0.0), (60, 6.0)]) == "Accepted"


@both
@pytest.mark.parametrize("name", ["no-profile-at-start", "honest"])
async def test_a_remote_start_with_a_profile_is_refused_by_one_and_taken_by_others(
    version: str, name: str
) -> None:
    async with simulated(name, version) as bench:
        stop = {"transactionId": bench.transaction_id}
        if version == "1.6":
            assert await bench.status("RemoteStopTransaction", stop) == "Accepted"
            profile = a_profile([(0, 7.0)], purpose="TxProfile")
            start = {"connectorId": 1, "idTag": "TAG", "chargingProfile": profile}
            told = await bench.status("RemoteStartTransaction", start)
        else:
            assert await bench.status("RequestStopTransaction", stop) == "Accepted"
            profile = a_profile_201([(0, 7.0)], purpose="TxProfile")
            token = {"idToken": "TAG", "type": "Central"}
            start = {"evseId": 1, "idToken": token, "remoteStartId": 1, "chargingProfile": profile}
            told = await bench.status("RequestStartTransaction", start)
        assert told == ("Accepted" if name == "honest" else "Rejected")
        assert await bench.amperes() == (7.0 if name == "honest" else 0.0)


@both
async def test_one_says_it_can_and_cannot(version: str) -> None:
    async with simulated("no-smart-charging", version) as bench:
        assert await bench.put() == "NotSupported"
        if version == "1.6":
            told = await bench.gateway.ask("GetConfiguration", key=["SupportedFeatureProfiles"])
            assert "SmartCharging" in told["configurationKey"][0]["value"]
        else:
            asked = {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "Enabled"}}
            told = await bench.gateway.ask("GetVariables", getVariableData=[asked])
            assert told["getVariableResult"][0]["attributeValue"] == "true"


# What it does not answer


@both
async def test_one_never_answers_a_profile(version: str) -> None:
    async with simulated("mute-to-profiles", version) as bench:
        bench.gateway.connections["CP1"]._call_timeout_s = 0.1
        assert await bench.put() == ""
        bench.gateway.connections["CP1"]._call_timeout_s = WAIT_S
        assert await bench.clear(1) == "Unknown"


@both
async def test_one_never_answers_what_it_does_not_know(version: str) -> None:
    async with simulated("mute-to-unknown", version) as bench:
        bench.gateway.connections["CP1"]._call_timeout_s = 0.1
        assert (await bench.gateway.call("UnlockConnector", {})).ending is Ending.NO_ANSWER
        bench.gateway.connections["CP1"]._call_timeout_s = WAIT_S
        assert await bench.put() == "Accepted"


# What it says and does not do


@both
async def test_one_accepts_everything_and_does_nothing(version: str) -> None:
    async with simulated("does-nothing", version) as bench:
        assert await bench.put([(0, 6.0)], place=9, level=99) == "Accepted"
        assert await bench.put([(0, 6.0)]) == "Accepted"
        assert await bench.composite() == "Accepted"
        assert await bench.amperes() == 16.0
        assert [await bench.clear(1) for _ in range(3)] == ["Accepted"] * 3
        if version == "2.0.1":
            asked = {"requestId": 1, "chargingProfile": {"stackLevel": 1}}
            assert await bench.status("GetChargingProfiles", asked) == "Accepted"
            assert bench.gateway.said("ReportChargingProfiles") == []


@both
async def test_one_shows_profiles_and_ignores_them(version: str) -> None:
    async with simulated("ignores-profiles", version) as bench:
        assert await bench.put([(0, 6.0)]) == "Accepted"
        assert await bench.composite() == [(0, 6.0)]
        assert await bench.amperes() == 16.0


@both
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("wrong-composite", [(0, 16.0)]),
        ("no-composite", "Rejected"),
        ("missing-composite", "Accepted"),
        ("composite-not-rebased", [(0, 12.0), (900, 8.0)]),
        ("negative-composite", [(0, 12.0), (840, 8.0), (1740, -1.0)]),
        ("honest", [(0, 12.0), (840, 8.0), (1740, 16.0)]),
    ],
)
async def test_composite_schedules_lie_in_many_ways(version: str, name: str, told: object) -> None:
    async with simulated(name, version) as bench:
        assert await bench.put([(0, 12.0), (900, 8.0)], duration_s=1800) == "Accepted"
        assert await bench.composite() == told
        assert await bench.amperes() == 12.0


# How it reads


@both
@pytest.mark.parametrize(("name", "drawn_a"), [("offsets-as-utc", 16.0), ("honest", 6.0)])
async def test_an_offset_is_read_as_utc(version: str, name: str, drawn_a: float) -> None:
    async with simulated(name, version) as bench:
        # 18:59 at UTC+1 is a minute ago; read as UTC it is in an hour.
        assert await bench.put([(0, 6.0)], validFrom="2025-11-10T18:59:00+01:00") == "Accepted"
        assert await bench.amperes() == drawn_a


@both
async def test_amperes_are_read_as_the_total_of_all_phases(version: str) -> None:
    async with simulated("amperes-as-total", version) as bench:
        assert await bench.put([(0, 30.0)]) == "Accepted"
        assert await bench.amperes() == 10.0


@both
async def test_watts_are_spread_over_one_phase(version: str) -> None:
    async with simulated("phases-as-one", version) as bench:
        assert await bench.put([(0, 2300.0)], unit="W") == "Accepted"
        assert await bench.amperes() == 10.0  # on each of three phases: thrice the limit


@both
@pytest.mark.parametrize(("name", "drawn_a"), [("station-max-per-connector", 12.0), ("honest", 6.0)])
async def test_the_stations_maximum_is_given_to_every_connector(
    version: str, name: str, drawn_a: float
) -> None:
    two = [an_ac_connector(1), an_ac_connector(2)]
    async with simulated(name, version, connectors=two, vehicles=2) as bench:
        assert await bench.put([(0, 12.0)], place=0, purpose="station_max") == "Accepted"
        assert [await bench.amperes(place=1), await bench.amperes(place=2)] == [drawn_a, drawn_a]


# How it follows


@both
async def test_one_takes_a_minute_to_follow(version: str) -> None:
    async with simulated("slow-to-follow", version) as bench:
        assert await bench.put([(0, 6.0)]) == "Accepted"
        assert await bench.composite() == [(0, 6.0)]
        assert await bench.amperes() == 16.0
        bench.let_pass(59.0)
        assert await bench.amperes() == 16.0
        bench.let_pass(1.0)
        assert await bench.amperes() == 6.0


@both
async def test_a_new_default_does_not_reach_a_running_transaction(version: str) -> None:
    async with simulated("default-ignored-in-session", version) as bench:
        assert await bench.put([(0, 6.0)]) == "Accepted"
        assert await bench.amperes() == 16.0
        assert await bench.put([(0, 8.0)], purpose="transaction", profile_id=2) == "Accepted"
        assert await bench.amperes() == 8.0


@both
async def test_a_limit_of_0_ends_the_transaction(version: str) -> None:
    async with simulated("zero-ends-transaction", version) as bench:
        assert await bench.put([(0, 0.0)]) == "Accepted"
        if version == "1.6":
            assert (await bench.gateway.wait_for("StopTransaction"))["reason"] == "Other"
        else:
            ended = await bench.gateway.wait_for("TransactionEvent", eventType="Ended")
            assert ended["transactionInfo"]["stoppedReason"] == "Other"


# Lost connections and clocks


@both
@pytest.mark.parametrize(("name", "drawn_a"), [("forgets-on-reboot", 16.0), ("honest", 6.0)])
async def test_profiles_are_forgotten_in_a_reboot(version: str, name: str, drawn_a: float) -> None:
    async with simulated(name, version) as bench:
        assert await bench.put([(0, 6.0)]) == "Accepted"
        await bench.reset()
        assert await bench.amperes() == drawn_a


@both
@pytest.mark.parametrize(("name", "drawn_a"), [("forgets-on-disconnect", 16.0), ("honest", 6.0)])
async def test_profiles_are_forgotten_with_the_connection(version: str, name: str, drawn_a: float) -> None:
    async with simulated(name, version) as bench:
        assert await bench.put([(0, 6.0)]) == "Accepted"
        await bench.lose_connection()
        await bench.gateway.wait_for_socket(2)
        assert await bench.amperes() == drawn_a
        assert len(bench.gateway.said("BootNotification")) == 1


@both
async def test_one_says_nothing_when_it_comes_back(version: str) -> None:
    async with simulated("silent-on-reconnect", version) as bench:
        await bench.lose_connection()
        heard = len(bench.gateway.heard)
        await bench.gateway.wait_for_socket(2)
        await bench.amperes()  # the first that is heard of it, because it was asked
        assert [action for _, action, _ in bench.gateway.heard[heard:]] == ["MeterValues"]


@both
async def test_one_boots_whenever_it_comes_back(version: str) -> None:
    async with simulated("boots-on-reconnect", version) as bench:
        transaction_id = bench.transaction_id
        await bench.lose_connection()
        await bench.gateway.wait_for("BootNotification", count=2)
        assert await bench.amperes() == 16.0
        assert bench.transaction_id == transaction_id


async def test_old_meter_values_come_in_a_burst() -> None:
    async with simulated("replays-meter-values", "1.6") as bench:
        bench.machine.sample_meters(bench.clock())
        await bench.lose_connection()
        bench.let_pass(300.0)
        await bench.gateway.wait_for("MeterValues", count=6)
        told = [payload["meterValue"][0]["timestamp"] for payload in bench.gateway.said("MeterValues")]
        assert told == [stamp(60.0 * minute) for minute in range(6)]


async def test_a_transaction_is_told_later_in_201_whoever_it_is() -> None:
    async with simulated("replays-meter-values", "2.0.1") as bench:
        bench.machine.sample_meters(bench.clock())
        await bench.lose_connection()
        bench.let_pass(120.0)
        last = await bench.gateway.wait_for("TransactionEvent", offline=True, count=2)
        assert (last["timestamp"], last["triggerReason"]) == (stamp(120), "MeterValuePeriodic")


@both
async def test_a_clock_that_is_behind_begins_late(version: str) -> None:
    async with simulated("clock-behind", version) as bench:
        assert await bench.put([(0, 6.0)], start_s=-60.0) == "Accepted"
        assert await bench.amperes() == 16.0
        bench.let_pass(30.0)
        assert await bench.amperes() == 6.0
        assert bench.gateway.said("MeterValues")[-1]["meterValue"][0]["timestamp"] == stamp(-60.0)


# Others have a say


async def test_a_limit_from_outside_is_told_and_holds() -> None:
    async with simulated("external-limit", "2.0.1") as bench:
        told = await bench.gateway.wait_for("NotifyChargingLimit")
        assert told["chargingLimit"]["chargingLimitSource"] == "EMS"
        assert await bench.amperes() == 8.0
        bench.let_pass(900.0)
        await bench.gateway.wait_for("ClearedChargingLimit", chargingLimitSource="EMS")
        assert await bench.amperes() == 16.0


async def test_vehicles_tell_what_they_need() -> None:
    async with simulated("announces-needs", "2.0.1") as bench:
        told = await bench.gateway.wait_for("NotifyEVChargingNeeds")
        assert told["chargingNeeds"]["requestedEnergyTransfer"] == "AC_three_phase"
