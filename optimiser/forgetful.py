"""What happens if chargers forget their limits and wake at full power: how far above its limit the site would be."""

from __future__ import annotations

import numpy as np

from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.night import Night


def excess_kw(depot: Depot, night: Night, power_kw: FloatArray, *, forgetful: int) -> FloatArray:
    """How far the site passes its limit, less reserve, if the worst so many chargers draw all they can.

    ``power_kw`` (visits, steps) is what is planned; shape of the result (steps,), 0 where the limit holds. Every
    charger counts as one that may forget, also where no visit is planned.
    """
    planned: dict[tuple[str, int], FloatArray] = {
        (charger.id, connector.id): np.zeros(night.horizon.steps) for charger, connector in depot.connectors()
    }
    for row, visit in enumerate(night.visits):
        planned[visit.charger_id, visit.connector_id] = (
            planned[visit.charger_id, visit.connector_id] + power_kw[row]
        )
    more_kw = np.array(
        [
            sum(
                connector.full_power_kw(depot.site.voltage_v) - planned[charger.id, connector.id]
                for connector in charger.connectors
            )
            for charger in depot.chargers
        ]
    )
    worst_kw = np.sort(more_kw, axis=0)[::-1][:forgetful].sum(axis=0)
    taken_kw = power_kw.sum(axis=0) + night.base_load_kw + depot.site.reserve_kw
    excess: FloatArray = np.clip(taken_kw + worst_kw - night.site_limit_kw, 0.0, None)
    return excess


def forgetful_warnings(depot: Depot, night: Night, power_kw: FloatArray) -> list[str]:
    """One sentence if ``policy.secure_against_forgetful`` is more than the plan can stand; else none."""
    forgetful = min(depot.policy.secure_against_forgetful, len(depot.chargers))
    if forgetful == 0:
        return []
    excess = excess_kw(depot, night, power_kw, forgetful=forgetful)
    worst = int(np.argmax(excess))
    if excess[worst] <= 1e-6:
        return []
    at = night.horizon.local(night.horizon.starts()[worst])
    who = (
        "a charger that forgets its limit"
        if forgetful == 1
        else f"{forgetful} chargers that forget their limits"
    )
    asked = depot.policy.secure_against_forgetful
    sentence = (
        f"{who} would bring the site {excess[worst]:.1f} kW above its limit at {at:%H:%M}: "
        f"the plan is not secured against it (policy.secure_against_forgetful: {asked})"
    )
    return [sentence]
