"""The file of ``depot preview``: stacks of profiles and what is asked of them, and the JSON form of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Generic, Literal, NoReturn, TypeVar

from pydantic import Field, ValidationError, model_validator

from dispatch.composite import Composite, Request, Running, Stack, Station, composite_schedule
from dispatch.composite.stack import Ocpp
from dispatch.preview.wire import (
    Count,
    Instant,
    Number,
    Phases,
    Profile16,
    Profile21,
    Profile201,
    Wire,
    neutral,
)
from dispatch.station import RateUnit, TransactionId
from optimiser.horizon import format_instant

P = TypeVar("P", Profile16, Profile201, Profile21)

FOUND_AT_MOST = 60
"""Letters of a wrong value that are shown."""
MOST_EVSES = 1000


class PreviewError(ValueError):
    """A question that cannot be read, with all that is wrong with it: a line each."""

    def __init__(self, lines: list[str]) -> None:
        # What was found may hold half a letter (a lone surrogate), which no terminal and no file can.
        self.lines = tuple(line.encode("utf-8", "backslashreplace").decode() for line in lines)
        super().__init__("; ".join(self.lines))


@dataclass(frozen=True, kw_only=True)
class Question:
    """A stack, what is asked of it, and of which station."""

    stack: Stack
    request: Request
    station: Station

    def answer(self) -> Composite:
        """The composite schedule."""
        return composite_schedule(self.stack, self.request, self.station)

    def document(self) -> dict[str, Any]:
        """The composite schedule as JSON has it; ``limit`` is null where there is none, ``numberPhases`` untold."""
        answer = self.answer()
        return {
            "scheduleStart": format_instant(answer.start),
            "duration": answer.duration_s,
            "unit": answer.unit,
            "periods": [
                {
                    "startPeriod": period.start_s,
                    "limit": None if period.limit is None else float(period.limit),
                    "numberPhases": period.number_phases,
                }
                for period in answer.periods
            ],
        }


def read_questions(text: str) -> list[Question | PreviewError] | Question | PreviewError:
    """The question in a JSON object, or the questions in an array of them; a bad one is its error, in its place."""
    try:
        found = json.loads(text, parse_float=_decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return PreviewError([f"found no JSON ({error}), allowed an object or an array of objects"])
    return [_read(item) for item in found] if isinstance(found, list) else _read(found)


class _Station(Wire):
    nr_of_evses: int | None = Field(default=None, ge=1, le=MOST_EVSES)
    default_limit_a: Number | None = None
    default_limit_w: Number | None = None
    default_number_phases: Phases | None = None
    supply_voltage: Number | None = Field(default=None, ge=1)


class _Installed(Wire, Generic[P]):
    connector_id: Count | None = None
    evse_id: Count | None = None
    profile: P

    @model_validator(mode="after")
    def _is_somewhere(self) -> _Installed[P]:
        if (self.connector_id is None) == (self.evse_id is None):
            raise ValueError("either connectorId or evseId")
        return self

    @property
    def place(self) -> int:
        """The connector or EVSE."""
        return (self.evse_id if self.connector_id is None else self.connector_id) or 0


class _Transaction(Wire):
    evse_id: int = Field(ge=1)
    id: TransactionId
    start: Instant | None = None


class _Request(Wire):
    connector_or_evse_id: Count
    start: Instant
    duration: Count
    unit: RateUnit


class _Options(Wire):
    recurrence_before_start_schedule: Literal["ignore", "apply"] = "ignore"


class _Item(Wire, Generic[P]):
    ocpp: Ocpp
    station: _Station = _Station()
    profiles: list[_Installed[P]]
    transactions: list[_Transaction] = Field(default_factory=list)
    simulate_transaction: bool = False
    request: _Request
    options: _Options = _Options()

    @model_validator(mode="after")
    def _fits_the_station(self) -> _Item[P]:
        places = [transaction.evse_id for transaction in self.transactions]
        if len(set(places)) < len(places):
            raise ValueError("at most one transaction on an EVSE")
        if self.request.connector_or_evse_id > self.number_of_evses:
            raise ValueError(
                f"request.connectorOrEvseId of at most {self.number_of_evses}, as many EVSEs there are"
            )
        try:
            self.request.start + timedelta(seconds=self.request.duration)
        except OverflowError:
            raise ValueError("a request that ends within the calendar") from None
        return self

    @property
    def number_of_evses(self) -> int:
        """As the station says, else as many as are spoken of."""
        spoken_of = [installed.place for installed in self.profiles]
        spoken_of += [transaction.evse_id for transaction in self.transactions]
        return self.station.nr_of_evses or min(
            MOST_EVSES, max(1, self.request.connector_or_evse_id, *spoken_of)
        )

    def question(self) -> Question:
        """What is asked, in the engine's words."""
        station = self.station
        return Question(
            stack=Stack(
                ocpp=self.ocpp,
                profiles=tuple(neutral(entry.profile, evse_id=entry.place) for entry in self.profiles),
                running=tuple(
                    Running(evse_id=entry.evse_id, transaction_id=entry.id, start=entry.start)
                    for entry in self.transactions
                ),
                simulate_transaction=self.simulate_transaction,
                recurrence_before_start=self.options.recurrence_before_start_schedule == "apply",
            ),
            request=Request(
                evse_id=self.request.connector_or_evse_id,
                start=self.request.start,
                duration_s=self.request.duration,
                unit=self.request.unit,
            ),
            station=Station(
                number_of_evses=self.number_of_evses,
                default_limit_a=station.default_limit_a,
                default_limit_w=station.default_limit_w,
                number_phases=station.default_number_phases or 3,
                voltage_v=Decimal(230) if station.supply_voltage is None else station.supply_voltage,
            ),
        )


def _read(found: Any) -> Question | PreviewError:
    if not isinstance(found, dict):
        return PreviewError([_line("it", found, "an object")])
    version = found.get("ocpp")
    try:
        if version == "1.6":
            return _Item[Profile16].model_validate(found).question()
        if version == "2.0.1":
            return _Item[Profile201].model_validate(found).question()
        if version == "2.1":
            return _Item[Profile21].model_validate(found).question()
    except ValidationError as error:
        return PreviewError(list(_lines(error)))
    return PreviewError([_line("ocpp", version, '"1.6", "2.0.1" or "2.1"')])


def _lines(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        where = ""
        for part in problem["loc"]:
            where += f"[{part}]" if isinstance(part, int) else f".{part}"
        kind = problem["type"]
        allowed = problem["msg"].removeprefix("Value error, ")
        if kind == "extra_forbidden":
            yield f"{where.lstrip('.')}: found an unknown key, allowed those of the contract and of this OCPP version"
        elif kind == "missing":
            yield f"{where.lstrip('.')}: found nothing, allowed a value"
        else:
            yield _line(where.lstrip(".") or "it", problem["input"], allowed)


def _line(where: str, found: Any, allowed: str) -> str:
    text = json.dumps(found, default=str, ensure_ascii=False)
    shown = text if len(text) <= FOUND_AT_MOST else f"{text[:FOUND_AT_MOST]}…"
    return f"{where}: found {shown}, allowed {allowed}"


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"{text} is beyond all numbers") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
