"""What is known of one charger: default < model file < reported < learned < depot.yaml, and where each value is from.

Knows the order of precedence and nothing of what the values do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from dispatch.charger import Capabilities, CapabilityError, Fault, faults_of, reported_capabilities
from dispatch.evidence import Command
from dispatch.identity import Identity
from dispatch.models import KnownModel, Note, matching, shipped_models
from dispatch.station import ChargerState, Outcome
from optimiser.depot import Charger


class Origin(StrEnum):
    """Where a value comes from; a later one goes before an earlier one."""

    DEFAULT = "default"
    MODEL = "model file"
    REPORTED = "reported"
    LEARNED = "learned"
    SITE = "site"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a value comes from, in words, and the pages that say so."""

    origin: Origin
    detail: str
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A value that a charger's answers have taught, and from which answers."""

    value: Any
    because: str


@dataclass(frozen=True, kw_only=True)
class Known:
    """The levers of a charger. ``sources`` names every lever; ``notes`` are for people."""

    identity: Identity
    capabilities: Capabilities
    sources: Mapping[str, Source]
    models: tuple[KnownModel, ...] = ()
    notes: tuple[Note, ...] = field(default=())

    def is_settled(self, lever: str) -> bool:
        """Whether somebody who knows has said a lever's value: then nothing else is tried."""
        return self.sources[lever].origin not in {Origin.DEFAULT, Origin.LEARNED}


def identity_of(charger: Charger, state: ChargerState | None = None) -> Identity:
    """Which charger it is: what ``depot.yaml`` says, else what it said of itself when it last booted."""
    state = state or ChargerState(charger_id=charger.id)
    return Identity(
        vendor=(charger.vendor or state.vendor or "").strip(),
        model=(charger.model or state.model or "").strip(),
        firmware=(state.firmware or "").strip() or None,
    )


def known_of(
    charger: Charger,
    *,
    identity: Identity | None = None,
    reported: Mapping[str, str] | None = None,
    learned: Mapping[str, Lesson] | None = None,
    models: Sequence[KnownModel] | None = None,
) -> Known:
    """All that is known of a charger; ``reported`` are its configuration keys.

    Raises :class:`CapabilityError` for what ``depot.yaml`` says of it.
    """
    identity = identity_of(charger) if identity is None else identity
    found = matching(shipped_models() if models is None else models, identity)
    site = dict(charger.capabilities)
    _check_site(charger, site)
    values: dict[str, Any] = {}
    sources = {lever: Source(origin=Origin.DEFAULT, detail="") for lever in Capabilities.model_fields}

    def take(lever: str, value: Any, source: Source) -> None:
        values[lever], sources[lever] = value, source

    for model in found:
        for lever, cited in model.entry.levers.items():
            detail = f"{model.entry.name} ({model.file}): {cited.because}"
            take(lever, cited.value, Source(origin=Origin.MODEL, detail=detail, urls=cited.source))
    for lever, value in reported_capabilities(reported or {}).items():
        take(lever, value, Source(origin=Origin.REPORTED, detail="the charger's configuration says so"))
    for lever, lesson in _usable(learned or {}).items():
        take(lever, lesson.value, Source(origin=Origin.LEARNED, detail=lesson.because))
    for lever, value in site.items():
        take(
            lever, value, Source(origin=Origin.SITE, detail=f"depot.yaml chargers.{charger.id}.capabilities")
        )
    return Known(
        identity=identity,
        capabilities=Capabilities.model_validate(values),
        sources=sources,
        models=found,
        notes=tuple(note for model in found for note in model.entry.notes),
    )


def capabilities_of(charger: Charger) -> Capabilities:
    """The levers of a charger as far as they are known without asking it.

    Raises :class:`CapabilityError` for what ``depot.yaml`` says of it.
    """
    return known_of(charger).capabilities


def check_charger(charger: Charger) -> None:
    """Raises :class:`CapabilityError` with all that ``depot.yaml`` says of a charger and that cannot be."""
    known = known_of(charger)
    versions = known.capabilities.ocpp_versions
    if charger.ocpp not in versions:
        source = known.sources["ocpp_versions"]
        fault = Fault(
            where=f"depot.yaml chargers.{charger.id}.ocpp",
            found=json.dumps(charger.ocpp),
            allowed=f"{' or '.join(map(json.dumps, versions))}: {' '.join((source.detail, *source.urls))}",
        )
        raise CapabilityError([fault])


def learned_lessons(commands: Sequence[Command]) -> dict[str, Lesson]:
    """What a charger's answers have taught, oldest command first: what it took right after a refusal.

    A profile accepted with fewer periods, or in the other unit, than the one refused before it under the same
    id shows what the charger can take. A later refusal of just that takes the lesson back.
    """
    found: dict[str, Lesson] = {}
    refused: dict[int, Command] = {}
    for command in commands:
        before = refused.pop(command.profile.profile_id, None)
        if command.outcome is Outcome.REFUSED:
            refused[command.profile.profile_id] = command
        if before is None or command.outcome is not Outcome.ACCEPTED:
            continue
        because = f"it took this on {command.at:%Y-%m-%d} after a refusal ({before.reason})"
        if command.profile.unit != before.profile.unit:
            found["unit"] = Lesson(value=command.profile.unit, because=because)
        elif len(command.profile.periods) < len(before.profile.periods):
            # One period is kept free for the floor, see dispatch.layers.
            found["max_periods"] = Lesson(value=len(command.profile.periods) + 1, because=because)
    return found


def _check_site(charger: Charger, site: Mapping[str, Any]) -> None:
    try:
        Capabilities.model_validate(site)
    except ValidationError as error:
        where = f"depot.yaml chargers.{charger.id}.capabilities"
        raise CapabilityError(faults_of(error, where=where)) from error


def _usable(learned: Mapping[str, Lesson]) -> dict[str, Lesson]:
    """Lessons that still mean something: the store may be older or newer than this code."""
    found: dict[str, Lesson] = {}
    for lever, lesson in learned.items():
        try:
            Capabilities.model_validate({lever: lesson.value})
        except ValidationError:
            continue
        found[lever] = lesson
    return found
