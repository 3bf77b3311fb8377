"""What a little more of everything would be worth on a night, as values: a table, and a price for each step.

Knows how that is written down and shown; :mod:`optimiser.valuation` works it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from optimiser.display import Card, Printed
from optimiser.horizon import Horizon

if TYPE_CHECKING:
    import pandas as pd

What = Literal["transformer", "feeder", "charger", "stay"]

KINDS: tuple[tuple[What, str], ...] = (
    ("transformer", "1 kW"),
    ("feeder", "1 kW or 1 A"),
    ("charger", "1 kW"),
    ("stay", "1 h"),
)

HEADERS = ("more of", "by", "saves", "saves shortfall of", "")

TOLD_OF_A_KIND = 5
"""Rows of a kind that are shown before it is said how many more there are."""

SHOWN_MONEY = 0.005
SHOWN_KWH = 0.05
"""Less than these would be shown as nothing."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What one more ``unit`` of something saves: 1 kW, 1 A on each phase, or a stay that is 1 h longer.

    ``money`` with what every visit leaves with unchanged, and ``shortfall_kwh`` of priority-weighted shortfall, which
    comes before money where anybody is short; both seen by solving the night again with one more, and None where that
    was not done for want of time. ``price`` and ``price_kwh`` are the same per unit for a very little more, from the
    duals of the optimum; for a stay, the most that it can be. ``is_unique`` says whether a very little less costs just
    as much: where it is not, the optimum stands on an edge, and the price holds for more only.
    """

    what: What
    name: str
    unit: str
    money: float | None
    price: float
    shortfall_kwh: float | None = 0.0
    price_kwh: float = 0.0
    is_unique: bool = True

    @property
    def most_money(self) -> float:
        """The money it saves, or the most that it can be. [currency]"""
        return self.price if self.money is None else self.money

    @property
    def most_kwh(self) -> float:
        """The shortfall it saves, or the most that it can be. [kWh, priority-weighted]"""
        return self.price_kwh if self.shortfall_kwh is None else self.shortfall_kwh

    @property
    def matters(self) -> bool:
        """Whether there is anything to show."""
        return self.most_money >= SHOWN_MONEY or self.most_kwh >= SHOWN_KWH


@dataclass(frozen=True, kw_only=True, repr=False)
class Worth(Printed):
    """What one more kW of transformer, of each feeder and charger, and one more hour of each stay are worth.

    ``prices`` per step: for each limit what a kW (an A on each phase) more in that step alone would save [currency].
    All of it is of the linear program, without the steps of chargers.
    """

    currency: str
    horizon: Horizon
    gains: tuple[Gain, ...]
    prices: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def told(self) -> list[tuple[str, ...]]:
        """A row, see :data:`HEADERS`, for what matters most of each kind, and one for how many more there are."""
        rows: list[tuple[str, ...]] = []
        for what, unit in KINDS:
            mattering = [gain for gain in self.gains if gain.what == what and gain.matters]
            mattering.sort(key=lambda gain: (gain.money is None, -gain.most_kwh, -gain.most_money))
            rows += [tuple(self._row(gain)) for gain in mattering[:TOLD_OF_A_KIND]]
            if len(mattering) > TOLD_OF_A_KIND:
                rows.append((f"… and {len(mattering) - TOLD_OF_A_KIND} more {what}s", unit, "", "", ""))
        return rows

    def _row(self, gain: Gain) -> Iterator[str]:
        most = "at most " if gain.money is None else ""
        yield gain.name
        yield f"1 {gain.unit}"
        yield f"{most}{gain.most_money:,.2f} {self.currency}" if gain.most_money >= SHOWN_MONEY else ""
        yield f"{most}{gain.most_kwh:,.1f} kWh" if gain.most_kwh >= SHOWN_KWH else ""
        yield "" if gain.is_unique else "one less costs more than this"

    def _card(self) -> Card:
        rows = self.told()
        nothing = (("nothing", "no limit, charger or stay holds the night back"),)
        return Card(
            title="What more would be worth",
            facts=tuple((row[0], ", ".join(part for part in row[1:] if part)) for row in rows) or nothing,
            headers=HEADERS,
            rows=tuple(rows),
            numbers=frozenset({2, 3}),
            more="to_frame() has all",
        )

    def to_frame(self) -> pd.DataFrame:
        """One row for everything, also what is worth nothing; see :class:`Gain`.

        >>> import optimiser as opt
        >>> depot = opt.load_depot("data/parcel-12")
        >>> plan = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
        >>> frame = plan.worth().to_frame()
        >>> frame["what"].value_counts().to_dict()
        {'charger': 12, 'stay': 12, 'transformer': 1}
        """
        import pandas as pd  # noqa: PLC0415 half a second that only those who want a frame wait for

        return pd.DataFrame([asdict(gain) for gain in self.gains])

    def to_document(self) -> dict[str, Any]:
        """For ``plan.json``."""
        return {
            "gains": [asdict(gain) for gain in self.gains],
            "prices": {name: list(prices) for name, prices in self.prices.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], *, currency: str, horizon: Horizon) -> Worth:
        """The worth of a plan's document."""
        return cls(
            currency=currency,
            horizon=horizon,
            gains=tuple(Gain(**gain) for gain in document["gains"]),
            prices={name: tuple(prices) for name, prices in document["prices"].items()},
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Valued(Printed):
    """A plan that can say what more would be worth: ``valued`` where that is known, else who to ask."""

    valued: Worth | None = None
    asked: Callable[[], Worth] | None = field(default=None, compare=False)

    def worth(self) -> Worth:
        """What one more kW of transformer, feeder or charger and one more hour of a stay would be worth tonight.

        Worked out when asked for: the night is solved again some times. Raises :class:`LookupError` for a plan read
        from a file that does not say; ``opt.worth(depot, night)`` works it out for any night.

        >>> import optimiser as opt
        >>> depot = opt.load_depot("data/parcel-12")
        >>> plan = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
        >>> sorted({gain.unit for gain in plan.worth().gains})
        ['h', 'kW']
        """
        if self.valued is not None:
            return self.valued
        if self.asked is None:
            raise LookupError(
                "this plan was read from a file: opt.worth(depot, night) works out what more is worth"
            )
        return self.asked()

    def worth_document(self) -> dict[str, Any]:
        """The key of the worth in a plan's document; none where it has not been worked out."""
        return {} if self.valued is None else {"worth": self.valued.to_document()}


def worth_of(document: Mapping[str, Any], horizon: Horizon) -> Worth | None:
    """The worth in a plan's document; None where it has not been worked out."""
    if "worth" not in document:
        return None
    return Worth.from_document(document["worth"], currency=document["cost"]["currency"], horizon=horizon)
