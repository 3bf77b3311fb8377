"""Trials of several connectors at once, and of what is left when the link is lost or the charger starts anew."""

from __future__ import annotations

from datetime import datetime, timedelta

from dispatch.commissioning.bench import Bench
from dispatch.commissioning.driven import Load
from dispatch.commissioning.protocol import Check, Protocol, Verdict
from dispatch.commissioning.takes import ceiling_of
from dispatch.station import MeterReading, Outcome, Reply
from dispatch.validate import Grade
from optimiser.depot import Connector

COMES_AGAIN_S = 300.0
"""How long it is waited for a charger to come again. [s]"""
QUIET_S = 15.0
"""How long it is left alone after it has come. [s]"""
LONG_ENOUGH_S = 60.0
"""An outage of which the meter's register tells what was drawn meanwhile. [s]"""


async def charging_beside(bench: Bench) -> list[Connector]:
    """The other connectors of the charger on which a session runs."""
    state = await bench.state()
    return [
        one
        for one in bench.charger.connectors
        if one.id != bench.connector.id and state.connector(one.id).transaction is not None
    ]


async def scope(load: Load, others: list[Connector]) -> None:
    """A limit of this connector leaves another one alone."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    if len(bench.charger.connectors) == 1:
        protocol.note(Check.SCOPE, Verdict.PASS, "it has one connector")
        return
    if not others:
        protocol.note(Check.SCOPE, Verdict.CANNOT_TELL, "no vehicle charges on another connector")
        return
    beside = others[0].id
    if await bench.bears(values.mid):
        protocol.note(Check.SCOPE, Verdict.CANNOT_TELL, "the site can bear one limit only")
        return
    await bench.hold(values.mid)
    await bench.pause(load.settle_s)
    before, _ = await load.drawn(connector_id=beside)
    reply = await bench.hold(values.low)
    await bench.pause(load.settle_s)
    after, reading = await load.drawn(connector_id=beside)
    if before is None or after is None or before <= values.tolerance(0.0):
        protocol.note(Check.SCOPE, Verdict.CANNOT_TELL, f"no vehicle draws anything on connector {beside}")
    elif abs(before - after) <= values.tolerance(before):
        sentence = f"connector {beside} drew {values.text(after)} as before"
        protocol.note(Check.SCOPE, Verdict.PASS, sentence, reply, reading)
    else:
        sentence = f"connector {beside} went from {values.text(before)} to {values.text(after)}"
        protocol.note(Check.SCOPE, Verdict.FAIL, sentence, reply, reading)


async def ceiling(load: Load, others: list[Connector]) -> None:
    """The charger's maximum, against the sum of what all its connectors draw."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    if protocol.verdict(Check.PURPOSES) is not Verdict.PASS:
        protocol.note(Check.CEILING, Verdict.CANNOT_TELL, "it takes no limit for the whole charger")
        return
    if len(bench.charger.connectors) > 1 and not others:
        protocol.note(Check.CEILING, Verdict.CANNOT_TELL, "no vehicle charges on another connector")
        return
    raised = values.mid if not await bench.bears(values.mid) else values.low
    await bench.hold(raised)
    await bench.pause(load.settle_s)
    places = [bench.connector, *others]
    limit = values.low * len(places) + (values.step / 2.0 if others else 0.0)
    reply = await bench.send(await ceiling_of(bench, round(limit, 1)))
    await bench.pause(load.settle_s)
    readings: list[MeterReading] = []
    total = 0.0
    for place in places:
        drawn, reading = await load.drawn(connector_id=place.id)
        total += drawn or 0.0
        readings += [reading] if reading is not None else []
    if len(readings) < len(places):
        protocol.note(Check.CEILING, Verdict.CANNOT_TELL, "not every connector's meter was read", reply)
    elif load.is_over_limit(total, limit):
        sentence = (
            f"its connectors draw {values.text(total)} together where {values.text(limit)} is its maximum"
        )
        protocol.note(Check.CEILING, Verdict.FAIL, sentence, reply, *readings)
        protocol.find("station_max", False, sentence)
        protocol.find("ceiling", False, sentence)
    elif raised <= limit and not others:
        sentence = "the site cannot bear more than the maximum that would be shown"
        protocol.note(Check.CEILING, Verdict.CANNOT_TELL, sentence, reply, *readings)
    else:
        sentence = f"its connectors draw {values.text(total)} together, {values.text(limit)} is its maximum"
        protocol.note(Check.CEILING, Verdict.PASS, sentence, reply, *readings)
        protocol.find("ceiling", True, sentence)
    await bench.hold(values.low)
    await bench.clear(await ceiling_of(bench, limit))


async def link_lost(bench: Bench, protocol: Protocol, load: Load | None, *, reads_back: bool) -> bool | None:
    """Whether the limit holds while the link is lost; None where nobody can tell."""
    values = bench.values
    await bench.hold(values.low)
    await bench.pause(load.settle_s if load else 0.0)
    before = await bench.reading() if load else None
    came = (await bench.state()).connected_since
    reply = await bench.stations.disconnect(bench.charger.id)
    if not await _comes_again(bench, connected=came):
        protocol.note(
            Check.LINK, Verdict.CANNOT_TELL, "it did not come again after its socket was closed", reply
        )
        return None
    await bench.pause(QUIET_S)
    found = await _kept(
        bench,
        protocol,
        load,
        check=Check.LINK,
        words="while the link was lost",
        reply=reply,
        reads_back=reads_back,
    )
    after = await bench.reading() if load else None
    mean = _mean_kw(before, after)
    if found and load is not None and mean is not None:
        most_kw = _most_kw(bench, values.low)
        if mean > most_kw * 1.05 + 0.2:
            sentence = f"while the link was lost it drew {mean:.2f} kW, {most_kw:.2f} kW allowed"
            protocol.note(Check.LINK, Verdict.FAIL, sentence, before, after)
    return found


async def reboot(bench: Bench, protocol: Protocol, load: Load | None, *, reads_back: bool) -> bool | None:
    """Whether it remembers its profiles over a restart; None where nobody can tell."""
    await bench.hold(bench.values.low)
    booted = (await bench.state()).booted_at
    reply = await bench.stations.reset(bench.charger.id)
    if reply.outcome is Outcome.REFUSED:
        sentence = (
            f"it refuses to restart ({reply.reason}): switch its power off and on, and commission it again"
        )
        protocol.note(Check.REBOOT, Verdict.CANNOT_TELL, sentence, reply)
        return None
    if not await _comes_again(bench, booted=booted):
        protocol.note(Check.REBOOT, Verdict.CANNOT_TELL, "it did not boot within five minutes", reply)
        return None
    await bench.pause(QUIET_S)
    return await _kept(
        bench, protocol, load, check=Check.REBOOT, words="over a restart", reply=reply, reads_back=reads_back
    )


async def _kept(
    bench: Bench,
    protocol: Protocol,
    load: Load | None,
    *,
    check: Check,
    words: str,
    reply: Reply,
    reads_back: bool,
) -> bool | None:
    """Whether the limit that held before still holds: by its meter where a vehicle charges, else as it reads back."""
    values = bench.values
    bench.held = {
        number: one for number, one in bench.held.items() if one.transaction_id is None or check is Check.LINK
    }
    answer, comparison = await bench.prove()
    shows = None
    if reads_back and comparison.grade is not Grade.UNUSABLE:
        shows = comparison.grade is not Grade.HIGHER
    drawn: float | None = None
    reading: MeterReading | None = None
    if load is not None and await bench.transaction_id() is not None:
        await bench.pause(load.settle_s)
        drawn, reading = await load.drawn()
    obeys = None if drawn is None or load is None else not load.is_over_limit(drawn, values.low)
    # A vehicle that draws nothing at all shows nothing, where the read-back does not.
    if obeys and drawn is not None and drawn <= values.tolerance(0.0):
        obeys = None
    if obeys is False or shows is False:
        what = (
            f"it drew {values.text(drawn)}" if obeys is False and drawn is not None else comparison.sentence
        )
        protocol.note(
            check, Verdict.FAIL, f"it forgot its limit {words}: {what}", reply, answer.reply, reading
        )
        return False
    if obeys is None and shows is None:
        protocol.note(
            check, Verdict.CANNOT_TELL, "it shows no limit, and no vehicle charges", reply, answer.reply
        )
        return None
    how = "by its meter" if obeys else "as it reads back; no vehicle showed it"
    verdict = Verdict.PASS if obeys else Verdict.CANNOT_TELL
    protocol.note(check, verdict, f"its limit held {words}, {how}", reply, answer.reply, reading)
    return True


async def _comes_again(
    bench: Bench, *, connected: datetime | None = None, booted: datetime | None = None
) -> bool:
    """Wait until it is connected and has a newer socket, or a newer boot."""
    live = await bench.stations.live()
    until = live.now + timedelta(seconds=COMES_AGAIN_S)
    while True:
        state = live.charger(bench.charger.id)
        is_new = state.connected_since != connected if connected is not None else state.booted_at != booted
        if state.connected_since is not None and is_new:
            return True
        left_s = (until - live.now).total_seconds()
        if left_s <= 0:
            return False
        live = await bench.stations.wait_for_change(after=live.now, timeout_s=left_s)


def _most_kw(bench: Bench, value: float) -> float:
    if bench.connector.is_dc:
        return value / 1000.0
    return value * bench.connector.phases * bench.depot.site.voltage_v / 1000.0


def _mean_kw(before: MeterReading | None, after: MeterReading | None) -> float | None:
    """Mean power between two readings of the register, where they are far enough apart. [kW]"""
    if before is None or after is None or before.energy_kwh is None or after.energy_kwh is None:
        return None
    seconds = (after.at - before.at).total_seconds()
    if seconds < LONG_ENOUGH_S:
        return None
    return (after.energy_kwh - before.energy_kwh) / (seconds / 3600.0)
