"""What holds for every combination of changes, on every night and every draw of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.sweep import Values, prepare
from optimiser.sweep.changes import read_changes
from optimiser.sweep.outcome import Outcome, outcome
from tests.nights import depots, nights

CHANGES: dict[str, tuple[Values, ...]] = {
    "vehicles": (0, 1, 3, 7),
    "site.transformer_limit_kw": (0, 8, 100),
    "site.reserve_kw": (0, 3, 200),
    "tariff.demand_charge_per_kw": (0, 20),
    "policy.secure_against_forgetful": (0, 1, 5),
    "feeders.*.limit_kw": (0, 10),
    "feeders.*.limit_per_phase_a": (0, 10),
    "chargers.*": ("keep", "drop"),
    "chargers.CP1": ("drop",),
    "chargers.*.max_current_a": (0, 5, 32),
    "chargers.*.max_kw": (0, 20),
    "vehicles.*": ("keep", "drop"),
    "vehicles.*.battery_kwh": (1, 100),
    "vehicles.*.max_ac_current_a": (0, 6, 40),
    "vehicles.V1.max_dc_kw": (0, 50),
    "visits.*.late_minutes": (0, 30, 1440),
    "visits.*.arrival_soc_percent": (0, 100),
    "visits.*.required_soc_percent": (0, 100),
}


@st.composite
def uncertain_nights(draw: st.DrawFn, depot: Depot) -> Night:
    """Nights of every kind whose arrivals spread as well."""
    night = draw(nights(depot))
    visits = tuple(
        replace(
            visit,
            arrival_sd_minutes=draw(st.sampled_from([0.0, 60.0, 600.0])),
            arrival_soc_sd_percent=draw(st.sampled_from([0.0, 30.0])),
        )
        for visit in night.visits
    )
    return replace(night, visits=visits)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),
)
@given(st.data())
def test_every_combination_has_a_plan_that_breaks_no_rule(data: st.DataObject) -> None:
    depot = data.draw(depots())
    night = data.draw(uncertain_nights(depot))
    keys = data.draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=4, unique=True))
    wanted = {key: data.draw(st.sampled_from(CHANGES[key])) for key in keys}
    # What reaches nothing in this depot is refused, and no part of this.
    changes = {
        key: value for key, value in wanted.items() if not read_changes({key: value}, depot, [night])[1]
    }

    sweep = prepare(depot, night, changes, seeds=1)
    for combination in sweep.combinations:
        found = outcome(sweep.work, combination)
        assert isinstance(found, Outcome), found
        assert 0 <= found.ready <= found.departures
