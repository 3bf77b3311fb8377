"""Files to domain: the only reader of depot folders. Reports everything that is wrong with one at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from optimiser.depot import Depot
from optimiser.history import History
from optimiser.horizon import Horizon, TimeError
from optimiser.inputs.depots import read_depot
from optimiser.inputs.files import Folder, InputError, Problem, shown_value
from optimiser.inputs.history import read_history
from optimiser.inputs.nights import nights_of, read_night
from optimiser.inputs.telematics import read_telematics
from optimiser.night import Night, SocReading

__all__ = [
    "InputError",
    "Problem",
    "horizon_containing",
    "load_depot",
    "load_folder",
    "load_history",
    "load_night",
    "load_telematics",
    "night_containing",
    "nights_in",
]


def load_depot(folder: str | Path) -> Depot:
    """What stays of a depot folder: ``depot.yaml``, the vehicles and their charge curves.

    Raises :class:`InputError` with all that is wrong with them.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> depot.site.transformer_limit_kw, len(depot.chargers), len(depot.vehicles)
    (43.0, 12, 12)
    """
    opened = _open(folder)
    known = read_depot(opened)
    opened.raise_problems()
    assert known.depot is not None  # there is a depot when there are no problems
    return known.depot


def load_night(folder: str | Path, night: date | str) -> Night:
    """One night of a depot folder, by the local date on which it starts, such as ``"2025-11-10"``.

    Raises :class:`InputError` with all that is wrong with it, and with its depot.

    >>> import optimiser as opt
    >>> night = opt.load_night("data/parcel-12", "2025-11-10")
    >>> len(night.visits), night.horizon.steps, night.horizon.step_h
    (12, 96, 0.25)
    """
    return load_folder(folder, night)[1]


def load_folder(folder: str | Path, night: date | str) -> tuple[Depot, Night]:
    """The depot and one of its nights. Raises :class:`InputError` with all that is wrong with both."""
    opened = _open(folder)
    known = read_depot(opened)
    named = _date(opened, night)
    read = None if named is None else read_night(opened, known, named)
    opened.raise_problems()
    assert known.depot is not None
    assert read is not None
    return known.depot, read


def load_history(folder: str | Path) -> History:
    """How the arrivals of a depot's past nights went against what was planned with: its ``history.csv``.

    Empty where there is no such file. Raises :class:`InputError` with all that is wrong with it, and with its depot.

    >>> import optimiser as opt
    >>> opt.load_history("data/parcel-12")
    History of 0 arrivals on 0 nights
    """
    opened = _open(folder)
    history = read_history(opened, read_depot(opened))
    opened.raise_problems()
    return history or History(visits=())


def load_telematics(folder: str | Path, depot: Depot, night: date | None) -> tuple[SocReading, ...]:
    """What vehicles say of themselves in ``telematics.csv`` of a depot's folder, and in that of a night, in their order.

    Raises :class:`InputError` with all that is wrong with the files, also where one is just being written.
    """
    opened = _open(folder)
    found = read_telematics(opened, depot, night)
    opened.raise_problems()
    return found


def nights_in(folder: str | Path) -> list[date]:
    """The nights that a depot folder has, in their order. Raises :class:`InputError` if there is no folder."""
    return nights_of(_open(folder))


def night_containing(depot: Depot, now: datetime) -> date:
    """The local date on which the night that contains an instant starts, as of :func:`horizon_containing`."""
    horizon = horizon_containing(depot, now)
    return horizon.local(horizon.start).date()


def horizon_containing(depot: Depot, now: datetime) -> Horizon:
    """The horizon of the night that contains an instant; of two that overlap the later.

    Raises :class:`InputError` when no night contains it: then the depot plans by night only, and it is day.
    """
    times = depot.horizon
    today = Horizon(start=now, step_s=1, steps=1, timezone=depot.timezone).local(now).date()
    for night in (today, today - timedelta(days=1)):
        try:
            horizon = Horizon.for_night(
                night,
                start=times.start,
                end=times.end,
                step_minutes=times.step_minutes,
                timezone=depot.timezone,
            )
        except TimeError as error:
            raise InputError(
                [Problem(where="depot.yaml horizon", found=str(error), allowed="times that exist once")]
            ) from None
        if horizon.start <= now < horizon.end:
            return horizon
    raise InputError(
        [
            Problem(
                where="night",
                found=f"no night that contains {now.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
                allowed=f"an instant between {times.start:%H:%M} and {times.end:%H:%M} on the next day "
                f"in {depot.timezone}, or a night by its date",
            )
        ]
    )


def _open(folder: str | Path) -> Folder:
    opened = Folder(path=Path(folder))
    if not opened.path.is_dir():
        opened.complain(str(folder), found="no such folder", allowed="a depot folder with a depot.yaml")
        opened.raise_problems()
    return opened


def _date(folder: Folder, night: date | str) -> date | None:
    if isinstance(night, date):
        return night
    try:
        return date.fromisoformat(night)
    except ValueError:
        folder.complain("night", found=shown_value(night), allowed="a date such as 2025-11-10")
        return None
