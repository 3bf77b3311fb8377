"""What the store of a night comes to in the morning."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dispatch.events import StationEvent
from dispatch.evidence import Evidence, Rung, Verdict
from dispatch.morning import words
from dispatch.morning.incidents import Kind
from dispatch.morning.readiness import Basis, State
from dispatch.morning.report import MorningReport
from dispatch.station import Outcome
from optimiser.depot import Charger, Feeder
from tests.builders import a_depot, an_ac_connector, at
from tests.dispatch.dispatch_builders import a_profile
from tests.dispatch.morning_builders import (
    a_command,
    a_good_night,
    a_look,
    a_metered_session,
    a_planned_night,
    a_reading,
    a_session,
    an_override,
    booted,
    charging,
    connected,
    disconnected,
    facts_of,
    report_of,
)


def state_of(report: MorningReport, vehicle_id: str) -> State:
    return next(one.state for one in report.departures if one.visit.vehicle_id == vehicle_id)


def test_a_night_that_went_as_planned_is_ready_and_proven() -> None:
    report = report_of(a_good_night())
    assert [one.state for one in report.departures] == [State.READY, State.READY]
    assert [one.basis for one in report.departures] == [Basis.SOC, Basis.SOC]
    assert report.peaks[0].verdict is Verdict.CONFIRMED
    assert report.peaks[0].metered_kw == pytest.approx(2.0 + 11.04, abs=0.01)
    assert (report.gaps, report.incidents) == ((), ())
    assert report.is_ready_and_proven
    assert [headline.is_good for headline in words.headlines(report)] == [True] * 5


def test_what_was_drawn_is_paid_at_the_prices_of_the_night() -> None:
    report = report_of(a_good_night())
    assert report.spent.energy_kwh == pytest.approx(2 * 1.5 * 11.04)
    assert report.spent.energy == pytest.approx(2 * 1.5 * 11.04 * 0.30)
    assert report.spent.unknown_minutes == 0
    assert report.spent.demand == 0.0


def test_a_vehicle_that_tells_no_soc_is_judged_by_its_energy() -> None:
    facts = facts_of(events=[connected(), *a_metered_session(arrival_soc_percent=None)])
    report = report_of(facts)
    one = next(one for one in report.departures if one.visit.vehicle_id == "V1")
    assert (one.state, one.basis) == (State.READY, Basis.ENERGY)
    assert one.lowest_percent == pytest.approx(40.0 + 16.56 * 0.9 / 64.0 * 100.0)
    assert "by 16.6 kWh metered and 40 % expected on arrival" in words.departure_words(
        report.plan.horizon, one
    )


def test_a_vehicle_that_was_last_heard_of_in_the_evening_is_not_guessed_at() -> None:
    events = [connected(), *a_session(end=None), a_reading("19:31", soc_percent=46.0, power_kw=0.0)]
    report = report_of(facts_of(events=events))
    assert state_of(report, "V1") is State.CANNOT_TELL
    assert report.count(State.ABSENT) == 0  # CP2 was never connected: nobody can tell of V2 either
    assert not report.is_ready_and_proven


def test_a_vehicle_that_left_with_too_little_is_short_whatever_meters_leave_open() -> None:
    events = [connected(), *a_metered_session(minutes=30)]
    report = report_of(facts_of(events=events))
    one = next(one for one in report.departures if one.visit.vehicle_id == "V1")
    assert one.state is State.SHORT
    assert one.highest_percent is not None
    assert one.highest_percent < 60.0


def test_a_vehicle_that_never_plugged_in_at_a_charger_that_was_there_is_absent() -> None:
    report = report_of(facts_of(events=[connected(), connected("CP2"), *a_metered_session()]))
    assert state_of(report, "V2") is State.ABSENT


def test_a_vehicle_on_another_connector_is_known_by_its_tag() -> None:
    report = report_of(facts_of(events=[connected("CP2"), *a_metered_session("CP2")]))
    assert state_of(report, "V1") is State.READY
    assert not [incident for incident in report.incidents if incident.kind is Kind.STRANGER]


def test_a_stranger_is_told_of() -> None:
    events = [connected(), *a_session(vehicle_id=None, start="13:00", end="14:00")]
    (incident,) = [i for i in report_of(facts_of(events=events)).incidents if i.kind is Kind.STRANGER]
    assert incident.sentence == "a vehicle without tag was plugged in when none was planned"


def test_before_the_departure_a_vehicle_is_still_there() -> None:
    report = report_of(a_good_night(), now=at("21:00"))
    assert {one.state for one in report.departures} == {State.STILL_THERE}
    assert not report.is_over
    assert not report.is_ready_and_proven


def test_meters_above_the_limit_are_said_to_be() -> None:
    facts = a_good_night()
    site = replace(facts.plan.site, limit_kw=(10.0,) * 96)
    report = report_of(
        replace(facts, versions=(replace(facts.versions[0], plan=replace(facts.plan, site=site)),))
    )
    peak = report.peaks[0]
    assert peak.verdict is Verdict.CONTRADICTED
    assert len(peak.over) == 180
    assert words.peak(peak).text == "The site was above its limit for 3 h: 13.0 kW metered, 10.0 kW allowed."


def test_where_no_meter_tells_the_peak_is_bounded_by_what_is_proven() -> None:
    facts = a_good_night()
    heard = [event for event in facts.events if event.charger_id == "CP1"]
    report = report_of(replace(facts, events=(*heard, connected("CP2"), *a_session("CP2", vehicle_id="V2"))))
    peak = report.peaks[0]
    assert peak.verdict is Verdict.CONFIRMED
    assert peak.at_most_kw == pytest.approx(2.0 + 2 * 11.04)
    assert f"{peak.at_most_kw:.1f} kW at most by what is proven" in words.peak(peak).text
    assert [str(gap.place) for gap in report.gaps] == ["CP2/1"]


def test_turns_that_connectors_take_between_two_readings_do_not_add_up() -> None:
    one = a_planned_night()
    profiles = [((0, 16.0), (36000, 0.0)), ((0, 0.0), (36000, 16.0))]  # CP1 until 22:00, CP2 from then on
    commands = [
        a_command(
            f"CP{number}",
            number=number,
            profile=a_profile(profile_id=12, start=at("12:00"), limits=limits),
        )
        for number, limits in enumerate(profiles, start=1)
    ]
    events = [
        *(connected(charger) for charger in ("CP1", "CP2")),
        *a_session(),
        *a_session("CP2", vehicle_id="V2", transaction_id=2),
        a_reading("21:52", energy_kwh=1.0),
        a_reading("22:08", energy_kwh=1.0 + 11.04 * 8 / 60),
        a_reading("21:54", "CP2", transaction_id=2, energy_kwh=1.0),
        a_reading("22:10", "CP2", transaction_id=2, energy_kwh=1.0 + 11.04 * 10 / 60),
    ]
    report = report_of(facts_of(one, commands=commands, events=events))
    quarter = slice(9 * 60 + 52, 10 * 60 + 10)
    assert report.course.metered_kw[quarter].max() == pytest.approx(11.04, abs=0.01)


def test_a_refusal_that_ended_well_is_told_and_needs_nobody() -> None:
    commands = [
        a_command(outcome=Outcome.REFUSED, reason="Rejected", number=1, time="17:00"),
        a_command(outcome=Outcome.REFUSED, reason="Rejected", number=2, time="17:01"),
        a_command(number=3, time="17:02"),
    ]
    report = report_of(facts_of(commands=commands, evidence=[a_look(time="17:03")]))
    (incident,) = report.incidents
    assert incident.kind is Kind.REFUSED
    assert incident.sentence == "refused its plan 2 times: Rejected, and took it in the end"
    assert not incident.needs_a_person
    assert words.incident_time(report.plan.horizon, incident) == "17:00 to 17:02"
    assert report.climbs[0].is_proven


def test_a_command_during_which_the_dispatcher_ended_is_said_to_be_open() -> None:
    report = report_of(facts_of(commands=[a_command(outcome=None)]))
    (incident,) = report.incidents
    assert "nobody knows what came of it" in incident.sentence
    assert incident.needs_a_person
    assert report.climbs[0].steps[Rung.ACCEPTED].verdict is Verdict.CANNOT_TELL


def test_a_read_back_from_before_the_last_profile_proves_nothing_of_it() -> None:
    commands = [a_command(number=1), a_command(number=2, time="20:00")]
    step = report_of(facts_of(commands=commands, evidence=[a_look()])).climbs[0].steps[Rung.READ_BACK]
    assert step.verdict is Verdict.CANNOT_TELL
    assert step.detail == "not read back since the last profile was accepted"


def test_a_meter_that_showed_too_much_for_a_while_is_one_incident_with_its_end() -> None:
    looks = [
        a_look(time="18:00", rung=Rung.METERED, verdict=Verdict.CONTRADICTED, detail="11.04 kW drawn"),
        a_look(time="18:15", rung=Rung.METERED, verdict=Verdict.CONTRADICTED, detail="11.04 kW drawn"),
        a_look(time="18:30", rung=Rung.METERED),
    ]
    (incident,) = report_of(facts_of(evidence=looks)).incidents
    assert incident.sentence == "draws more than it is allowed (2 looks): 11.04 kW drawn"
    assert (incident.at, incident.until, incident.needs_a_person) == (at("18:00"), at("18:30"), False)


def test_absences_and_boots_are_told_with_their_time() -> None:
    events = [
        connected(),
        booted(time="12:00"),
        *a_session(),
        disconnected(time="01:00"),
        connected(time="01:20"),
        booted(time="01:20", firmware="2.0"),
        disconnected(time="07:00"),
    ]
    away, boot, gone = report_of(facts_of(events=events)).incidents
    assert away.sentence == "was away for 20 min: the socket was closed"
    assert boot.sentence.startswith(
        "said that it has started anew, with firmware 2.0 instead of 1.0 while a vehicle"
    )
    assert (gone.sentence, gone.needs_a_person) == (
        "lost its connection and did not come back: the socket was closed",
        True,
    )


def test_a_charger_that_comes_and_goes_is_told_of_once() -> None:
    events = [connected(), *(e for h in range(5) for e in _flap(f"0{h}"))]
    (incident,) = report_of(facts_of(events=events)).incidents
    assert incident.sentence == "lost its connection 5 times, 25 min together"


def _flap(hour: str) -> list[StationEvent]:
    return [disconnected(time=f"{hour}:10"), connected(time=f"{hour}:15")]


def test_what_an_audit_removed_is_told() -> None:
    look = a_look(rung=Rung.ACCEPTED, detail="removing profile 999: removed")
    (incident,) = report_of(facts_of(evidence=[look])).incidents
    assert (incident.kind, incident.sentence) == (Kind.CLEARED, "an audit removed profile 999: removed")


def test_a_re_plan_says_who_got_more_and_who_paid_with_what() -> None:
    before = a_planned_night()
    moved = a_planned_night(power_kw={"V1": charging(minutes=180), "V2": charging(start="02:00")})
    after = replace(moved, created_at=at("19:31"), warnings=("V1 had 8 % instead of 40 % at 19:31",))
    report = report_of(facts_of(before, after, commands=[an_override()], events=a_session()))
    (version,) = report.versions
    assert [share.visit.vehicle_id for share in version.gains] == ["V1"]
    assert version.gains[0].more_kwh == pytest.approx(1.5 * 11.04 * 0.9)
    assert [share.visit.vehicle_id for share in version.pays] == ["V2"]
    one = next(one for one in report.departures if one.visit.vehicle_id == "V1")
    assert words.planned_words(one) == "63 %, then 87 %"
    said = list(words.version_words(report.plan.horizon, version, "EUR"))
    assert said[0] == "Rest of the night planned again at 19:31: V1 had 8 % instead of 40 % at 19:31."
    assert said[2] == "V2 pays with time: 16.6 kWh come at another time."
    (override,) = report.overrides
    assert words.override_words(report.plan.horizon, override) == (
        "V1 at CP1/1: sent at 19:00 until Tue 07:42; accepted"
    )
    (incident,) = [incident for incident in report.incidents if incident.kind is Kind.REPLAN]
    assert incident.at == at("19:31")


def test_each_step_shows_the_plan_that_was_in_force_then() -> None:
    before = a_planned_night()
    moved = a_planned_night(power_kw={"V1": charging(start="23:00"), "V2": charging(start="02:00")})
    report = report_of(facts_of(before, replace(moved, created_at=at("22:30"))))
    powers = report.planned_kw[[40, 41, 42, 44, 48, 56]]
    assert powers == pytest.approx([11.04, 11.04, 0.0, 11.04, 11.04, 11.04])


def test_a_register_that_was_set_anew_tells_no_energy() -> None:
    events = [
        connected(),
        *a_session(end=None),
        a_reading("18:00", energy_kwh=500.0),
        a_reading("18:10", energy_kwh=0.0),
        a_reading("18:20", energy_kwh=1.0),
    ]
    report = report_of(facts_of(events=events), now=at("18:30"))
    assert report.spent.energy_kwh == pytest.approx(1.0)
    assert report.spent.unknown_minutes == pytest.approx(5 + 10 + 10)


def test_samples_of_power_are_summed_where_no_register_is_told() -> None:
    samples = [a_reading(f"18:{minute:02}", power_kw=6.0) for minute in range(0, 60, 10)]
    report = report_of(
        facts_of(events=[connected(), *a_session(meter_start_kwh=7.0), *samples]), now=at("18:50")
    )
    assert report.spent.energy_kwh == pytest.approx(5.0)
    assert report.course.metered_kw.max() == pytest.approx(6.0)


def test_an_override_of_a_session_that_nobody_can_name_is_told_all_the_same() -> None:
    refused = replace(
        an_override(transaction_id=9), outcome=Outcome.REFUSED, reason="Rejected", at=at("12:30")
    )
    (override,) = report_of(facts_of(commands=[refused])).overrides
    assert words.override_words(a_planned_night().horizon, override) == (
        "a vehicle that nobody can name at CP1/1: sent at 12:30 until Tue 07:42; refused: Rejected"
    )


def test_a_plan_from_after_its_night_is_that_of_a_rehearsal() -> None:
    later = replace(a_planned_night(), created_at=at("12:00") + timedelta(days=300))
    assert report_of(facts_of(later)).planned_kw.max() == pytest.approx(11.04)


def test_chargers_that_are_gone_together_are_one_incident_and_none_once_everybody_has_left() -> None:
    names = [f"CP{number}" for number in range(1, 6)]
    events = [event for name in names for event in (connected(name), disconnected(name, time="08:00"))]
    (incident,) = report_of(facts_of(events=events)).incidents
    assert incident.where == "5 chargers"
    assert incident.sentence == (
        "lost their connections together (CP1, CP2, CP3, CP4, CP5): the socket was closed; none came back"
    )
    assert not incident.needs_a_person


@pytest.mark.parametrize(
    ("evidence", "event", "most_kw"),
    [
        ([a_look(time="17:01")], None, 0.0),
        ([], None, 11.04),
        ([a_look(time="17:01", verdict=Verdict.CANNOT_TELL)], None, 11.04),
        ([a_look(time="17:01"), a_look(time="20:00", verdict=Verdict.CONTRADICTED)], None, 11.04),
        ([a_look(time="17:01")], booted(time="20:00"), 11.04),
        ([a_look(time="17:01")], disconnected(time="20:00"), 11.04),
        ([a_look(time="17:01"), a_look(time="20:05")], booted(time="20:00"), 0.0),
    ],
    ids=["proven", "accepted", "cannot tell", "contradicted", "booted", "away", "proven again"],
)
def test_what_was_accepted_counts_only_as_long_as_it_is_proven(
    evidence: list[Evidence], event: StationEvent | None, most_kw: float
) -> None:
    nothing = a_profile(profile_id=12, start=at("12:00"), limits=((0, 0.0),))
    events = [*a_session(), *([event] if event is not None else [])]
    facts = facts_of(commands=[a_command(profile=nothing)], evidence=evidence, events=events)
    report = report_of(facts)
    other_kw = 11.04  # CP2, of which nothing is known
    assert report.course.at_most_kw[9 * 60] == pytest.approx(other_kw + most_kw)  # at 21:00


def test_a_feeder_has_a_peak_of_its_own_and_phases_are_said_to_be_unknown() -> None:
    feeders = [Feeder(id="north", limit_kw=10.0, limit_per_phase_a=63.0), Feeder(id="south", limit_kw=30.0)]
    chargers = [
        Charger(id=f"CP{number}", feeder=feeder.id, connectors=(an_ac_connector(),))
        for number, feeder in enumerate(feeders, start=1)
    ]
    depot = a_depot(feeders=feeders, chargers=chargers)
    report = report_of(a_good_night(), depot=depot)
    assert [(peak.name, peak.verdict) for peak in report.peaks] == [
        ("site", Verdict.CONFIRMED),
        ("feeder north", Verdict.CONTRADICTED),
        ("feeder south", Verdict.CONFIRMED),
    ]
    assert not report.is_ready_and_proven
    assert "limits per phase" in " ".join(words.gap_lines(report))


def test_between_sparse_readings_a_charger_that_forgot_may_have_drawn_more_than_their_mean() -> None:
    allowed = a_profile(profile_id=12, start=at("12:00"), limits=((0, 6.0),))
    readings = [a_reading("22:00", energy_kwh=1.0), a_reading("22:15", energy_kwh=1.0 + 4.14 / 4)]
    events = [connected(), *a_session(end=None), *readings, booted(time="22:05")]
    evidence = [a_look(time="17:01"), a_look(time="22:07")]
    facts = facts_of(commands=[a_command(profile=allowed)], evidence=evidence, events=events)
    course = report_of(facts, now=at("22:15")).course
    minute = 10 * 60
    assert course.metered_kw[minute : minute + 15] == pytest.approx([4.14] * 15)
    other_kw = 11.04  # CP2, of which nothing is known
    proven_kw, unproven_kw = other_kw + 4.14, other_kw + 11.04
    assert course.at_most_kw[minute + 2] == pytest.approx(proven_kw)
    assert course.at_most_kw[minute + 5 : minute + 7] == pytest.approx([unproven_kw] * 2)
    assert course.at_most_kw[minute + 8] == pytest.approx(proven_kw)
