"""Trials of a running session: a profile of its own, and a pause. They need a vehicle that charges."""

from __future__ import annotations

from dispatch.commissioning.driven import Load
from dispatch.commissioning.protocol import Check, Verdict
from dispatch.commissioning.takes import is_taken, zero

RESUME_S = 60.0
"""How long a vehicle may take to charge again in a session that was begun anew. [s]"""


async def session(load: Load) -> None:
    """A profile of the running session, lower than the default that holds."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    if bench.by_session:
        return
    if await bench.bears(values.mid):
        protocol.note(Check.SESSION, Verdict.CANNOT_TELL, "the site can bear one limit only")
        return
    await bench.hold(values.mid)
    reply = await bench.hold_session(values.low)
    if not is_taken(reply):
        sentence = f"it takes no TxProfile for a running session: {reply.reason or reply.outcome}"
        protocol.note(Check.SESSION, Verdict.FAIL, sentence, reply)
        protocol.find("session_profile", "never", sentence)
    else:
        drawn, reading = await load.settled(values.low)
        if drawn is None:
            protocol.note(Check.SESSION, Verdict.CANNOT_TELL, "no reading of its meter", reply)
        elif load.fits(drawn, values.low):
            sentence = "a profile of the session goes before the default"
            protocol.note(Check.SESSION, Verdict.PASS, sentence, reply, reading)
            protocol.find("session_profile", "replanned", sentence)
        else:
            sentence = f"a TxProfile of {values.text(values.low)} has no effect: {values.text(drawn)}"
            protocol.note(Check.SESSION, Verdict.FAIL, sentence, reply, reading)
            protocol.find("session_profile", "never", sentence)
    await bench.hold(values.low)
    for profile in [one for one in bench.held.values() if one.transaction_id is not None]:
        await bench.clear(profile)


async def pause(load: Load) -> None:
    """0, and on again: whether the session outlives it, and whether one profile is enough to go on."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    before = (await bench.state()).connector(bench.connector.id).transaction
    reply = await zero(bench, protocol)
    if not is_taken(reply):
        protocol.note(Check.PAUSE, Verdict.CANNOT_TELL, "it takes no limit of 0")
        return
    await bench.pause(load.settle_s + 5.0)
    drawn, reading = await load.drawn()
    after = await bench.transaction_id()
    if drawn is not None and drawn > values.tolerance(0.0):
        sentence = f"at 0 it draws {values.text(drawn)}"
        protocol.note(Check.PAUSE, Verdict.FAIL, sentence, reply, reading)
        await bench.hold(values.low)
        return
    if before is not None and after != before.transaction_id:
        sentence = "a limit of 0 ends the session"
        protocol.note(Check.PAUSE, Verdict.FAIL, sentence, reply, reading)
        protocol.find("zero_ends_session", True, sentence)
        await bench.hold(values.low)
        tag = before.id_tag or ""
        if tag:
            await bench.stations.start_transaction(
                bench.charger.id, connector_id=bench.connector.id, id_tag=tag
            )
            await bench.pause(RESUME_S)
        load.is_over = await bench.transaction_id() is None
        return
    protocol.find("zero_ends_session", False, "the session outlived a limit of 0")
    await bench.hold(values.low)
    seconds, reading, _ = await load.follows(values.low)
    again = seconds is None
    if again:
        await bench.hold(values.low)
        seconds, reading, _ = await load.follows(values.low)
    if seconds is None:
        protocol.note(Check.PAUSE, Verdict.FAIL, "after a limit of 0 it does not charge again", reading)
        load.is_over = True
        return
    words = "with the second profile" if again else "with one profile"
    protocol.find("repeat_after_pause", again, f"after a limit of 0 it charges again {words}")
    verdict = Verdict.FAIL if again else Verdict.PASS
    protocol.note(Check.PAUSE, verdict, f"the session outlives 0, and goes on {words}", reply, reading)
