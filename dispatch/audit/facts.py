"""What an audit goes by and what it finds: a charger at an instant, and one finding. Pure values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from dispatch.charger import Capabilities
from dispatch.evidence import Command, Layer
from dispatch.layers import LayerProfile, profile_id
from dispatch.safety import Place, Wiring
from dispatch.station import (
    CompositeReply,
    InstalledProfile,
    InstalledReply,
    MeterReading,
    Outcome,
    Purpose,
    StationProfile,
    TransactionId,
)
from dispatch.validate import Difference


class Kind(StrEnum):
    """What is found of a profile, or of a connector as a whole."""

    AS_PLANNED = "as planned"
    STALE = "stale"
    FOREIGN = "foreign"
    MISSING = "missing"
    CONTRADICTED = "contradicted"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, kw_only=True)
class Found:
    """One finding. ``place`` has connector 0 for what concerns the whole charger.

    ``profile_id`` is None where something is installed of which only the effect is seen: ``differences`` from what
    should hold. ``layer`` is set where the id is one of ours, whoever has filled it. ``may_be_covered``: what is missing
    may be there all the same, beneath something foreign that cannot be told from nothing.
    """

    place: Place
    kind: Kind
    sentence: str = ""
    profile_id: int | None = None
    layer: Layer | None = None
    installed: InstalledProfile | None = None
    differences: tuple[Difference, ...] = ()
    may_be_covered: bool = False


@dataclass(frozen=True, kw_only=True)
class Look:
    """One connector as the ledger has it and as it was seen.

    ``held`` was accepted, ``doubtful`` may have been. ``read_back`` is what it said of the time until ``until``;
    None where it is not asked. ``tells_highest_level``: somebody has said which stack levels it has. ``planned_at``: when the plan was made that is wanted. ``reading`` is that of the running transaction, if any; it is judged by the limits
    that have held for ``settle_s``.
    """

    wiring: Wiring
    habits: Capabilities
    wanted: tuple[LayerProfile, ...]
    held: tuple[StationProfile, ...] = ()
    doubtful: tuple[StationProfile, ...] = ()
    held_since: datetime | None = None
    transaction_id: TransactionId | None = None
    read_back: CompositeReply | None = None
    until: datetime
    tells_highest_level: bool = False
    planned_at: datetime | None = None
    reading: MeterReading | None = None
    settle_s: int = 0

    @property
    def place(self) -> Place:
        """The connector."""
        return self.wiring.place


@dataclass(frozen=True, kw_only=True)
class ChargerFacts:
    """One charger at an instant. ``commands`` are those that it was ever sent, as far as they are in question."""

    charger_id: str
    at: datetime
    zone: ZoneInfo
    is_connected: bool
    installed: InstalledReply | None
    looks: tuple[Look, ...]
    commands: tuple[Command, ...] = ()

    @property
    def listed(self) -> tuple[InstalledProfile, ...] | None:
        """The profiles that it says it holds; None where it does not say."""
        return None if self.installed is None else self.installed.profiles

    @property
    def lists_all(self) -> bool:
        """Whether it has said everything that it holds."""
        return (
            self.listed is not None
            and self.installed is not None
            and (self.installed.reply.outcome is Outcome.ACCEPTED)
        )

    @property
    def own_ids(self) -> dict[int, Layer]:
        """The ids under which we install, of connectors that are there and of those that once were."""
        now = {profile_id(look.place.connector_id, layer): layer for look in self.looks for layer in Layer}
        return {command.profile.profile_id: command.layer for command in self.commands} | now


def stack_on(listed: Sequence[InstalledProfile], connector_id: int) -> tuple[StationProfile, ...] | None:
    """The profiles of a list that concern a connector; None where one of them cannot be read.

    In 2.0.1 the default profiles of EVSE 0 and of an EVSE are one stack, in which the level alone decides.
    """
    here = [one for one in listed if one.connector_id in {0, connector_id}]
    if any(one.profile is None for one in here):
        return None
    profiles = [one.profile for one in here if one.profile is not None]
    return tuple(
        p.model_copy(update={"connector_id": connector_id}) if p.purpose is Purpose.TX_DEFAULT else p
        for p in profiles
    )
