"""What an unfinished commissioning has left on a charger: noted before anything is sent, taken away by whoever writes next.

Knows the note (``commissioned/ID.unfinished`` in the depot's folder) and the ids under which a commissioning installs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from dispatch.evidence import Command, Layer
from dispatch.journal import Journal
from dispatch.station import LiveState, Outcome, Reply, Stations, TransactionId

FOLDER = "commissioned"
FIRST_TEST_ID = 9000
"""Ids of a commissioning's profiles begin here, far above those of floors, plans and overrides."""
TEST_IDS = range(FIRST_TEST_ID, FIRST_TEST_ID + 500)
ORDER = (Layer.FLOOR, Layer.PLAN, Layer.OVERRIDE)


def note_file(folder: Path, charger_id: str) -> Path:
    """Where it is noted that a commissioning of a charger has begun and not ended."""
    return folder / FOLDER / f"{charger_id}.unfinished"


def note(folder: Path, charger_id: str, profile_ids: Iterable[int]) -> None:
    """Note under which ids a charger may hold profiles of a commissioning, before any of them is sent."""
    file = note_file(folder, charger_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_suffix(".noting")
    staged.write_text(json.dumps({"profile_ids": sorted(profile_ids)}), encoding="utf-8")
    staged.replace(file)


def noted(folder: Path) -> dict[str, list[int]]:
    """What unfinished commissionings may have left, by charger; every test id where a note cannot be read."""
    found: dict[str, list[int]] = {}
    for file in sorted((folder / FOLDER).glob("*.unfinished")):
        try:
            ids = json.loads(file.read_text(encoding="utf-8"))["profile_ids"]
            found[file.stem] = [number for number in ids if number in TEST_IDS]
        except (OSError, ValueError, KeyError, TypeError):
            found[file.stem] = list(TEST_IDS)
    return found


async def take_away(folder: Path, live: LiveState, *, journal: Journal, stations: Stations) -> list[str]:
    """Take away what unfinished commissionings have left on chargers that are there, and say so.

    ``journal`` is one to write under a lease. What does not succeed is left for the next time.
    """
    said: list[str] = []
    for charger_id, ids in noted(folder).items():
        state = live.charger(charger_id)
        if state.connected_since is None:
            said.append(f"{charger_id}: a commissioning was not finished, and it is not connected")
            continue
        running = [one.transaction.transaction_id for one in state.connectors if one.transaction]
        failed = await put_back(
            charger_id, ids, running=running, now=live.now, journal=journal, stations=stations
        )
        if failed:
            said.append(f"{charger_id}: what a commissioning has left could not be removed: {failed[0]}")
            continue
        note_file(folder, charger_id).unlink(missing_ok=True)
        said.append(f"{charger_id}: what an unfinished commissioning had left was removed")
    return said


async def put_back(
    charger_id: str,
    test_ids: Sequence[int],
    *,
    running: Sequence[TransactionId],
    now: datetime,
    journal: Journal,
    stations: Stations,
) -> list[str]:
    """Leave a charger with what the ledger says that it holds, and nothing of a test; returns what has failed.

    What belongs there is sent first, so that it lies under what is then removed; a charger that was full takes the
    rest afterwards.
    """
    commands = sorted(
        (one for _, one in journal.installed(charger_id)), key=lambda one: ORDER.index(one.layer)
    )
    due = [
        one
        for one in commands
        if (one.profile.valid_to is None or one.profile.valid_to > now)
        and one.profile.transaction_id in {None, *running}
    ]
    left = [one for one in due if not _is_accepted(await _send(one, journal=journal, stations=stations))]
    failed: list[str] = []
    for number in test_ids:
        reply = await stations.clear_profile(charger_id, number)
        if not _is_accepted(reply):
            failed.append(f"profile {number}: {reply.reason or reply.outcome}")
    for one in left:
        reply = await _send(one, journal=journal, stations=stations)
        if not _is_accepted(reply):
            failed.append(f"{one.layer}: {reply.reason or reply.outcome}")
    return failed


async def _send(command: Command, *, journal: Journal, stations: Stations) -> Reply:
    live = await stations.live()
    command_id = journal.begin_command(
        night=command.night,
        at=live.now,
        charger_id=command.charger_id,
        layer=command.layer,
        profile=command.profile,
    )
    reply = await stations.set_profile(command.charger_id, command.profile)
    journal.finish_command(command_id, reply)
    return reply


def _is_accepted(reply: Reply) -> bool:
    return reply.outcome is Outcome.ACCEPTED
