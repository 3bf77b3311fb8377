"""What is known of one charger: default < model file < reported < learned < commissioned < depot.yaml, and where each value is from.

Knows the order of precedence and nothing of what the values do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from dispatch.charger import Capabilities, CapabilityError, Fault, faults_of, reported_capabilities
from dispatch.evidence import Lesson
from dispatch.identity import Identity
from dispatch.models import KnownModel, Note, matching, shipped_models
from dispatch.station import ChargerState
from optimiser.depot import Charger, Commissioned


class Origin(StrEnum):
    """Where a value comes from; a later one goes before an earlier one."""

    DEFAULT = "default"
    MODEL = "model file"
    REPORTED = "reported"
    LEARNED = "learned"
    COMMISSIONED = "commissioned"
    SITE = "site"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a value comes from, in words, and the pages that say so."""

    origin: Origin
    detail: str
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Known:
    """The levers of a charger. ``sources`` names every lever; ``notes`` are for people.

    ``unlearned``: the levers as they would be if its answers had taught nothing.
    """

    identity: Identity
    capabilities: Capabilities
    unlearned: Capabilities
    sources: Mapping[str, Source]
    models: tuple[KnownModel, ...] = ()
    notes: tuple[Note, ...] = field(default=())

    def lessons_taken_back(self) -> dict[str, Any]:
        """What the levers that were learned would be without."""
        return {
            lever: getattr(self.unlearned, lever)
            for lever, source in self.sources.items()
            if source.origin is Origin.LEARNED
        }

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

    Raises :class:`CapabilityError` for what ``depot.yaml`` or its capability file says of it.
    """
    identity = identity_of(charger) if identity is None else identity
    reported, learned = reported or {}, learned or {}
    if models is None:
        key = _key(charger, identity, reported, learned)
        return _from_shipped(_Question(key, charger, identity, reported, learned))
    return _known_of(charger, identity, reported, learned, models=matching(models, identity))


@dataclass(frozen=True)
class _Question:
    """What is known is asked of every charger several times in a tick, and rarely has another answer."""

    key: tuple[object, ...]
    charger: Charger = field(compare=False)
    identity: Identity = field(compare=False)
    reported: Mapping[str, str] = field(compare=False)
    learned: Mapping[str, Lesson] = field(compare=False)


@lru_cache(maxsize=4096)
def _from_shipped(asked: _Question) -> Known:
    models = matching(shipped_models(), asked.identity)
    return _known_of(asked.charger, asked.identity, asked.reported, asked.learned, models=models)


def _key(
    charger: Charger, identity: Identity, reported: Mapping[str, str], learned: Mapping[str, Lesson]
) -> tuple[object, ...]:
    """All that the answer depends on; values of YAML and JSON may be lists, so that their text has to stand in."""
    site = repr(sorted(charger.capabilities.items())) if charger.capabilities else ""
    lessons = tuple(sorted((lever, repr(lesson)) for lever, lesson in learned.items()))
    return charger.id, site, repr(charger.commissioned), identity, frozenset(reported.items()), lessons


def _known_of(
    charger: Charger,
    identity: Identity,
    reported: Mapping[str, str],
    learned: Mapping[str, Lesson],
    *,
    models: tuple[KnownModel, ...],
) -> Known:
    site = dict(charger.capabilities)
    commissioned = charger.commissioned if is_commissioned(charger, identity) else None
    _check_site(site, where=f"depot.yaml chargers.{charger.id}.capabilities")
    if charger.commissioned is not None:
        _check(charger.commissioned.capabilities, where=f"commissioned/{charger.id}.yaml levers")
    values: dict[str, Any] = {}
    sources = {lever: Source(origin=Origin.DEFAULT, detail="") for lever in Capabilities.model_fields}

    def take(lever: str, value: Any, source: Source) -> None:
        values[lever], sources[lever] = value, source

    for model in models:
        for lever, cited in model.entry.levers.items():
            detail = f"{model.entry.name} ({model.file}): {cited.because}"
            take(lever, cited.value, Source(origin=Origin.MODEL, detail=detail, urls=cited.source))
    for lever, value in reported_capabilities(reported).items():
        take(lever, value, Source(origin=Origin.REPORTED, detail="the charger's configuration says so"))
    known_of_it = _levers_of(commissioned)
    unlearned = Capabilities.model_validate(values | known_of_it | site)
    for lever, lesson in _usable(learned).items():
        take(lever, lesson.value, Source(origin=Origin.LEARNED, detail=lesson.because))
    if commissioned is not None:
        whence = f"commissioned on {commissioned.on}, firmware {commissioned.firmware or 'not told'}"
        for lever, value in known_of_it.items():
            because = commissioned.because.get(lever, "")
            take(
                lever,
                value,
                Source(origin=Origin.COMMISSIONED, detail=f"{whence}: {because}" if because else whence),
            )
    for lever, value in site.items():
        take(
            lever, value, Source(origin=Origin.SITE, detail=f"depot.yaml chargers.{charger.id}.capabilities")
        )
    return Known(
        identity=identity,
        capabilities=Capabilities.model_validate(values).with_firmware(identity.firmware),
        unlearned=unlearned.with_firmware(identity.firmware),
        sources=sources,
        models=models,
        notes=tuple(note for model in models for note in model.entry.notes),
    )


def _levers_of(commissioned: Commissioned | None) -> dict[str, Any]:
    """What a commissioning has found, and with which firmware."""
    if commissioned is None:
        return {}
    return {"proven_with_firmware": commissioned.firmware, **commissioned.capabilities}


def is_commissioned(charger: Charger, identity: Identity) -> bool:
    """Whether what a charger was commissioned as still counts: not with another firmware.

    Where nobody says which firmware it has it does, as with model files: a plan is made without asking it.
    """
    found = charger.commissioned
    return found is not None and identity.firmware in {None, found.firmware or None}


def capabilities_of(charger: Charger) -> Capabilities:
    """The levers of a charger as far as they are known without asking it.

    Raises :class:`CapabilityError` for what ``depot.yaml`` says of it.
    """
    return known_of(charger).capabilities


def capabilities_as_proven(charger: Charger) -> Capabilities:
    """The levers of a charger if it still has the firmware with which it was commissioned.

    Raises :class:`CapabilityError` for what ``depot.yaml`` says of it.
    """
    firmware = charger.capabilities.get("proven_with_firmware")
    if not firmware and charger.commissioned is not None:
        firmware = charger.commissioned.firmware
    return known_of(charger, identity=replace(identity_of(charger), firmware=firmware or None)).capabilities


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


def _check(said: Mapping[str, Any], *, where: str) -> None:
    try:
        Capabilities.model_validate(dict(said))
    except ValidationError as error:
        raise CapabilityError(faults_of(error, where=where)) from error


def _check_site(said: Mapping[str, Any], *, where: str) -> None:
    _check(said, where=where)
    if said.get("accepted_is_proof") and not said.get("proven_with_firmware"):
        allowed = "true beside proven_with_firmware: another firmware may accept and not obey"
        fault = Fault(where=f"{where}.accepted_is_proof", found="true alone", allowed=allowed)
        raise CapabilityError([fault])


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
