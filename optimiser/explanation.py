"""Why vehicles leave short and what would help, as values: said once in words, stored in the plan, shown everywhere.

Knows how an explanation is written down; :mod:`optimiser.explain` finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from optimiser.display import Card, Printed, counted

TOLD_AT_MOST = 5
"""Shortages that a terminal shows before it says how many more there are."""

CUT_SHORT = "Not every change could be tried in time; there may be others, or smaller ones."
"""What is said where :attr:`Explanation.is_cut_short`."""

Kind = Literal["limit", "departure", "connector", "priority", "required_soc", "earliest_start"]


@dataclass(frozen=True, kw_only=True)
class Span:
    """From ``start`` to ``end``, which is not in it; UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Binding:
    """A limit that keeps a vehicle from drawing more, and when: its own connector, a feeder, the transformer …"""

    limit: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """One visit that leaves short.

    ``shortfall_kwh`` is battery side; ``unreachable_kwh`` is the part of it that the visit would miss also alone
    in the depot, for its own time and power. ``text`` says it all to a person.
    """

    vehicle_id: str
    charger_id: str
    connector_id: int
    departure: datetime
    shortfall_kwh: float
    unreachable_kwh: float
    bindings: tuple[Binding, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Fix:
    """One change after which ``vehicle_ids`` leave ready; that was seen by planning the night again with it.

    ``amount`` in ``unit``: "kW" or "A" more at each of ``limits``, which is used within ``span``; "min" that
    ``vehicle_ids`` leave later, or may be charged earlier than a rule says; the "priority" they are given. A connector is ``charger_id`` and
    ``connector_id``. ``required_soc_percent`` has what is asked of each vehicle instead. ``then_short_kwh`` are
    those who leave with less than before, and with how much too little.
    """

    kind: Kind
    vehicle_ids: tuple[str, ...]
    text: str
    amount: float = 0.0
    unit: str = ""
    limits: tuple[str, ...] = ()
    span: Span | None = None
    charger_id: str = ""
    connector_id: int = 0
    required_soc_percent: Mapping[str, float] | None = None
    then_short_kwh: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Explanation(Printed):
    """Why a night leaves vehicles short, and the smallest changes that would help; empty where nobody is short.

    ``fixes`` were each verified by planning again. Those of one kind are alternatives, the smallest found.
    ``is_cut_short``: the night is so large, or so many are short, that not every change was tried.
    """

    shortages: tuple[Shortage, ...] = ()
    fixes: tuple[Fix, ...] = ()
    is_cut_short: bool = False

    def _card(self) -> Card:
        if not self.shortages:
            return Card(title="Every vehicle leaves ready: nothing to explain")
        return Card(
            title=f"{counted(len(self.shortages), 'departure')} short",
            facts=self.told(),
            headers=("vehicles that leave ready", "kind", "what helps"),
            rows=tuple((", ".join(fix.vehicle_ids), fix.kind, fix.text) for fix in self.fixes),
        )

    def told(self) -> tuple[tuple[str, str], ...]:
        """Why, for those who miss the most, and what helps: a word that says which, and a text."""
        rest = len(self.shortages) - TOLD_AT_MOST
        return (
            *(("why", shortage.text) for shortage in self.shortages[:TOLD_AT_MOST]),
            *([("why", f"… and {counted(rest, 'more departure')}")] if rest > 0 else []),
            *(("helps", fix.text) for fix in self.fixes),
            *([("helps", self.note)] if self.note else []),
        )

    @property
    def note(self) -> str:
        """What to know of the changes as a whole; empty where they are all there are."""
        return CUT_SHORT if self.is_cut_short else ""

    def to_document(self) -> dict[str, Any]:
        """For ``plan.json``; instants in UTC."""

        def plain(value: Any) -> Any:
            if isinstance(value, datetime):
                return value.isoformat()
            if isinstance(value, Mapping):
                return {name: plain(held) for name, held in value.items() if held not in (None, "")}
            return [plain(held) for held in value] if isinstance(value, list | tuple) else value

        return {
            "shortages": [plain(asdict(shortage)) for shortage in self.shortages],
            "fixes": [plain(asdict(fix)) for fix in self.fixes],
            "is_cut_short": self.is_cut_short,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Explanation:
        """The explanation of a plan's document; empty for none."""

        def span(stored: Mapping[str, str]) -> Span:
            return Span(start=_instant(stored["start"]), end=_instant(stored["end"]))

        return cls(
            shortages=tuple(
                Shortage(
                    **stored
                    | {
                        "departure": _instant(stored["departure"]),
                        "bindings": tuple(
                            Binding(limit=each["limit"], spans=tuple(map(span, each["spans"])))
                            for each in stored["bindings"]
                        ),
                    }
                )
                for stored in document.get("shortages", ())
            ),
            fixes=tuple(
                Fix(
                    **stored
                    | {"vehicle_ids": tuple(stored["vehicle_ids"]), "limits": tuple(stored["limits"])}
                    | ({"span": span(stored["span"])} if "span" in stored else {})
                )
                for stored in document.get("fixes", ())
            ),
            is_cut_short=document.get("is_cut_short", False),
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Explained(Printed):
    """A plan that says why vehicles leave short: ``explanation`` is empty where nobody does."""

    explanation: Explanation = Explanation()

    def explain(self) -> Explanation:
        """Which limit keeps whom short when, and the smallest changes that help; each was planned to make sure.

        >>> import optimiser as opt
        >>> depot = opt.load_depot("data/parcel-12")
        >>> opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10")).explain()
        Every vehicle leaves ready: nothing to explain
        """
        return self.explanation

    def explanation_document(self) -> dict[str, Any]:
        """The key of the explanation in a plan's document; none where nobody is short."""
        return {"explanation": self.explanation.to_document()} if self.explanation.shortages else {}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
