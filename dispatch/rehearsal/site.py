"""The site as physics has it: true power at every instant, from what vehicles draw and not from what anybody believes.

Powers are grid-side [kW]; seconds count from the record's ``begin``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dispatch.simulator.outlet import Stay
from dispatch.simulator.vehicle import Limit, PluggedVehicle, advance, draw, is_offered_power
from optimiser.horizon import FloatArray

STRAIGHT_KW = 0.01
"""How far the power of a piece may be from the straight line that it is recorded as. [kW]"""
SHORTEST_S = 0.5
"""No piece is cut shorter than this: a battery that is full in the middle of one ends its power at once. [s]"""


class Plug(NamedTuple):
    """A connector; prints as ``CP01/1``."""

    charger_id: str
    connector_id: int

    def __str__(self) -> str:
        return f"{self.charger_id}/{self.connector_id}"


class Piece(NamedTuple):
    """Power that goes straight from one value to another; ``phases`` it is drawn on, 0 for DC."""

    start_s: float
    end_s: float
    first_kw: float
    last_kw: float
    phases: int

    def at_kw(self, at_s: FloatArray | float) -> Any:
        """Power at instants of the piece; as many as are asked for."""
        share = (at_s - self.start_s) / (self.end_s - self.start_s)
        return self.first_kw + share * (self.last_kw - self.first_kw)


Share: TypeAlias = Callable[[Plug, int], float]
"""How much of what a connector draws on so many phases counts, 0 to 1."""


def whole(plug: Plug, phases: int) -> float:
    """All that is drawn counts."""
    del plug, phases
    return 1.0


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was truly drawn from ``begin`` on, by connector; where there is no piece, nothing was."""

    begin: datetime
    pieces: Mapping[Plug, tuple[Piece, ...]]

    def energy_kwh(self, plug: Plug, span_s: tuple[float, float] = (-inf, inf)) -> float:
        """What a connector has drawn from the grid, in all or within a while."""
        energy_kwh = 0.0
        for piece in self.pieces.get(plug, ()):
            start_s, end_s = max(piece.start_s, span_s[0]), min(piece.end_s, span_s[1])
            if end_s > start_s:
                mean_kw = (piece.at_kw(start_s) + piece.at_kw(end_s)) / 2.0
                energy_kwh += mean_kw * (end_s - start_s) / 3600.0
        return energy_kwh

    def edges_s(self, plugs: Iterable[Plug]) -> set[float]:
        """Every instant at which a piece begins or ends."""
        return {edge for plug in plugs for piece in self.pieces.get(plug, ()) for edge in piece[:2]}

    def power_kw(
        self, plugs: Iterable[Plug], edges_s: FloatArray, *, share: Share = whole
    ) -> tuple[FloatArray, FloatArray]:
        """What counts of some connectors together at the beginning and at the end of every interval between edges."""
        first_kw, last_kw = np.zeros(len(edges_s) - 1), np.zeros(len(edges_s) - 1)
        for plug in plugs:
            for piece in self.pieces.get(plug, ()):
                first, last = np.searchsorted(edges_s, piece[:2])
                counted = share(plug, piece.phases)
                if last > first and counted:
                    at_kw = counted * piece.at_kw(edges_s[first : last + 1])
                    first_kw[first:last] += at_kw[:-1]
                    last_kw[first:last] += at_kw[1:]
        return first_kw, last_kw


@dataclass(frozen=True, kw_only=True)
class Departed:
    """A vehicle that has left a connector, and how full it truly was."""

    plug: Plug
    vehicle_id: str
    at: datetime
    soc_percent: float


@dataclass(frozen=True, kw_only=True)
class Slept:
    """A vehicle that was asleep when it was offered power, and when it first was."""

    plug: Plug
    vehicle_id: str
    offered_at: datetime


@dataclass(kw_only=True)
class Watch:
    """Looks at the outlets themselves while a night goes on."""

    begin: datetime
    departed: list[Departed] = field(default_factory=list)
    slept: list[Slept] = field(default_factory=list)
    _pieces: defaultdict[Plug, list[Piece]] = field(default_factory=lambda: defaultdict(list))

    def on_charge(
        self, charger_id: str, ahead: Callable[[], timedelta]
    ) -> Callable[[int, datetime, float, PluggedVehicle | None, Limit], None]:
        """Takes in what a charge point's vehicles draw; ``ahead`` is how far the charge point's clock is ahead."""

        def charged(
            connector_id: int, start: datetime, seconds: float, vehicle: PluggedVehicle | None, limit: Limit
        ) -> None:
            if vehicle is None:
                return
            if vehicle.is_asleep and is_offered_power(vehicle, limit):
                self._sleeps(Plug(charger_id, connector_id), vehicle.vehicle.id, start - ahead())
            known = self._pieces[Plug(charger_id, connector_id)]
            at_s = (start - ahead() - self.begin).total_seconds()
            for piece in pieces_of(vehicle, limit, start_s=at_s, duration_s=seconds):
                # A clock that was set meanwhile tells a second twice: it is counted once.
                start_s = max(piece.start_s, known[-1].end_s) if known else piece.start_s
                if piece.end_s > start_s and piece.first_kw + piece.last_kw > 0:
                    known.append(piece._replace(start_s=start_s))

        return charged

    def on_leave(
        self, charger_id: str, ahead: Callable[[], timedelta]
    ) -> Callable[[Stay, PluggedVehicle], None]:
        """Takes in who leaves a charge point."""

        def left(stay: Stay, vehicle: PluggedVehicle) -> None:
            self.departed.append(
                Departed(
                    plug=Plug(charger_id, vehicle.connector.id),
                    vehicle_id=stay.vehicle.id,
                    at=stay.departure - ahead(),
                    soc_percent=vehicle.soc_percent,
                )
            )

        return left

    def _sleeps(self, plug: Plug, vehicle_id: str, at: datetime) -> None:
        if not any((slept.plug, slept.vehicle_id) == (plug, vehicle_id) for slept in self.slept):
            self.slept.append(Slept(plug=plug, vehicle_id=vehicle_id, offered_at=at))

    def record(self) -> Record:
        """What was seen."""
        return Record(
            begin=self.begin, pieces={plug: _joined(pieces) for plug, pieces in self._pieces.items()}
        )


def pieces_of(vehicle: PluggedVehicle, limit: Limit, *, start_s: float, duration_s: float) -> Iterator[Piece]:
    """What a vehicle draws under one limit, in pieces that are straight enough."""
    first, half = draw(vehicle, limit), duration_s / 2.0
    end = draw(advance(vehicle, limit, duration_s), limit)
    middle = advance(vehicle, limit, half)
    bend_kw = abs(draw(middle, limit).power_kw - (first.power_kw + end.power_kw) / 2.0)
    if duration_s <= SHORTEST_S or (
        bend_kw <= STRAIGHT_KW and not _ends_within(first.power_kw, end.power_kw)
    ):
        yield Piece(start_s, start_s + duration_s, first.power_kw, end.power_kw, first.phases)
        return
    yield from pieces_of(vehicle, limit, start_s=start_s, duration_s=half)
    yield from pieces_of(middle, limit, start_s=start_s + half, duration_s=half)


def _ends_within(first_kw: float, end_kw: float) -> bool:
    """Whether the power breaks off: what fades away along a curve does not become 0 in a piece."""
    return first_kw > STRAIGHT_KW and end_kw == 0.0


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Neighbours of the same level power as one."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        is_level = piece.first_kw == piece.last_kw
        if last is not None and is_level and last[1:4] == (piece.start_s, piece.first_kw, piece.last_kw):
            joined[-1] = last._replace(end_s=piece.end_s)
            continue
        joined.append(piece)
    return tuple(joined)
