"""What a planner calls from Python: the morning after a night, as tables and a picture.

Only tells what :class:`~dispatch.morning.report.MorningReport` knows, in the words of :mod:`dispatch.morning.words`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dispatch.evidence import Rung
from dispatch.morning import words
from dispatch.morning.loading import load_report
from dispatch.morning.readiness import Departure
from dispatch.morning.report import MorningReport
from dispatch.morning.versions import Share
from optimiser.display import Card, Printed
from optimiser.sentences import clock

if TYPE_CHECKING:
    from optimiser.load_chart import Picture

METERED, PLANNED, UNPLANNED = "metered", "planned", "plug-and-charge"
"""The rows of :meth:`Morning.costs`."""


def load_morning(
    folder: str | Path,
    night: date | str | None = None,
    *,
    store: str | None = None,
    now: datetime | None = None,
) -> Morning:
    """What came of a night, from its journal alone; of the night that contains now unless one is named.

    ``store`` is the URL of the journal, that of ``depot.yaml`` unless given: that of a rehearsed night, say. What is
    later than ``now`` is not looked at. Asks no charger and writes nothing; ``depot report`` makes a page of the same.

    Raises :class:`optimiser.inputs.InputError` where the folder cannot be read or no plan of the night is stored.

    With the ``store`` of the example in ``help(rehearse)``:

    >>> from dispatch import load_morning
    >>> morning = load_morning("data/parcel-12", "2025-11-10", store=store)
    >>> morning
    Morning after the night of 2025-11-10 at parcel-12
      ✓  All 12 departures were ready.
      ...
    """
    return Morning(report=load_report(Path(folder), night, now=now or datetime.now(UTC), store=store))


@dataclass(frozen=True, kw_only=True, repr=False)
class Morning(Printed):
    """What is known of a night on the morning after: from commands, read-backs, meters and events, never guessed.

    In the examples ``morning`` is that of the example in ``help(load_morning)``. Times are the depot's.

    >>> morning.report.is_ready_and_proven
    False
    """

    report: MorningReport

    def departures(self) -> pd.DataFrame:
        """One row per departure, in their order: its ``state``, what is ``known`` of it, and ``told``.

        ``*_percent`` are SoC; ``planned`` as the night was begun and ``replanned`` as it ended. ``lowest`` and ``highest``
        bound the SoC it left with; ``drawn_kwh`` is grid side. ``told`` is what was last said of it during the night.

        >>> morning.departures()["state"].value_counts().to_dict()
        {'ready': 12}
        """
        local = self.report.plan.horizon.local
        return pd.DataFrame(
            {
                "departure": local(one.visit.departure),
                "vehicle": one.visit.vehicle_id,
                "charger": one.visit.charger_id,
                "connector": one.visit.connector_id,
                "state": one.state.value,
                "required_soc_percent": one.visit.required_soc_percent,
                "planned_soc_percent": one.first.planned_soc_percent,
                "replanned_soc_percent": one.visit.planned_soc_percent,
                "lowest_soc_percent": one.lowest_percent,
                "highest_soc_percent": one.highest_percent,
                "drawn_kwh": one.drawn_kwh,
                "known": words.departure_words(self.report.plan.horizon, one),
                "told": self._told(one),
            }
            for one in self.report.departures
        )

    def evidence(self) -> pd.DataFrame:
        """One row per connector: how far up the ladder it is proven, each rung with its mark and time.

        ✓ confirmed, ✗ contradicted, ? cannot be told, – not reached. ``why`` says what is wrong.

        >>> ladder = morning.evidence()
        >>> ladder.loc[~ladder["proven"], ["connector", "why"]].to_numpy().tolist()
        [['CP08/1', 'accepted: override: Rejected']]
        """
        horizon = self.report.plan.horizon
        return pd.DataFrame(
            {
                "connector": str(climb.place),
                "vehicles": ", ".join(climb.vehicle_ids),
                **{words.RUNG_NAMES[rung]: words.rung_words(horizon, climb.steps[rung]) for rung in Rung},
                "proven": climb.is_proven,
                "why": words.climb_words(climb),
            }
            for climb in self.report.climbs
        )

    def incidents(self) -> pd.DataFrame:
        """What went wrong, in the order of time: ``needs_a_person`` is what nothing tells to have mended itself.

        >>> found = morning.incidents()
        >>> found.loc[found["kind"] == "reboot", "where"].tolist()
        ['CP05']
        """
        horizon = self.report.plan.horizon
        rows = [
            (
                words.incident_time(horizon, one),
                one.kind.value,
                one.where,
                one.sentence,
                one.needs_a_person,
            )
            for one in self.report.incidents
        ]
        return pd.DataFrame(rows, columns=["when", "kind", "where", "what", "needs_a_person"])

    def overrides(self) -> pd.DataFrame:
        """The running sessions that were given a profile of their own: how often, and what came of the last.

        >>> morning.overrides().loc[0, ["vehicle", "outcome"]].tolist()
        ['V003', 'accepted']
        """
        local = self.report.plan.horizon.local
        columns = ["vehicle", "connector", "first", "last", "sent", "outcome", "reason"]
        rows = [
            (
                one.vehicle_id,
                str(one.place),
                local(one.first_at.replace(microsecond=0)),
                local(one.last_at.replace(microsecond=0)),
                one.count,
                None if one.outcome is None else one.outcome.value,
                one.reason,
            )
            for one in self.report.overrides
        ]
        return pd.DataFrame(rows, columns=columns)

    def payments(self) -> pd.DataFrame:
        """Who got more and who paid for it, each time the rest of the night was planned again.

        ``more_kwh`` is battery side, below 0 for who pays with energy; ``later_kwh`` comes at another time, grid side:
        who pays with time alone gives up nothing. ``soc_percent`` is what it is to leave with, before and after.

        >>> paid = morning.payments()
        >>> paid.loc[0, ["vehicle", "part"]].tolist()
        ['V003', 'gets']
        """
        columns = [
            "planned_at",
            "vehicle",
            "part",
            "more_kwh",
            "later_kwh",
            "soc_percent_before",
            "soc_percent",
        ]
        rows = [
            self._payment(version.at, part, share)
            for version in self.report.versions
            for part, shares in (("gets", version.gains), ("pays", version.pays))
            for share in shares
        ]
        return pd.DataFrame(rows, columns=columns)

    def costs(self) -> pd.DataFrame:
        """Energy drawn [kWh, grid side], its cost, demand charge and the site's peak [kW]: metered, planned, unplanned.

        Missing is what cannot be told. Where a meter was silent, ``metered`` is the least that it can have been.

        >>> morning.costs()["peak_kw"].round(0).to_dict()
        {'metered': 25.0, 'planned': 24.0, 'plug-and-charge': 50.0}
        """
        spent, base = self.report.spent, self.report.base
        other = self.report.plan.baseline or base.baseline
        hours = base.horizon.step_h
        rows: dict[str, dict[str, Any]] = {
            METERED: {
                "energy_kwh": spent.energy_kwh,
                "energy_cost": spent.energy,
                "demand_cost": spent.demand,
                "peak_kw": self.report.peaks[0].metered_kw,
            },
            PLANNED: {
                "energy_kwh": words.planned_kwh(self.report),
                "energy_cost": base.cost.energy,
                "demand_cost": base.cost.demand,
                "peak_kw": base.peak_kw,
            },
            UNPLANNED: {
                "energy_kwh": sum(other["charging_kw"]) * hours if "charging_kw" in other else None,
                "energy_cost": other.get("cost", {}).get("energy"),
                "demand_cost": other.get("cost", {}).get("demand"),
                "peak_kw": other.get("peak_kw"),
            },
        }
        return pd.DataFrame.from_dict(rows, orient="index").astype(float)

    def plot(self) -> Picture:
        """What was planned, allowed and metered over the night against the limit [kW], the price below.

        Hatched is what no meter tells: the most that it can have been.

        >>> [axes.get_ylabel() for axes in morning.plot().axes]
        ['kW', 'EUR/kWh']
        """
        from dispatch.morning.picture import night_picture  # noqa: PLC0415 matplotlib, only for who wants a picture

        return night_picture(self.report)

    def _told(self, one: Departure) -> str:
        """What was last told of a vehicle when the rest of the night was planned again."""
        told = [
            sentence
            for version in self.report.versions
            for sentence in version.because
            if sentence.startswith(f"{one.visit.vehicle_id} ")
        ]
        return told[-1] if told else ""

    def _payment(self, at: datetime, part: str, share: Share) -> tuple[Any, ...]:
        return (
            self.report.plan.horizon.local(at),
            share.visit.vehicle_id,
            part,
            share.more_kwh,
            share.later_kwh,
            share.before.planned_soc_percent,
            share.visit.planned_soc_percent,
        )

    def _card(self) -> Card:
        report = self.report
        horizon = report.plan.horizon
        rows = tuple(
            (
                clock(horizon, one.visit.departure),
                one.visit.vehicle_id,
                f"{words.STATE_MARKS[one.state]} {one.state}",
                words.departure_words(horizon, one),
            )
            for one in report.departures
        )
        return Card(
            title=f"Morning after the night of {report.plan.night} at {report.plan.depot}",
            facts=tuple(_marked(words.headlines(report))),
            headers=("leaves", "vehicle", "state", "what is known"),
            rows=rows,
            more="departures()",
        )


def _marked(headlines: Iterable[words.Headline]) -> Iterable[tuple[str, str]]:
    return (("✓" if headline.is_good else "▲", headline.text) for headline in headlines)
