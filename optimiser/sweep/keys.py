"""The keys of a what-if: what can be changed of a depot and its nights, within which bounds, and what it does to both.

A change never touches what it is asked of: it gives another depot and another night. An id may be ``*``: all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from optimiser.depot import Charger, Connector, Depot
from optimiser.night import Night, Visit
from optimiser.sweep.values import DROP, KEEP, Value

Scene = tuple[Depot, Night]
Apply = Callable[[Depot, Night, str, Value], Scene]
ALL = "*"


@dataclass(frozen=True, kw_only=True)
class Key:
    """A kind of change: ``template`` with ID for a name, numbers from ``lower`` to ``upper``, or drop and keep.

    ``touches`` counts what a name reaches, in depot and night: a change that reaches nothing is a mistake.
    """

    template: str
    about: str
    apply: Apply
    touches: Callable[[Depot, Night, str], int]
    lower: float = 0.0
    upper: float = 0.0
    whole: bool = False
    drops: bool = False

    @property
    def root(self) -> str:
        """What stands before the first dot."""
        return self.template.partition(".")[0]

    @property
    def field(self) -> str:
        """What stands after the name, or after the root where there is no name."""
        return self.template.rpartition(".")[2] if self.template.count(".") else ""

    @property
    def named(self) -> bool:
        """Whether it takes a name."""
        return ".ID" in self.template

    @property
    def allowed(self) -> str:
        """The values that it takes, for people."""
        if self.drops:
            return f"{DROP} or {KEEP} ({self.about})"
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.lower:g} to {self.upper:g} ({self.about})"

    def fits(self, value: Value) -> bool:
        """Whether it takes this value."""
        if isinstance(value, str) or self.drops:
            return self.drops and value in {DROP, KEEP}
        return self.lower <= value <= self.upper and (not self.whole or float(value).is_integer())


def _limit(depot: Depot, night: Night, _name: str, value: Value) -> Scene:
    """Another transformer limit; a lower cap of tonight stays, and one that was above the old limit comes back."""
    cap_kw = np.inf if night.site_cap_kw is None else night.site_cap_kw
    freed_kw = np.where(night.site_limit_kw >= depot.site.transformer_limit_kw, cap_kw, night.site_limit_kw)
    site = replace(depot.site, transformer_limit_kw=float(value))
    return replace(depot, site=site), replace(night, site_limit_kw=np.minimum(freed_kw, float(value)))


def _reserve(depot: Depot, night: Night, _name: str, value: Value) -> Scene:
    return replace(depot, site=replace(depot.site, reserve_kw=float(value))), night


def _demand_charge(depot: Depot, night: Night, _name: str, value: Value) -> Scene:
    return replace(depot, tariff=replace(depot.tariff, demand_charge_per_kw=float(value))), night


def _peak_so_far(depot: Depot, night: Night, _name: str, value: Value) -> Scene:
    return replace(depot, tariff=replace(depot.tariff, peak_so_far_kw=float(value))), night


def _forgetful(depot: Depot, night: Night, _name: str, value: Value) -> Scene:
    return replace(depot, policy=replace(depot.policy, secure_against_forgetful=int(value))), night


def _readiness(depot: Depot, night: Night, _name: str, value: Value) -> Scene:
    return replace(depot, policy=replace(depot.policy, readiness=float(value))), night


def _feeder(field: str) -> Apply:
    def apply(depot: Depot, night: Night, name: str, value: Value) -> Scene:
        other: dict[str, Any] = {field: float(value)}
        feeders = tuple(
            replace(feeder, **other) if name in {ALL, feeder.id} else feeder for feeder in depot.feeders
        )
        return replace(depot, feeders=feeders), night

    return apply


def _connectors(change: Callable[[Connector], Connector]) -> Callable[[Depot, str], Depot]:
    def changed(depot: Depot, name: str) -> Depot:
        chargers = tuple(
            replace(charger, connectors=tuple(change(connector) for connector in charger.connectors))
            if name in {ALL, charger.id}
            else charger
            for charger in depot.chargers
        )
        return replace(depot, chargers=chargers)

    return changed


def _current(depot: Depot, night: Night, name: str, value: Value) -> Scene:
    def change(connector: Connector) -> Connector:
        return connector if connector.is_dc else replace(connector, max_current_a=float(value))

    return _connectors(change)(depot, name), night


def _power(depot: Depot, night: Night, name: str, value: Value) -> Scene:
    def change(connector: Connector) -> Connector:
        return replace(connector, max_kw=float(value)) if connector.is_dc else connector

    return _connectors(change)(depot, name), night


def _charger_down(depot: Depot, night: Night, name: str, value: Value) -> Scene:
    """A maximum of 0 means "cannot": who stands there stays there, and is counted as not ready."""
    if value == KEEP:
        return depot, night
    return _connectors(lambda c: replace(c, max_current_a=0.0, max_kw=0.0))(depot, name), night


def _vehicle(field: str) -> Apply:
    def apply(depot: Depot, night: Night, name: str, value: Value) -> Scene:
        other: dict[str, Any] = {field: float(value)}
        vehicles = tuple(
            replace(vehicle, **other) if name in {ALL, vehicle.id} else vehicle for vehicle in depot.vehicles
        )
        return replace(depot, vehicles=vehicles), night

    return apply


def _vehicle_away(depot: Depot, night: Night, name: str, value: Value) -> Scene:
    if value == KEEP:
        return depot, night
    return _only(depot, night, [vehicle.id for vehicle in depot.vehicles if name not in {ALL, vehicle.id}])


def _only(depot: Depot, night: Night, names: Iterable[str]) -> Scene:
    staying = frozenset(names)
    vehicles = tuple(vehicle for vehicle in depot.vehicles if vehicle.id in staying)
    visits = tuple(visit for visit in night.visits if visit.vehicle_id in staying)
    return replace(depot, vehicles=vehicles), replace(night, visits=visits)


def _fleet(depot: Depot, night: Night, _name: str, value: Value) -> Scene:
    """So many vehicles: the last ones stay away, or the first ones come again, with chargers of their own."""
    count, present = int(value), len(depot.vehicles)
    if count <= present:
        return _only(depot, night, [vehicle.id for vehicle in depot.vehicles[:count]])
    vehicles, visits, chargers = list(depot.vehicles), list(night.visits), list(depot.chargers)
    for number in range(present, count):
        again, model = number // present, depot.vehicles[number % present]
        vehicles.append(replace(model, id=_copy(model.id, again), id_tag=_copy(model.id_tag, again)))
        for visit in night.visits:
            if visit.vehicle_id == model.id:
                copied = _copied(depot.charger(visit.charger_id), again)
                if copied not in chargers:
                    chargers.append(copied)
                visits.append(replace(visit, vehicle_id=_copy(model.id, again), charger_id=copied.id))
    grown = replace(depot, vehicles=tuple(vehicles), chargers=tuple(chargers))
    return grown, replace(night, visits=tuple(visits))


def _copied(charger: Charger, again: int) -> Charger:
    return replace(charger, id=_copy(charger.id, again))


def _copy(name: str, again: int) -> str:
    return f"{name}+{again}"


def _visits(change: Callable[[Visit, float, Night], Visit]) -> Apply:
    def apply(depot: Depot, night: Night, name: str, value: Value) -> Scene:
        visits = tuple(
            change(visit, float(value), night) if name in {ALL, visit.vehicle_id} else visit
            for visit in night.visits
        )
        return depot, replace(night, visits=visits)

    return apply


def _late(visit: Visit, minutes: float, night: Night) -> Visit:
    """Later, and never after it is gone: at the latest a minute before it leaves, or before the night ends."""
    latest = min(visit.departure, night.horizon.end) - timedelta(minutes=1)
    arrival = min(visit.arrival + timedelta(minutes=minutes), latest)
    return replace(visit, arrival=max(arrival, visit.arrival))


def _arrives_with(visit: Visit, soc_percent: float, _night: Night) -> Visit:
    return replace(visit, arrival_soc_percent=soc_percent)


def _leaves_with(visit: Visit, soc_percent: float, _night: Night) -> Visit:
    return replace(visit, required_soc_percent=soc_percent)


def _always(_depot: Depot, _night: Night, _name: str) -> int:
    return 1


def _count_feeders(depot: Depot, _night: Night, name: str) -> int:
    return sum(name in {ALL, feeder.id} for feeder in depot.feeders)


def _count_vehicles(depot: Depot, _night: Night, name: str) -> int:
    return sum(name in {ALL, vehicle.id} for vehicle in depot.vehicles)


def _count_visits(_depot: Depot, night: Night, name: str) -> int:
    return sum(name in {ALL, visit.vehicle_id} for visit in night.visits)


def _count_connectors(*kinds: bool) -> Callable[[Depot, Night, str], int]:
    def count(depot: Depot, _night: Night, name: str) -> int:
        return sum(c.is_dc in kinds for charger, c in depot.connectors() if name in {ALL, charger.id})

    return count


MOST_KW = 100_000.0

KEYS: Sequence[Key] = (
    Key(template="vehicles", about="how many vehicles there are: the last ones left out, or the first ones once more on "
        "chargers of their own", apply=_fleet, touches=_always, upper=10_000, whole=True),
    Key(template="site.transformer_limit_kw", about="what transformer or grid connection can carry [kW]",
        apply=_limit, touches=_always, upper=MOST_KW),
    Key(template="site.reserve_kw", about="part of the limit that is never planned [kW]",
        apply=_reserve, touches=_always, upper=MOST_KW),
    Key(template="tariff.demand_charge_per_kw", about="price of each kW beyond peak_so_far_kw [currency/kW]",
        apply=_demand_charge, touches=_always, upper=100_000),
    Key(template="tariff.peak_so_far_kw", about="highest peak that the billing period already has [kW]",
        apply=_peak_so_far, touches=_always, upper=MOST_KW),
    Key(template="policy.secure_against_forgetful", about="chargers that may wake at full power at once",
        apply=_forgetful, touches=_always, upper=10_000, whole=True),
    Key(template="policy.readiness", about="share of departures that are to be ready, however they come",
        apply=_readiness, touches=_always, lower=0.01, upper=0.9999),
    Key(template="feeders.ID.limit_kw", about="what it can carry [kW]",
        apply=_feeder("limit_kw"), touches=_count_feeders, upper=MOST_KW),
    Key(template="feeders.ID.limit_per_phase_a", about="what each of its phases can carry [A]",
        apply=_feeder("limit_per_phase_a"), touches=_count_feeders, upper=100_000),
    Key(template="chargers.ID.max_current_a", about="highest current per phase of its AC connectors [A]",
        apply=_current, touches=_count_connectors(False), upper=2000),
    Key(template="chargers.ID.max_kw", about="highest power of its DC connectors [kW]",
        apply=_power, touches=_count_connectors(True), upper=10_000),
    Key(template="vehicles.ID.battery_kwh", about="usable battery [kWh]",
        apply=_vehicle("battery_kwh"), touches=_count_vehicles, lower=0.1, upper=10_000),
    Key(template="vehicles.ID.max_ac_current_a", about="highest current per phase that it takes [A]",
        apply=_vehicle("max_ac_current_a"), touches=_count_vehicles, upper=2000),
    Key(template="vehicles.ID.max_dc_kw", about="highest power that it takes at a DC connector [kW]",
        apply=_vehicle("max_dc_kw"), touches=_count_vehicles, upper=10_000),
    Key(template="visits.ID.late_minutes", about="how much later that vehicle arrives [min]",
        apply=_visits(_late), touches=_count_visits, upper=1440),
    Key(template="visits.ID.arrival_soc_percent", about="state of charge at that vehicle's arrival [%]",
        apply=_visits(_arrives_with), touches=_count_visits, upper=100),
    Key(template="visits.ID.required_soc_percent", about="state of charge that vehicle leaves with [%]",
        apply=_visits(_leaves_with), touches=_count_visits, upper=100),
    Key(template="chargers.ID", about="out of order, or as it is", apply=_charger_down,
        touches=_count_connectors(False, True), drops=True),
    Key(template="vehicles.ID", about="away with its visits, or as it is", apply=_vehicle_away,
        touches=_count_vehicles, drops=True),
)  # fmt: skip
"""Every key, in the order in which changes are made: the fleet first, so that ``*`` is all of it, drops last."""
