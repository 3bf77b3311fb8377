"""What the store remembers of a connector: when it was last looked at, what it has refused, what it left unanswered. Pure.

A tick begins with nothing but this. What nobody has looked at for long, or not since the charger was away, is as good
as never seen; what was refused is not asked again for a while that grows, unless the charger was away or something
else is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch.charger import Capabilities
from dispatch.composite import equivalent
from dispatch.evidence import Command, Verdict
from dispatch.station import ChargerState, Outcome, Reply, StationProfile
from dispatch.store.ledger import Seen
from dispatch.validate import Comparison, Grade

JITTER = timedelta(seconds=60)
"""How much earlier than the last one a tick may come. A tick by the clock takes some seconds before it asks."""
REWRITTEN_AGAIN = timedelta(hours=1)
"""After this a charger that shows more than it has accepted is sent it once more."""
MAX_REFUSED = 96
"""How often one profile of a connector may be refused in a night, in whatever forms and for whatever plans; later it
is only asked after pauses."""


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """What a connector has refused since it came and since it last accepted the same profile, oldest first.

    ``every``: from one tick to the next.
    """

    commands: tuple[Command, ...] = ()
    every: timedelta = timedelta(minutes=15)

    def answer_to(self, profile: StationProfile, *, now: datetime) -> Reply | None:
        """What it said to the same when it was last asked; None where it should be asked."""
        asked = self._asked(profile.profile_id)
        if not asked or now >= self.due_at(profile.profile_id):
            return None
        same = [command for command in asked if equivalent(command.profile, profile, since=now)]
        if not same and len(asked) < MAX_REFUSED:
            return None
        last = (same or asked)[-1]
        return Reply(
            outcome=Outcome.REFUSED,
            reason=last.reason,
            message_id=last.message_id,
            at=last.answered_at or last.at,
        )

    def due_at(self, profile_id: int) -> datetime:
        """When it may be asked again for what it has refused: after one tick, then one, two, four, eight …"""
        asked = self._asked(profile_id)
        return asked[-1].at + max(self.every, asked[-1].at - asked[0].at) - JITTER

    def sentence(self, profile_id: int, *, zone: ZoneInfo) -> str:
        """How often it has refused, and when it will be asked again."""
        asked = self._asked(profile_id)
        if not asked:
            return ""
        times = "once" if len(asked) == 1 else f"{len(asked)} times"
        first, due = (at.astimezone(zone) for at in (asked[0].at, self.due_at(profile_id) + JITTER))
        return f"refused {times} since {first:%H:%M}, asked again from {due:%H:%M}"

    def _asked(self, profile_id: int) -> list[Command]:
        return [command for command in self.commands if command.profile.profile_id == profile_id]


def came_at(state: ChargerState) -> datetime | None:
    """When a charger connected, booted, or its clock was found to be another one, whichever was latest."""
    instants = state.connected_since, state.booted_at, state.clock_found_at
    return max(filter(None, instants), default=None)


def seen_before(
    seen: Seen | None, *, came: datetime | None, held_since: datetime | None, earliest: datetime
) -> Comparison | None:
    """What the last look at a connector still says; None where it has to be looked at anew.

    What was contradicted is looked at again at once, and so is what showed less: how much less is not remembered.
    """
    if seen is None or seen.verdict is Verdict.CONTRADICTED:
        return None
    if any(since is not None and seen.at < since for since in (came, held_since, earliest)):
        return None
    sentence = seen.sentence.removeprefix("audit").removeprefix(": ")
    if seen.verdict is Verdict.CANNOT_TELL:
        return Comparison(grade=Grade.UNUSABLE, sentence=sentence)
    return None if sentence else Comparison(grade=Grade.MATCH)


def is_remembered(
    seen: Seen | None, words: Capabilities, *, held_since: datetime | None, booted_at: datetime | None
) -> bool:
    """Whether a connector that was not looked at since its charger left is proven to hold what it has accepted.

    By the last look at it, where its charger is proven to forget nothing. A look proves nothing of what was accepted
    after it, and nothing beyond a restart: that may have been one with other firmware.
    """
    if words.forgets != "never" or words.proof != "read_back" or seen is None or held_since is None:
        return False
    since = held_since if booted_at is None else max(held_since, booted_at)
    return seen.verdict is Verdict.CONFIRMED and seen.at >= since


def is_denied(seen: Seen | None, *, held_since: datetime | None) -> bool:
    """Whether the last look at a connector has shown more than all that it has accepted."""
    if seen is None or held_since is None:
        return False
    return seen.verdict is Verdict.CONTRADICTED and seen.at >= held_since


def is_proven_by_word(
    words: Capabilities,
    *,
    first: datetime | None,
    booted_at: datetime | None,
    connected_since: datetime | None,
) -> bool:
    """Whether Accepted proves all that is held: model and firmware were commissioned as obeying.

    ``first``: when the oldest of it was accepted. What was accepted before a restart may be lost, and so may what was
    accepted on another socket, unless the charger is proven to forget nothing.
    """
    if not words.accepted_is_proof or first is None or (booted_at is not None and first <= booted_at):
        return False
    return words.forgets == "never" or (connected_since is not None and first > connected_since)


def is_rewritten_in_vain(
    seen: Seen | None, *, came: datetime | None, held_since: datetime | None, now: datetime
) -> bool:
    """Whether a connector was last seen to allow more than what it had accepted by then, and not long ago.

    It was sent all of it again when it first showed more. A clock that is wrong, or a profile of somebody else, does
    not go away by that.
    """
    if seen is None or held_since is None or seen.verdict is not Verdict.CONTRADICTED:
        return False
    is_after = seen.at >= held_since and (came is None or seen.at > came)
    return is_after and now - held_since < REWRITTEN_AGAIN - JITTER


def is_silent(unanswered: Sequence[Command], seen: Seen | None, *, came: datetime | None) -> bool:
    """Whether a charger has left unanswered what it was last asked, and has not come anew since."""
    last = max((command.at for command in unanswered), default=None)
    if last is None or (came is not None and came > last):
        return False
    return seen is None or seen.at < last or seen.verdict is not Verdict.CONFIRMED
