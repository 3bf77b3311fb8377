"""What the building is taken to draw from now on: what was forecast, or more where the site's meter shows more. Pure."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from dispatch.station import LiveState
from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.plan import Plan

STALE = timedelta(seconds=90)
"""An older reading of the site's meter says nothing of now."""

BELIEVED_WHOLE = timedelta(hours=1)
"""For so long from now on an excess over the forecast is expected to stay as it was measured."""

FADES_BY = timedelta(hours=3)
"""From then on it is expected to fade, evenly, and to be gone so long from now."""

METERS_OLDEST = timedelta(minutes=20)
"""How old a connector's power may be to be taken from what the whole site draws."""

GRAIN_KW = 0.1
"""An excess counts in whole grains, rounded up: a flicker of the meter is no reason to plan again. [kW]"""


def believed_base_load_kw(depot: Depot, night: Night, live: LiveState) -> FloatArray:
    """Base load per step for the whole night (T,): the forecast, and on top of it the excess that is measured now. [kW]

    The excess is believed whole for :data:`BELIEVED_WHOLE` from now on, then less and less until :data:`FADES_BY`;
    every reading begins that anew. Less than the forecast is not believed: a limit is never lifted by it.

    Where there was a reading and it is older than :data:`STALE`, or what the chargers take of it is not known, nobody
    sees what the building draws: then the most that it is known for (``site.base_load_max_kw``) and the last reading
    count as if they had been measured now. A site that never had a reading has its forecast.
    """
    forecast_kw = night.base_load_kw
    if live.site is None:
        return forecast_kw
    position = night.horizon.position(live.now)
    if not 0 <= position < night.horizon.steps:
        return forecast_kw
    measured_kw, measured_at = measured_base_load_kw(live), live.site.at
    if measured_kw is None:
        told_kw = live.site.base_load_kw or 0.0
        measured_kw, measured_at = max(depot.site.base_load_max_kw, told_kw), live.now
    # What was measured a minute ago is held against the forecast of a minute ago.
    then = min(max(0, int(night.horizon.position(measured_at))), night.horizon.steps - 1)
    excess_kw = measured_kw - float(forecast_kw[then])
    if excess_kw <= 0:
        return forecast_kw
    excess_kw = GRAIN_KW * np.ceil(excess_kw / GRAIN_KW - 1e-9)
    after_s = (np.arange(night.horizon.steps) - position) * night.horizon.step_s
    whole_s, gone_s = BELIEVED_WHOLE.total_seconds(), FADES_BY.total_seconds()
    share = np.clip((gone_s - after_s) / (gone_s - whole_s), 0.0, 1.0)
    # The current step has begun before now; what is over is left as it was forecast.
    share[: int(position)] = 0.0
    believed_kw: FloatArray = forecast_kw + excess_kw * share
    return believed_kw


def measured_base_load_kw(live: LiveState) -> float | None:
    """What the building draws now by the site's meter; None where nobody can tell. [kW]

    A meter of the whole site shows the chargers as well: what their own meters show is taken from it.
    """
    reading = live.site
    if reading is None or live.now - reading.at > STALE:
        return None
    if reading.base_load_kw is not None:
        return reading.base_load_kw
    assert reading.site_kw is not None
    charging_kw = 0.0
    for charger in live.chargers:
        for connector in charger.connectors:
            if connector.transaction is None:
                continue
            meter = connector.meter
            if meter is None or meter.power_kw is None or live.now - meter.at > METERS_OLDEST:
                return None
            charging_kw += meter.power_kw
    return max(0.0, reading.site_kw - charging_kw)


class SiteWatch:
    """Says when the site's meter calls for a tick: it shows more than the plan reckons with, or has fallen silent."""

    def __init__(self) -> None:
        self._alarm: object = None

    def looked(self, live: LiveState, plan: Plan | None) -> tuple[object, ...]:
        """What calls for a tick when it changes; ``plan`` is what the last tick came to."""
        if live.site is None or plan is None:
            return ()
        measured_kw = measured_base_load_kw(live)
        position = plan.horizon.position(live.site.at)
        is_within = 0 <= position < plan.horizon.steps
        if measured_kw is not None and is_within:
            reckoned_kw = plan.site.base_load_kw[int(position)]
            if measured_kw > reckoned_kw + GRAIN_KW:
                self._alarm = live.site.at
        return (live.now - live.site.at > STALE, self._alarm)
