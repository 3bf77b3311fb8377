"""Chargers that forget their limits and wake at full power: how many at once the site can stand, and what if all do.

With any k of them awake the site draws Σ p + Σ over the k worst chargers of (full power − p). Said as rows that
are linear in the powers: for every choice of k chargers, what the others draw ≤ limit − full power of the k.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from optimiser.depot import Charger, Connector, Depot, Feeder
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.units import current_a_from_kw, kw_from_current_a

PHASES = ("L1", "L2", "L3")
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class AllAwake:
    """What all chargers below a limit draw at full power, and what the limit leaves them at any time of the year.

    ``feeder_id`` is None at the transformer, ``phase`` where the limit is on all of them.
    ``carries_base_load``: base load and reserve are taken off what is left.
    """

    feeder_id: str | None
    phase: str | None
    carries_base_load: bool
    most_kw: float
    left_kw: float


def all_awake(depot: Depot) -> Iterator[AllAwake]:
    """The transformer, every feeder with a limit, and every phase of a feeder that has one: most against left.

    Base load and reserve count at the transformer and at feeders that hang on it, as the highest of the year.
    """
    volt, taken_kw = depot.site.voltage_v, depot.site.reserve_kw + depot.site.base_load_max_kw
    yield AllAwake(
        feeder_id=None,
        phase=None,
        carries_base_load=True,
        most_kw=sum(connector.full_power_kw(volt) for _, connector in depot.connectors()),
        left_kw=depot.site.transformer_limit_kw - taken_kw,
    )
    for feeder in depot.feeders:
        below = [pair for pair in depot.connectors() if feeder.id in depot.feeder_path(pair[0])]
        beside_kw = taken_kw if feeder.parent is None else 0.0
        if feeder.limit_kw is not None:
            most_kw = sum(connector.full_power_kw(volt) for _, connector in below)
            yield AllAwake(
                feeder_id=feeder.id,
                phase=None,
                carries_base_load=feeder.parent is None,
                most_kw=most_kw,
                left_kw=feeder.limit_kw - beside_kw,
            )
        if feeder.limit_per_phase_a is not None:
            left_a = feeder.limit_per_phase_a - current_a_from_kw(beside_kw, phases=3, voltage_v=volt)
            yield from _phases_awake(feeder, below, left_a=left_a, voltage_v=volt)


def _phases_awake(
    feeder: Feeder, below: list[tuple[Charger, Connector]], *, left_a: float, voltage_v: float
) -> Iterator[AllAwake]:
    for phase in PHASES:
        most_a = 0.0
        for _, connector in below:
            if connector.is_dc:
                full_kw = connector.full_power_kw(voltage_v)
                most_a += current_a_from_kw(full_kw, phases=3, voltage_v=voltage_v)
            elif not connector.phase_map or phase in connector.phase_map:
                most_a += connector.max_current_a
        yield AllAwake(
            feeder_id=feeder.id,
            phase=phase,
            carries_base_load=feeder.parent is None,
            most_kw=kw_from_current_a(most_a, phases=1, voltage_v=voltage_v),
            left_kw=kw_from_current_a(left_a, phases=1, voltage_v=voltage_v),
        )


@dataclass(frozen=True, kw_only=True)
class Security:
    """What holds so that ``forgetful`` chargers may wake at once.

    ``full_kw`` (C, 1): what each charger draws when it has forgotten its limit, all its connectors together;
    every charger counts, also where no visit is planned. ``charger`` (V,): the charger of each visit.
    ``is_counted`` (V,): not so for a visit that is part of a burden. ``kept_kw`` (C, T): what burdens and visits outside
    the problem draw. ``limit_kw`` (T,): what chargers may draw in all; infinite in steps where not even a depot at
    rest would be secure.
    """

    forgetful: int
    full_kw: FloatArray
    charger: IntArray
    is_counted: npt.NDArray[np.bool_]
    kept_kw: FloatArray
    limit_kw: FloatArray

    def drawn_kw(self, power_kw: FloatArray) -> FloatArray:
        """What powers (V, T) are per charger, shape (C, T)."""
        drawn_kw = self.kept_kw.copy()
        np.add.at(drawn_kw, self.charger, self.is_counted[:, None] * power_kw)
        return drawn_kw

    def worst_kw(self, power_kw: FloatArray) -> FloatArray:
        """What the site's chargers draw, shape (T,), when those wake that add the most."""
        drawn_kw = self.drawn_kw(power_kw)
        more_kw = np.sort(self.full_kw - drawn_kw, axis=0)[::-1][: self.forgetful]
        worst_kw: FloatArray = drawn_kw.sum(axis=0) + more_kw.sum(axis=0)
        return worst_kw

    def broken(self, power_kw: FloatArray, tolerance_kw: float) -> Iterator[tuple[int, IntArray]]:
        """The steps in which the limit would be passed, each with the chargers whose waking does it."""
        more_kw = self.full_kw - self.drawn_kw(power_kw)
        for step in np.flatnonzero(self.worst_kw(power_kw) > self.limit_kw + tolerance_kw):
            yield int(step), np.argsort(-more_kw[:, step], kind="stable")[: self.forgetful]

    def most_kw(self, step: int, awake: IntArray) -> float:
        """What the visits of all other chargers may draw together in a step while these are awake."""
        asleep = np.ones(len(self.full_kw), dtype=np.bool_)
        asleep[awake] = False
        left_kw = self.limit_kw[step] - self.full_kw[awake].sum() - self.kept_kw[asleep, step].sum()
        return max(0.0, float(left_kw))

    def headroom_kw(self, drawn_kw: FloatArray, charger: int) -> FloatArray:
        """How much more one charger may draw in every step, shape (T,), where chargers draw ``drawn_kw`` (C, T).

        More power of a charger that would wake adds nothing; so what counts are the k worst of the others.
        """
        others_kw = np.delete(self.full_kw - drawn_kw, charger, axis=0)
        count = min(self.forgetful, len(others_kw))
        worst_kw = np.partition(others_kw, len(others_kw) - count, axis=0)[len(others_kw) - count :]
        headroom_kw: FloatArray = self.limit_kw - drawn_kw.sum(axis=0) - worst_kw.sum(axis=0)
        return headroom_kw

    def beside(self, committed_kw: FloatArray, free: npt.NDArray[np.bool_]) -> Security:
        """The same for the visits with ``free`` (V,) alone, beside powers (V, T) that the others keep."""
        kept_kw = self.kept_kw.copy()
        np.add.at(kept_kw, self.charger[~free], self.is_counted[~free, None] * committed_kw[~free])
        return replace(self, charger=self.charger[free], is_counted=self.is_counted[free], kept_kw=kept_kw)


def security(depot: Depot, night: Night) -> Security | None:
    """What ``policy.secure_against_forgetful`` asks of a night; None where it asks for nothing."""
    forgetful = min(depot.policy.secure_against_forgetful, len(depot.chargers))
    if forgetful == 0:
        return None
    number = {charger.id: row for row, charger in enumerate(depot.chargers)}
    volt = depot.site.voltage_v
    full_kw = np.array(
        [[sum(c.full_power_kw(volt) for c in charger.connectors)] for charger in depot.chargers]
    )
    limit_kw = night.site_limit_kw - night.base_load_kw - depot.site.reserve_kw
    kept_kw = np.zeros((len(depot.chargers), night.horizon.steps))
    for (charger_id, _), burden_kw in night.burden_kw.items():
        kept_kw[number[charger_id]] += burden_kw
    least_kw = kept_kw.sum(axis=0) + np.sort(full_kw - kept_kw, axis=0)[::-1][:forgetful].sum(axis=0)
    is_burden = [(visit.charger_id, visit.connector_id) in night.burden_kw for visit in night.visits]
    return Security(
        forgetful=forgetful,
        full_kw=full_kw,
        charger=np.array([number[visit.charger_id] for visit in night.visits], dtype=np.int64),
        is_counted=~np.array(is_burden, dtype=np.bool_),
        kept_kw=kept_kw,
        limit_kw=np.where(least_kw <= limit_kw, limit_kw, np.inf),
    )


def forgetful_warnings(depot: Depot, night: Night, power_kw: FloatArray) -> list[str]:
    """One sentence if ``policy.secure_against_forgetful`` cannot be had in some steps; else none."""
    wanted = security(depot, night)
    if wanted is None or np.isfinite(wanted.limit_kw).all():
        return []
    limit_kw = night.site_limit_kw - night.base_load_kw - depot.site.reserve_kw
    excess_kw = np.where(np.isfinite(wanted.limit_kw), 0.0, wanted.worst_kw(power_kw) - limit_kw)
    worst = int(np.argmax(excess_kw))
    at = night.horizon.local(night.horizon.starts()[worst])
    who = (
        "a charger that forgets its limit"
        if wanted.forgetful == 1
        else f"{wanted.forgetful} chargers that forget their limits"
    )
    asked = depot.policy.secure_against_forgetful
    sentence = (
        f"{who} would bring the site {excess_kw[worst]:.1f} kW above its limit at {at:%H:%M}, and would even if "
        f"nothing were charged: the plan cannot be secured against it (policy.secure_against_forgetful: {asked})"
    )
    return [sentence]
