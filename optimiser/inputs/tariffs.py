"""What may stand under ``tariff`` in ``depot.yaml``: its keys, and the checks of bands and windows side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from optimiser import tariff as money
from optimiser.inputs.files import Folder, shown_value
from optimiser.inputs.keys import Door, EndOfBand, Id, Kw, PerKwh, TimeOfDay, minute_of, wrong
from optimiser.inputs.trees import Tree, items_of, mapping_of, part_of

WEEKDAYS: tuple[tuple[money.Days, int], ...] = (("weekdays", 0), ("weekends", 5))
"""A day on which the bands of weekdays or of weekends hold."""

Days = Literal["all", "weekdays", "weekends"]
PerKw = Annotated[float, Field(ge=0, le=100_000)]


class BandKeys(Door):
    """One price between two local times of day."""

    days: Days = Field(default="all", description="Days on which it holds")
    from_: TimeOfDay = Field(alias="from", description='Local time from which it holds, quoted: "00:00"')
    to: EndOfBand = Field(description='Local time until which it holds, later on the day, quoted: "24:00"')
    price_per_kwh: PerKwh = Field(description="Price of a kWh from the grid [currency/kWh]")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> BandKeys:
        _check_order(self.from_, self.to, what="a band", over_midnight='two, to "24:00" and from "00:00"')
        return self

    def to_domain(self) -> money.Band:
        """The band in minutes after midnight."""
        return money.Band(
            days=self.days,
            from_minute=minute_of(self.from_),
            to_minute=minute_of(self.to),
            price_per_kwh=self.price_per_kwh,
        )


class DemandWindowKeys(Door):
    """Local times of day whose highest power has a price of its own; windows of one name have one peak together."""

    name: Id = Field(description="Name of the peak, in plans and reports")
    days: Days = Field(default="all", description="Days on which it counts")
    from_: TimeOfDay = Field(alias="from", description='Local time from which it counts, quoted: "16:00"')
    to: EndOfBand = Field(description='Local time until which it counts, later on the day, quoted: "21:00"')
    charge_per_kw: PerKw = Field(description="Price of each kW beyond peak_so_far_kw [currency/kW]")
    peak_so_far_kw: Kw = Field(
        default=money.DemandWindow.peak_so_far_kw,
        description="Highest peak that the billing period already has in it [kW]",
    )

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> DemandWindowKeys:
        over_midnight = 'two of one name, to "24:00" and from "00:00"'
        _check_order(self.from_, self.to, what="a window", over_midnight=over_midnight)
        return self

    def to_domain(self) -> money.DemandWindow:
        """The window in minutes after midnight."""
        return money.DemandWindow(
            name=self.name,
            days=self.days,
            from_minute=minute_of(self.from_),
            to_minute=minute_of(self.to),
            charge_per_kw=self.charge_per_kw,
            peak_so_far_kw=self.peak_so_far_kw,
        )


class ClassPriceKeys(Door):
    """What the grid costs in one class of full-load hours."""

    capacity_per_kw: PerKw = Field(description="Price of the year's peak [currency/kW and year]")
    energy_per_kwh: Annotated[float, Field(ge=0, le=1000)] = Field(
        description="Price of a kWh for the grid alone [currency/kWh]"
    )


class ClassesKeys(Door):
    """Two classes by full-load hours, the year's energy over its peak; told in reports, not planned with."""

    threshold_h: Annotated[float, Field(gt=0, le=8784)] = Field(
        default=money.TariffClasses.threshold_h,
        description="Full-load hours from which the class above holds, in Germany 2500 [h/year]",
    )
    annual_energy_kwh: Annotated[float, Field(gt=0, le=1e9)] = Field(
        description="Energy that the site draws in the year, chargers included [kWh]"
    )
    annual_peak_kw: Annotated[float, Field(gt=0, le=100_000)] = Field(
        description="Highest billing interval of the year so far [kW]"
    )
    below: ClassPriceKeys = Field(description="Grid prices below the threshold")
    above: ClassPriceKeys = Field(description="Grid prices from the threshold on")

    @model_validator(mode="after")
    def _are_not_swapped(self) -> ClassesKeys:
        below, above = self.below, self.above
        if below.capacity_per_kw > above.capacity_per_kw and below.energy_per_kwh < above.energy_per_kwh:
            raise wrong(
                found=f"capacity_per_kw {below.capacity_per_kw:g} below and {above.capacity_per_kw:g} above the threshold",
                allowed="cheap peaks and dear energy below it, the other way round above",
            )
        return self

    def to_domain(self) -> money.TariffClasses:
        """The classes with their prices."""
        return money.TariffClasses(
            **self.model_dump(exclude={"below", "above"}),
            below=money.ClassPrice(**self.below.model_dump()),
            above=money.ClassPrice(**self.above.model_dump()),
        )


class TariffKeys(Door):
    """What energy and the highest power cost, in the depot's currency."""

    bands: list[BandKeys] = Field(
        default_factory=list,
        description="Energy prices by local time, for every minute; prices.csv goes before",
    )
    demand_charge_per_kw: PerKw = Field(
        default=money.Tariff.demand_charge_per_kw,
        description="Price of each kW beyond peak_so_far_kw [currency/kW]",
    )
    peak_so_far_kw: Kw = Field(
        default=money.Tariff.peak_so_far_kw,
        description="Highest peak that the billing period already has [kW]",
    )
    billing_interval_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = Field(
        default=money.Tariff.billing_interval_minutes,
        description="Interval over which the peak is a mean [min]",
    )
    demand_windows: list[DemandWindowKeys] = Field(
        default_factory=list,
        description="Times of day with a demand charge of their own, beside that of all hours",
    )
    classes: ClassesKeys | None = Field(
        default=None, description="Grid prices below and above so many full-load hours, for comparison"
    )

    def to_domain(self) -> money.Tariff:
        """The tariff with its bands, windows and classes."""
        keys = self.model_dump(exclude={"bands", "demand_windows", "classes"})
        return money.Tariff(
            **keys,
            bands=tuple(band.to_domain() for band in self.bands),
            demand_windows=tuple(window.to_domain() for window in self.demand_windows),
            classes=None if self.classes is None else self.classes.to_domain(),
        )


def _check_order(start: str, end: str, *, what: str, over_midnight: str) -> None:
    if minute_of(end) <= minute_of(start):
        raise wrong(
            found=f"{what} from {start} to {end}",
            allowed=f"an end later on the same day; write {what} over midnight as {over_midnight}",
        )


def check_tariff(folder: Folder, tree: Tree, *, step_minutes: int | None) -> None:
    """Notes holes and overlaps of bands, overlaps of windows, and times that do not fit one another."""
    written = mapping_of(tree.value.get("tariff"))
    items = [(i, part_of(BandKeys, band)) for i, band in items_of(written.get("bands"))]
    bands = [(i, band.to_domain()) for i, band in items if band is not None]
    wrong = any(band is None for _, band in items)
    for days, weekday in WEEKDAYS:
        today = [(i, band) for i, band in bands if band.holds_on(weekday)]
        _check_overlaps(folder, tree, "bands", today, allowed="one price for every minute")
        if bands and not wrong:
            _check_holes(folder, tree, [band for _, band in today], days)
    tariff = part_of(TariffKeys, written)
    if tariff is not None and step_minutes is not None:
        billing = tariff.billing_interval_minutes
        if billing % step_minutes and step_minutes % billing:
            folder.complain(
                tree.place(("tariff", "billing_interval_minutes")),
                found=f"{billing} min with steps of {step_minutes} min",
                allowed="a multiple or a divisor of horizon.step_minutes",
            )
    _check_windows(folder, tree, None if tariff is None else tariff.billing_interval_minutes)


def _check_windows(folder: Folder, tree: Tree, billing_minutes: int | None) -> None:
    written = items_of(mapping_of(tree.value.get("tariff")).get("demand_windows"))
    parts = [(i, part_of(DemandWindowKeys, window)) for i, window in written]
    windows = [(i, window.to_domain()) for i, window in parts if window is not None]
    for _, weekday in WEEKDAYS:
        today = [(i, window) for i, window in windows if money.holds_on(window.days, weekday)]
        _check_overlaps(
            folder, tree, "demand_windows", today, allowed="windows of which one counts at a time"
        )
    first: dict[str, tuple[int, money.DemandWindow]] = {}
    for i, window in windows:
        known, same = first.setdefault(window.name, (i, window))
        for key in ("charge_per_kw", "peak_so_far_kw"):
            if getattr(window, key) != getattr(same, key):
                folder.complain(
                    tree.place(("tariff", "demand_windows", i, key)),
                    found=f"{getattr(window, key):g} in {shown_value(window.name)}, which has "
                    f"{getattr(same, key):g} in demand_windows[{known}]",
                    allowed=f"the same {key} in windows of one name: they have one peak together",
                )
        if window.name == money.ALL_HOURS:
            folder.complain(
                tree.place(("tariff", "demand_windows", i, "name")),
                found=shown_value(window.name),
                allowed="another name: that is the name of demand_charge_per_kw's peak",
            )
        for key, minute in (("from", window.from_minute), ("to", window.to_minute)):
            if billing_minutes is not None and minute % billing_minutes:
                folder.complain(
                    tree.place(("tariff", "demand_windows", i, key)),
                    found=f"{_clock(minute)} with billing intervals of {billing_minutes} min",
                    allowed="a time at which a billing interval begins, counted from midnight",
                )


def _check_overlaps(
    folder: Folder,
    tree: Tree,
    key: str,
    today: Sequence[tuple[int, money.Band | money.DemandWindow]],
    *,
    allowed: str,
) -> None:
    """Of bands or windows on one day; an overlap on several days is one problem."""
    what = "a band" if key == "bands" else "a window"
    for (first, earlier), (second, later) in pairwise(sorted(today, key=lambda item: item[1].from_minute)):
        place = tree.place(("tariff", key, second))
        known = any(problem.where == place for problem in folder.problems)
        if later.from_minute < earlier.to_minute and not known:
            folder.complain(
                place,
                found=f"{what} from {_clock(later.from_minute)} that overlaps {key}[{first}], "
                f"{_clock(earlier.from_minute)} to {_clock(earlier.to_minute)}",
                allowed=allowed,
            )


def _check_holes(folder: Folder, tree: Tree, bands: Sequence[money.Band], days: str) -> None:
    holes = list(_holes(sorted(bands, key=lambda band: band.from_minute)))
    if holes:
        folder.complain(
            tree.place(("tariff", "bands")),
            found=f"no price on {days} from {' and from '.join(holes)}",
            allowed='bands that cover "00:00" to "24:00" on all days',
        )


def _holes(bands: Sequence[money.Band]) -> Iterator[str]:
    covered = 0
    for band in bands:
        if band.from_minute > covered:
            yield f"{_clock(covered)} to {_clock(band.from_minute)}"
        covered = max(covered, band.to_minute)
    if covered < money.MINUTES_PER_DAY:
        yield f"{_clock(covered)} to {_clock(money.MINUTES_PER_DAY)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
