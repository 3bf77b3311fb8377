"""Commissioning finds out what each simulated charge point is without being told: by what it takes, shows and draws.

The table says what follows from a persona for somebody who knows it; nothing here is taken from the code under test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dispatch.charger import Capabilities
from dispatch.commissioning.protocol import Check, Verdict
from dispatch.simulator.personas import PERSONAS
from tests.dispatch.commissioning.commission_builders import commissioned


@dataclass(frozen=True, kw_only=True)
class Quirk:
    """What a persona implies: values of levers (a range for what is measured at intervals), and the checks that have to fail because of it."""

    levers: Mapping[str, Any]
    fails: frozenset[Check] = frozenset()
    versions: tuple[str, ...] = ("1.6", "2.0.1")
    connectors: int = 2


def quirk(*fails: Check, **levers: Any) -> Quirk:
    return Quirk(levers=levers, fails=frozenset(fails))


QUIRKS: Mapping[str, Quirk] = {
    "power-only": quirk(unit="W"),
    "current-only": quirk(unit="A"),
    "one-slot": quirk(
        Check.PURPOSES, Check.SESSION, max_profiles=1, session_profile="never", station_max=False
    ),
    "refuses-all": quirk(Check.SET, smart_charging=False),
    "refuses-tenths": quirk(Check.DECIMALS, limit_step_a=0.5),
    "periods-by-stack-level": quirk(Check.PERIODS, max_periods=8),
    "full-refuses-replacement": quirk(Check.STORE, max_profiles=3, full_store_refuses=True),
    "default-only": quirk(Check.PURPOSES, Check.SESSION, session_profile="never", station_max=False),
    "no-relative": quirk(kind="absolute"),
    "no-absolute": quirk(Check.KINDS, Check.PURPOSES, kind="relative", station_max=False),
    "no-zero": quirk(Check.ZERO),
    "no-limit-below-minimum": quirk(Check.BELOW_MINIMUM, min_current_a=6.0),
    "no-smart-charging": quirk(Check.SET, smart_charging=False),
    "mute-to-profiles": quirk(Check.SET, smart_charging=False),
    "does-nothing": quirk(Check.OBEYS, smart_charging=False, accepted_is_proof=False),
    "ignores-profiles": quirk(Check.OBEYS, smart_charging=False, accepted_is_proof=False),
    "wrong-composite": quirk(Check.READ_BACK, read_back="skip", accepted_is_proof=True),
    "no-composite": quirk(read_back="skip", accepted_is_proof=True),
    "missing-composite": quirk(read_back="skip", accepted_is_proof=True),
    "composite-not-rebased": quirk(Check.READ_BACK, read_back="skip", accepted_is_proof=True),
    "amperes-as-total": quirk(Check.OBEYS, unit="W"),
    "phases-as-one": quirk(Check.WATTS, unit="A"),
    "station-max-per-connector": quirk(Check.CEILING, station_max=False),
    "slow-to-follow": quirk(settle_s=range(60, 76)),
    "default-ignored-in-session": quirk(Check.SESSION, session_profile="always"),
    "zero-ends-transaction": quirk(Check.PAUSE, zero_ends_session=True),
    "forgets-on-reboot": quirk(Check.REBOOT, forgets="on_boot"),
    "forgets-on-disconnect": quirk(Check.LINK, Check.REBOOT, forgets="on_reconnect"),
    "clock-behind": quirk(Check.CLOCK),
    "external-limit": Quirk(levers={}, fails=frozenset({Check.ALONE}), versions=("2.0.1",), connectors=1),
}

UNSEEN: Mapping[str, str] = {
    "honest": "it has no quirk",
    "phase-switching": "nothing that is sent asks for other phases than the connector has",
    "refuses-by-error": "it refuses only what it would refuse otherwise, and a CALLERROR is a refusal like any other",
    "no-profile-at-start": "no session is begun with a profile, neither by the dispatcher nor in the test",
    "mute-to-unknown": "nothing is asked of it that it does not know",
    "negative-composite": "-1 where nothing limits is read as that by everybody who compares",
    "offsets-as-utc": "every instant is sent in UTC, so that no offset can be misread",
    "silent-on-reconnect": "states are not needed: sessions and readings tell the same",
    "boots-on-reconnect": "a boot too many asks for one more look and changes nothing",
    "replays-meter-values": "readings count by their own time, so that old ones come too late to mislead",
    "announces-needs": "what a vehicle wants is no property of its charger",
}
"""Personas whose quirk no commissioning can see, or which makes no difference to what is sent, and why."""


def cases() -> list[tuple[str, str]]:
    return [(name, version) for name, found in QUIRKS.items() for version in found.versions]


def test_every_persona_is_either_found_or_said_to_be_unseen() -> None:
    assert QUIRKS.keys() | UNSEEN.keys() == PERSONAS.keys()
    assert not QUIRKS.keys() & UNSEEN.keys()


@pytest.mark.parametrize(("name", "version"), cases())
def test_the_quirk_of_a_persona_is_found_without_being_told(tmp_path: Path, name: str, version: str) -> None:
    known = QUIRKS[name]
    outcome, left = commissioned(tmp_path, name, version, connectors=known.connectors)
    levers = {lever: lesson.value for lever, lesson in outcome.protocol.levers.items()}
    for lever, value in known.levers.items():
        assert levers[lever] in value if isinstance(value, range) else levers[lever] == value, lever
    assert outcome.protocol.failed() == known.fails
    assert not outcome.has_passed or not known.fails
    assert (left, outcome.left, outcome.protocol.refused) == (set(), (), [])


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("name", UNSEEN)
def test_nothing_is_found_of_a_persona_whose_quirk_makes_no_difference(
    tmp_path: Path, name: str, version: str
) -> None:
    outcome, left = commissioned(tmp_path, name, version)
    assert {
        one.check: one.sentence for one in outcome.protocol.results if one.verdict is not Verdict.PASS
    } == {}
    assert {one.check for one in outcome.protocol.results} == set(Check)
    assert outcome.has_passed
    assert left == set()
    levers = {lever: lesson.value for lever, lesson in outcome.protocol.levers.items()}
    known = {lever: value for lever, value in levers.items() if lever in Capabilities.model_fields}
    assert Capabilities.model_validate(known).model_dump(exclude_defaults=True) == {
        "accepted_is_proof": True,
        "forgets": "never",
        "max_profiles": 10,
    } | ({"ceiling": True} if "ceiling" in Capabilities.model_fields else {})
