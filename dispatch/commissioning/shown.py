"""Trials of what a charger shows: its composite schedule, its clock, stacks, boundaries and recurrence. No vehicle."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dispatch.commissioning.bench import Bench
from dispatch.commissioning.protocol import Check, Protocol, Verdict
from dispatch.commissioning.takes import is_taken
from dispatch.edges import CLOCK_ERROR_S
from dispatch.leftovers import TEST_IDS
from dispatch.station import CompositeReply, Outcome, ProfileKind, Purpose, StationProfile
from dispatch.validate import Comparison, Grade

DAY_S = 24 * 3600
SHORTLY_S, LATER_S = 120, 300
"""When something of the test begins and ends, in seconds from now."""
FAR_S = 600
LAG_S = 15.0
"""How long a charger may take to show what it has accepted. [s]"""


async def alone(
    bench: Bench, protocol: Protocol, before: tuple[CompositeReply, Comparison], *, reads_back: bool
) -> None:
    """What is installed that is not ours: by its own list, else by what it showed ``before`` the test.

    OCPP 1.6 has no such list; there a charger that refuses to tell a schedule, and tells one as soon as there is a
    profile, had none.
    """
    answer = await bench.stations.installed_profiles(bench.charger.id)
    if answer.profiles is None:
        _alone_as_shown(bench, protocol, before, reads_back=reads_back)
        return
    ours = {profile.profile_id for profile in bench.ledger()} | set(TEST_IDS)
    foreign = [one for one in answer.profiles if one.profile_id not in ours]
    if not foreign:
        protocol.note(Check.ALONE, Verdict.PASS, "it holds nothing of anybody else", answer.reply)
        return
    named = ", ".join(f"profile {one.profile_id} of {one.source or 'somebody'}" for one in foreign)
    protocol.note(Check.ALONE, Verdict.FAIL, f"somebody else limits it: {named}", answer.reply)


def _alone_as_shown(
    bench: Bench, protocol: Protocol, before: tuple[CompositeReply, Comparison], *, reads_back: bool
) -> None:
    reply, comparison = before
    if not reads_back:
        sentence = "it neither lists its profiles nor shows what they come to"
        protocol.note(Check.ALONE, Verdict.CANNOT_TELL, sentence, reply.reply)
    elif comparison.grade is Grade.MATCH or (comparison.grade is Grade.UNUSABLE and not bench.ledger()):
        protocol.note(
            Check.ALONE, Verdict.PASS, "before the test it showed nothing of anybody else", reply.reply
        )
    else:
        sentence = f"before the test it showed what is not ours: {comparison.sentence}"
        protocol.note(Check.ALONE, Verdict.FAIL, sentence, reply.reply)


async def read_back(bench: Bench, protocol: Protocol) -> bool:
    """Whether it shows what it was sent: three limits of which the first began minutes ago."""
    values = bench.values
    live = await bench.stations.live()
    steps = [(0.0, values.low)]
    if bench.form.kind is ProfileKind.ABSOLUTE:
        steps += [(SHORTLY_S, values.mid), (LATER_S, values.low)]
    reply = await bench.send(bench.profile(steps, now=live.now))
    answer, comparison = await bench.prove()
    if comparison.grade is Grade.HIGHER:
        # Some show a profile only after a while; and whose clock is wrong is known from its first answer on.
        await bench.pause(LAG_S)
        live = await bench.stations.live()
        reply = await bench.send(bench.profile(steps, now=live.now))
        answer, comparison = await bench.prove()
    if answer.reply.outcome is Outcome.ACCEPTED and answer.schedule is not None:
        ahead_s = (await bench.state()).clock_ahead_s
        _judge_clock(protocol, answer, live.now, ahead_s=ahead_s)
    else:
        protocol.note(
            Check.CLOCK, Verdict.CANNOT_TELL, "it does not tell from when its schedule is", answer.reply
        )
    await bench.hold(values.low)
    if comparison.grade in {Grade.MATCH, Grade.LOWER}:
        sentence = "its composite schedule shows what it was sent"
        protocol.note(Check.READ_BACK, Verdict.PASS, sentence, reply, answer.reply)
        protocol.find("read_back", "ask", sentence)
        return True
    verdict = Verdict.FAIL if comparison.grade is Grade.HIGHER else Verdict.CANNOT_TELL
    sentence = f"its composite schedule is of no use: {comparison.sentence}"
    protocol.note(Check.READ_BACK, verdict, sentence, reply, answer.reply)
    protocol.find("read_back", "skip", sentence)
    return False


def _judge_clock(protocol: Protocol, answer: CompositeReply, asked_at: datetime, *, ahead_s: float) -> None:
    """Its clock by its own schedule; ``ahead_s`` is what whoever holds its socket has found, and makes up for. [s]"""
    assert answer.schedule is not None
    off_s = ahead_s or (answer.schedule.start - asked_at).total_seconds()
    if abs(off_s) <= CLOCK_ERROR_S:
        protocol.note(Check.CLOCK, Verdict.PASS, f"its clock is right within {CLOCK_ERROR_S} s", answer.reply)
        return
    sentence = f"its clock is {abs(off_s):.0f} s {'behind' if off_s < 0 else 'ahead'}"
    sentence += ": it is spoken to in its own time, as long as it stays so" if ahead_s else ""
    protocol.note(Check.CLOCK, Verdict.FAIL, sentence, answer.reply)


async def stack(bench: Bench, protocol: Protocol) -> None:
    """A higher level over a lower one that ends: it wins, then the lower one holds."""
    if bench.form.kind is ProfileKind.RELATIVE or bench.level == bench.lower_level:
        why = "it has one stack level" if bench.level == bench.lower_level else "it takes no absolute times"
        protocol.note(Check.STACK, Verdict.CANNOT_TELL, why)
        return
    values = bench.values
    lower = await _lower(bench, values.mid)
    reply = await bench.send(lower)
    if not is_taken(reply):
        protocol.note(Check.STACK, Verdict.FAIL, f"it takes no second stack level: {reply.reason}", reply)
        return
    now = (await bench.stations.live()).now
    upper = await bench.send(bench.profile([(0, values.low)], now=now, valid_to_s=SHORTLY_S))
    answer, comparison = await bench.read_back(duration_s=FAR_S)
    _judge(
        protocol,
        Check.STACK,
        "the higher level wins, and the lower one holds after its end",
        answer,
        comparison,
    )
    del upper
    await bench.hold(values.low)
    await bench.clear(lower)


async def boundaries(bench: Bench, protocol: Protocol) -> None:
    """Periods and validity in the time to come: each where it was put."""
    if bench.form.kind is ProfileKind.RELATIVE:
        protocol.note(Check.BOUNDARIES, Verdict.CANNOT_TELL, "it takes no absolute times")
        return
    values = bench.values
    now = (await bench.stations.live()).now
    steps = [(0.0, values.low), (SHORTLY_S, values.mid), (LATER_S, values.high)]
    if await bench.bears(values.high):
        steps = steps[:2]
    reply = await bench.send(bench.profile(steps, now=now, valid_to_s=FAR_S - SHORTLY_S))
    answer, comparison = await bench.read_back(duration_s=FAR_S)
    words = "periods and validity begin and end when they should"
    if is_taken(reply):
        _judge(protocol, Check.BOUNDARIES, words, answer, comparison)
    else:
        protocol.note(
            Check.BOUNDARIES, Verdict.FAIL, f"it refuses a profile that ends: {reply.reason}", reply
        )
    await bench.hold(values.low)


async def recurrence(bench: Bench, protocol: Protocol) -> None:
    """A daily schedule that began yesterday: its window comes again today."""
    if bench.level == bench.lower_level:
        protocol.note(Check.RECURRENCE, Verdict.CANNOT_TELL, "it has one stack level")
        return
    values = bench.values
    lower = await _lower(bench, values.mid)
    beneath = await bench.send(lower)
    now = (await bench.stations.live()).now
    daily = bench.profile(
        [(0, values.low)],
        now=now,
        kind=ProfileKind.DAILY,
        begins_s=SHORTLY_S - DAY_S,
        duration_s=LATER_S - SHORTLY_S,
    )
    reply = await bench.send(daily)
    if not (is_taken(reply) and is_taken(beneath)):
        protocol.note(Check.RECURRENCE, Verdict.FAIL, f"it takes no daily schedule: {reply.reason}", reply)
    else:
        answer, comparison = await bench.read_back(duration_s=FAR_S)
        _judge(protocol, Check.RECURRENCE, "a daily schedule comes again", answer, comparison)
    await bench.hold(values.low)
    await bench.clear(lower)


async def clear(bench: Bench, protocol: Protocol) -> None:
    """Whether a profile is gone once it was removed: one on the lower level, which shows nothing meanwhile."""
    now = (await bench.stations.live()).now
    profile = bench.profile([(0, bench.values.low)], now=now, level=bench.lower_level)
    if bench.level == bench.lower_level:
        protocol.note(Check.CLEAR, Verdict.CANNOT_TELL, "its one place holds the limit that guards the test")
        return
    if not is_taken(await bench.send(profile)):
        protocol.note(Check.CLEAR, Verdict.CANNOT_TELL, "there is no room for a second profile")
        return
    reply = await bench.clear(profile)
    if is_taken(reply):
        protocol.note(Check.CLEAR, Verdict.PASS, "a profile can be removed by its id", reply)
    else:
        protocol.note(Check.CLEAR, Verdict.FAIL, f"a profile cannot be removed: {reply.reason}", reply)


async def _lower(bench: Bench, value: float) -> StationProfile:
    now = (await bench.stations.live()).now
    form = replace(bench.form)
    return bench.profile(
        [(0, value)], now=now, form=form, level=bench.lower_level, purpose=Purpose.TX_DEFAULT
    )


def _judge(
    protocol: Protocol, check: Check, words: str, answer: CompositeReply, comparison: Comparison
) -> None:
    if comparison.grade is Grade.MATCH:
        protocol.note(check, Verdict.PASS, f"{words}, as it reads back", answer.reply)
    elif comparison.grade is Grade.LOWER:
        protocol.note(check, Verdict.PASS, f"{words}, or lower: {comparison.sentence}", answer.reply)
    elif comparison.grade is Grade.HIGHER:
        protocol.note(check, Verdict.FAIL, comparison.sentence, answer.reply)
    else:
        protocol.note(check, Verdict.CANNOT_TELL, comparison.sentence, answer.reply)
