"""Who stands on which connector, and who needs an override."""

from __future__ import annotations

from datetime import datetime

from dispatch.floors import targets
from dispatch.layers import Target
from dispatch.occupants import occupants, strangers, wirings, with_overrides, with_telematics
from dispatch.safety import Place
from dispatch.station import (
    ChargerState,
    ConnectorState,
    LiveState,
    MeterReading,
    Purpose,
    StationProfile,
    Transaction,
    VehicleReading,
)
from tests.builders import a_depot, a_night, a_van, a_visit, at
from tests.dispatch.dispatch_builders import a_plan, a_profile, seconds

DEPOT = a_depot(vehicles=[a_van("V1"), a_van("V2", ac_phases=1)])
VISITS = [a_visit("V1"), a_visit("V2", charger_id="CP2")]
NIGHT = a_night(DEPOT, visits=VISITS)
PLAN = a_plan(DEPOT, NIGHT, power_kw={"V1": {40: 6.9}, "V2": {40: 3.68}})
CP1, CP2 = Place("CP1", 1), Place("CP2", 1)
STARTED = at("18:00")


def a_live_state(
    *,
    id_tag: str | None = "TAG-V2",
    charger_id: str = "CP2",
    now: datetime | None = None,
    soc_percent: float | None = None,
    metered_after_s: float = 60,
) -> LiveState:
    meter = MeterReading(
        at=STARTED + seconds(metered_after_s),
        received_at=STARTED + seconds(metered_after_s),
        soc_percent=soc_percent,
    )
    transaction = Transaction(transaction_id=7, id_tag=id_tag, started_at=STARTED)
    connector = ConnectorState(connector_id=1, transaction=transaction, meter=meter)
    state = ChargerState(charger_id=charger_id, connected_since=STARTED, connectors=(connector,))
    return LiveState(now=now or at("20:00"), chargers=(state,))


def test_a_vehicle_is_told_by_its_tag_in_any_case() -> None:
    found = occupants(DEPOT, PLAN, a_live_state(id_tag="tag-v2"))
    assert list(found) == [CP2]
    assert found[CP2].vehicle.id == "V2"
    assert found[CP2].visit == PLAN.visits[1]


def test_a_vehicle_on_another_connector_than_planned_has_no_visit_there() -> None:
    found = occupants(DEPOT, PLAN, a_live_state(id_tag="TAG-V1"))
    assert (found[CP2].vehicle.id, found[CP2].visit) == ("V1", None)


def test_an_unknown_tag_is_taken_for_the_planned_visit_while_it_is_due() -> None:
    for id_tag in ("SOMEBODY", None):
        assert occupants(DEPOT, PLAN, a_live_state(id_tag=id_tag))[CP2].vehicle.id == "V2"
    assert occupants(DEPOT, PLAN, a_live_state(id_tag=None, now=at("17:00"))) == {}
    assert occupants(DEPOT, PLAN, a_live_state(id_tag=None, now=at("08:00"))) == {}


def test_who_shows_an_unknown_tag_long_before_the_planned_visit_is_a_stranger() -> None:
    early = a_live_state(id_tag="SOMEBODY", now=at("20:00"))
    visits = [a_visit("V1"), a_visit("V2", charger_id="CP2", arrival="19:30")]
    plan = a_plan(DEPOT, a_night(DEPOT, visits=visits))
    assert occupants(DEPOT, plan, early) == {}
    assert strangers(DEPOT, plan, early) == [CP2]
    assert strangers(DEPOT, PLAN, early) == []


def test_a_vehicle_that_stands_elsewhere_is_not_taken_for_who_stands_in_its_bay() -> None:
    elsewhere, here = a_live_state(id_tag="TAG-V2", charger_id="CP1"), a_live_state(id_tag=None)
    both = here.model_copy(update={"chargers": (*elsewhere.chargers, *here.chargers)})
    assert {place: one.vehicle.id for place, one in occupants(DEPOT, PLAN, both).items()} == {CP1: "V2"}
    assert strangers(DEPOT, PLAN, both) == [CP2]


def test_telematics_tell_a_vehicle_where_no_tag_does() -> None:
    told = VehicleReading(vehicle_id="V1", at=at("19:50"), soc_percent=30, charger_id="CP2", connector_id=1)
    live = a_live_state(id_tag=None).model_copy(update={"vehicles": (told,)})
    assert occupants(DEPOT, PLAN, live)[CP2].vehicle.id == "V1"
    old = told.model_copy(update={"at": at("17:50")})
    before = a_live_state(id_tag=None).model_copy(update={"vehicles": (old,)})
    assert occupants(DEPOT, PLAN, before)[CP2].vehicle.id == "V2"


def test_who_shows_a_tag_that_nobody_knows_counts_on_every_phase() -> None:
    found = wirings(DEPOT, occupants(DEPOT, PLAN, a_live_state(id_tag="SOMEBODY")))
    assert found[CP2].vehicle_phases is None
    assert wirings(DEPOT, occupants(DEPOT, PLAN, a_live_state(id_tag=None)))[CP2].vehicle_phases == 1


def test_a_soc_counts_only_if_it_was_told_in_this_transaction() -> None:
    assert occupants(DEPOT, PLAN, a_live_state(soc_percent=30.0))[CP2].soc_percent == 30.0
    old = a_live_state(soc_percent=30.0, metered_after_s=-60)
    assert occupants(DEPOT, PLAN, old)[CP2].soc_percent is None


def test_a_known_vehicle_is_counted_on_its_own_phases() -> None:
    found = wirings(DEPOT, occupants(DEPOT, PLAN, a_live_state()))
    assert (found[CP1].vehicle_phases, found[CP2].vehicle_phases) == (None, 1)


def test_the_freshest_soc_counts_whoever_tells_it() -> None:
    def soc_percent(told_at: str, *, own_percent: float | None) -> float | None:
        told = VehicleReading(vehicle_id="V2", at=at(told_at), soc_percent=55.0)
        live = a_live_state(soc_percent=own_percent).model_copy(update={"vehicles": (told,)})
        found = occupants(DEPOT, PLAN, with_telematics(live, occupants(DEPOT, PLAN, live)))
        return found[CP2].soc_percent

    # The session began at 18:00, and the charger's meter was read a minute later.
    assert soc_percent("19:00", own_percent=None) == 55.0
    assert soc_percent("19:00", own_percent=30.0) == 55.0
    assert soc_percent("18:00", own_percent=30.0) == 30.0
    assert soc_percent("17:00", own_percent=None) is None


def overridden(
    *, base_kw: float = 3.68, installed: dict[Place, list[StationProfile]] | None = None
) -> dict[Place, Target]:
    base = a_plan(DEPOT, NIGHT, power_kw={"V1": {40: 6.9}, "V2": {40: base_kw}})
    found = with_overrides(
        targets(DEPOT, PLAN),
        occupants(DEPOT, PLAN, a_live_state()),
        installed or {},
        depot=DEPOT,
        plan=PLAN,
        base=base,
    )
    return {target.place: target for target in found}


def test_a_running_transaction_gets_an_override_where_a_re_plan_changed_its_powers() -> None:
    found = overridden(base_kw=0.0)
    assert found[CP2].override is not None
    assert found[CP1].override is None
    assert overridden()[CP2].override is None


def test_an_override_that_is_there_is_kept_up_to_date() -> None:
    override = a_profile(profile_id=13, purpose=Purpose.TX, transaction_id=7)
    assert overridden(installed={CP2: [override]})[CP2].override is not None
    of_another = a_profile(profile_id=13, purpose=Purpose.TX, transaction_id=6)
    assert overridden(installed={CP2: [of_another]})[CP2].override is None
