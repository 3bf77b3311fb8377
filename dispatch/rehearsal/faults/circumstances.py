"""What is so before a night is planned: no fault, but a night of its own. Random nights draw them, files may say them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dispatch.rehearsal.faults.base import Fault

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Circumstance(Fault):
    """Something that is so before the night is planned: with it, the night is planned anew."""


class Fleet(Circumstance):
    """Only these vehicles are to come."""

    word: ClassVar[str] = "fleet"
    vehicles: Names


class Speaks(Circumstance):
    """These chargers speak another version of OCPP than ``depot.yaml`` says."""

    word: ClassVar[str] = "speaks"
    chargers: Names
    ocpp: Literal["1.6", "2.0.1"]


KINDS: tuple[type[Fault], ...] = (Fleet, Speaks)
