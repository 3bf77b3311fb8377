"""Trials under load: whether a vehicle's draw follows the limits, by the meter. They need a vehicle that charges."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta

from dispatch.commissioning.bearing import WouldBreakError
from dispatch.commissioning.bench import Bench
from dispatch.commissioning.forms import Form
from dispatch.commissioning.protocol import Check, Protocol, Verdict
from dispatch.commissioning.takes import is_taken
from dispatch.station import MeterReading, ProfileKind

LOOKS_S = (2, 5, 10, 15, 20, 30, 45, 60, 75, 90, 120, 150)
"""When the meter is looked at after a new limit; who has not followed by the last does not. [s]"""
SETTLE_MARGIN_S = 5
PATTERN_S = 30
"""How long each limit of the pattern lasts, where the charger follows faster than that. [s]"""
LATE_IN_PERIOD = 0.7
"""When in a period the meter is looked at, as a share of it."""


@dataclass(kw_only=True)
class Load:
    """A vehicle that charges on the bench. ``free``: what it draws with nothing of the test to limit it."""

    bench: Bench
    protocol: Protocol
    free: float
    settle_s: float = 5.0
    is_over: bool = False

    async def drawn(self, *, connector_id: int | None = None) -> tuple[float | None, MeterReading | None]:
        """What the meter shows now, in the unit of the values."""
        reading = await self.bench.reading(connector_id=connector_id)
        if reading is None:
            return None, None
        volts = self.bench.depot.site.voltage_v
        return self.bench.values.drawn(reading, self.bench.connector, voltage_v=volts), reading

    def is_over_limit(self, drawn: float, limit: float) -> bool:
        """Whether more is drawn than a limit allows."""
        return drawn > limit + self.bench.values.tolerance(limit)

    def fits(self, drawn: float, limit: float) -> bool:
        """Whether a vehicle draws what a limit and itself allow."""
        expected = min(limit, self.free)
        return not self.is_over_limit(drawn, limit) and drawn >= expected - self.bench.values.tolerance(
            expected
        )

    async def follows(self, limit: float) -> tuple[float | None, MeterReading | None, float | None]:
        """After how many seconds the draw fits a limit that was just set, with the last reading; None: never."""
        begun = (await self.bench.stations.live()).now
        drawn: float | None = None
        reading: MeterReading | None = None
        for look_s in LOOKS_S:
            gone_s = ((await self.bench.stations.live()).now - begun).total_seconds()
            await self.bench.pause(max(0.0, look_s - gone_s))
            drawn, reading = await self.drawn()
            if drawn is not None and self.fits(drawn, limit):
                return (reading.received_at - begun).total_seconds() if reading else None, reading, drawn
        return None, reading, drawn

    async def settled(self, limit: float) -> tuple[float | None, MeterReading | None]:
        """What is drawn once a limit that was just set has had time to settle."""
        await self.bench.pause(self.settle_s)
        drawn, reading = await self.drawn()
        if drawn is None or self.fits(drawn, limit):
            return drawn, reading
        await self.bench.pause(self.settle_s)
        return await self.drawn()


async def free(bench: Bench, protocol: Protocol) -> float | None:
    """What the vehicle draws with as high a limit as the site can bear; None where it draws nothing, or no meter shows it."""
    values, connector = bench.values, bench.connector
    most = connector.max_kw * 1000.0 if connector.is_dc else connector.max_current_a
    for limit in (most, values.high, values.mid):
        broken = await bench.bears(limit)
        if not broken:
            break
    else:
        protocol.note(Check.OBEYS, Verdict.CANNOT_TELL, f"not tried: {broken}")
        protocol.refused.append(broken)
        return None
    await bench.hold(limit)
    load = Load(bench=bench, protocol=protocol, free=limit)
    enough = values.low + values.step / 2.0
    drawn: float | None = None
    for look_s in LOOKS_S[:8]:
        await bench.pause(look_s)
        drawn, _ = await load.drawn()
        if drawn is None or drawn > enough:
            break
    if drawn is None or drawn <= values.tolerance(0.0):
        return await _as_it_is(bench, load, drawn)
    return drawn


async def _as_it_is(bench: Bench, load: Load, drawn: float | None) -> float | None:
    """It draws nothing at the highest limit: where it reads limits otherwise, it may with none at all."""
    if drawn is None:
        return None
    await bench.clear(next(iter(bench.held.values())))
    await bench.pause(load.settle_s)
    drawn, _ = await load.drawn()
    return drawn if drawn is not None and drawn > bench.values.tolerance(0.0) else None


async def obeys(load: Load) -> bool:
    """Whether limits are kept, in a form that is found on the way: for the session, or in the other unit."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    if load.free <= values.low + values.tolerance(values.low):
        sentence = f"the vehicle draws {values.text(load.free)} only: no lower limit can be seen"
        protocol.note(Check.OBEYS, Verdict.CANNOT_TELL, sentence)
        return False
    await bench.hold(values.low)
    seconds, reading, drawn = await load.follows(values.low)
    if seconds is None and drawn is not None and load.is_over_limit(drawn, values.low):
        seconds, reading, drawn = await _by_session(load, drawn)
    elif seconds is None and drawn is not None:
        seconds, reading, drawn = await _reads_less(load, drawn)
    if seconds is None or drawn is None:
        return False
    _judge_settling(load, seconds)
    for limit in (values.high, values.mid):
        if not await bench.bears(limit):
            await bench.hold(limit)
            drawn, reading = await load.settled(limit)
            if drawn is not None and load.is_over_limit(drawn, limit):
                sentence = f"it draws {values.text(drawn)} where {values.text(limit)} is allowed"
                protocol.note(Check.OBEYS, Verdict.FAIL, sentence, reading)
                return False
    protocol.note(
        Check.OBEYS, Verdict.PASS, f"what it draws follows the limits, after {seconds:.0f} s", reading
    )
    return True


def _judge_settling(load: Load, seconds: float) -> None:
    load.settle_s = max(load.settle_s, seconds + SETTLE_MARGIN_S)
    usual_s = load.bench.depot.policy.settle_s
    settle_s = min(300, math.ceil(seconds / 5.0) * 5)
    because = f"the meter showed a new limit after {seconds:.0f} s"
    load.protocol.find("settle_s", settle_s if settle_s > usual_s else 0, because)


async def _by_session(load: Load, drawn: float) -> tuple[float | None, MeterReading | None, float | None]:
    """A new default is not kept: a profile of the session may be; and if that is not either, nothing is."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    reply = await bench.hold_session(values.low)
    if is_taken(reply):
        seconds, reading, later = await load.follows(values.low)
        if seconds is not None:
            bench.by_session = True
            sentence = "a new TxDefaultProfile is not applied to a running session, a TxProfile is"
            protocol.note(Check.SESSION, Verdict.FAIL, sentence, reply, reading)
            protocol.find("session_profile", "always", sentence)
            return seconds, reading, later
        drawn = drawn if later is None else later
    sentence = (
        f"it draws {values.text(drawn)} where {values.text(values.low)} is allowed: Accepted is not obeyed"
    )
    reading = (await load.drawn())[1]
    protocol.note(Check.OBEYS, Verdict.FAIL, sentence, reading)
    protocol.find("smart_charging", False, sentence)
    return None, None, None


async def _reads_less(load: Load, drawn: float) -> tuple[float | None, MeterReading | None, float | None]:
    """It draws less than it may: amperes may be shared by all phases. Then watts are the way."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    sentence = f"it draws {values.text(drawn)} where {values.text(values.low)} is allowed"
    phases = bench.connector.phases
    if bench.form.unit == "A" and phases > 1:
        as_total = values.mid * phases
        try:
            await bench.hold(as_total)
        except WouldBreakError as error:
            sentence += f"; whether it reads amperes as the total of its phases cannot be tried: {error}"
        else:
            share, reading = await load.settled(values.mid)
            if share is not None and load.fits(share, values.mid):
                sentence = f"it reads amperes as the total of its {phases} phases: {values.text(share)} at {as_total:g} A"
                protocol.note(Check.OBEYS, Verdict.FAIL, sentence, reading)
    other: Form = replace(bench.form, unit="W")
    if (
        bench.form.unit == "A"
        and not bench.values.is_dc
        and is_taken(await bench.hold(values.low, form=other))
    ):
        bench.form = other
        seconds, reading, later = await load.follows(values.low)
        if seconds is not None:
            protocol.find("unit", "W", sentence)
            return seconds, reading, later
    protocol.note(Check.OBEYS, Verdict.FAIL, sentence)
    return None, None, None


async def watts(load: Load, *, takes: bool) -> None:
    """Whether watts are the total of all phases, and what a missing numberPhases means to it."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    phases = bench.connector.phases
    if bench.values.is_dc or phases == 1:
        protocol.note(Check.WATTS, Verdict.PASS, "there is one phase, or direct current: nothing to misread")
        protocol.note(Check.PHASES, Verdict.PASS, "there is one phase, or direct current: nothing to misread")
        return
    form = replace(bench.form, unit="W")
    if not takes:
        protocol.note(Check.WATTS, Verdict.CANNOT_TELL, "it takes no watts, and gets none")
    else:
        reply = await bench.hold(values.low, form=form, upper=values.low * phases)
        drawn, reading = await load.settled(values.low)
        if drawn is None:
            protocol.note(Check.WATTS, Verdict.CANNOT_TELL, "no reading of its meter", reply)
        elif load.is_over_limit(drawn, values.low):
            sentence = f"it reads watts as if for one phase: {values.text(drawn)} on each, {values.text(values.low)} allowed"
            protocol.note(Check.WATTS, Verdict.FAIL, sentence, reply, reading)
            if bench.form.unit == "A":
                protocol.find("unit", "A", sentence)
            else:
                protocol.find("smart_charging", False, f"{sentence}; and it takes no amperes")
        else:
            protocol.note(Check.WATTS, Verdict.PASS, "watts are the total of all phases", reply, reading)
    await _without_phases(load)


async def _without_phases(load: Load) -> None:
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    form = replace(bench.form, sends_phases=not bench.form.sends_phases)
    word = "without" if bench.form.sends_phases else "with"
    reply = await bench.hold(values.low, form=form, upper=values.low * bench.connector.phases)
    if not is_taken(reply):
        protocol.note(
            Check.PHASES, Verdict.CANNOT_TELL, f"{word} numberPhases it refuses: {reply.reason}", reply
        )
    else:
        drawn, reading = await load.settled(values.low)
        if drawn is None:
            protocol.note(Check.PHASES, Verdict.CANNOT_TELL, "no reading of its meter", reply)
        elif load.fits(drawn, values.low):
            protocol.note(
                Check.PHASES, Verdict.PASS, f"{word} numberPhases it draws the same", reply, reading
            )
        else:
            sentence = f"{word} numberPhases it draws {values.text(drawn)} at {values.text(values.low)}"
            protocol.note(Check.PHASES, Verdict.FAIL, sentence, reply, reading)
            protocol.find("number_phases", "send" if bench.form.sends_phases else "omit", sentence)
    await bench.hold(values.low)


async def step(load: Load) -> None:
    """Whether half amperes are held, or only whole ones."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    learned = protocol.levers.get("limit_step_a")
    if values.is_dc or bench.form.unit == "W" or (learned is not None and learned.value > 0.5):
        protocol.note(Check.STEP, Verdict.CANNOT_TELL, "no finer steps are sent to it")
        return
    if load.free < values.mid:
        protocol.note(Check.STEP, Verdict.CANNOT_TELL, "the vehicle draws too little")
        return
    half = values.low + 0.5
    await bench.hold(half)
    drawn, reading = await load.settled(half)
    if drawn is None or reading is None or reading.current_a is None:
        protocol.note(Check.STEP, Verdict.CANNOT_TELL, "its meter shows no current", reading)
    elif abs(drawn - half) <= 0.3:
        protocol.note(Check.STEP, Verdict.PASS, f"at {half:g} A it draws {drawn:.1f} A", reading)
    else:
        sentence = f"at {half:g} A it draws {drawn:.1f} A: its steps are whole amperes"
        protocol.note(Check.STEP, Verdict.FAIL, sentence, reading)
        protocol.find("limit_step_a", 1.0, sentence)
    await bench.hold(values.low)


async def pattern(load: Load) -> bool:
    """A pattern of limits that no accident draws, in one profile; after its end the lower level holds."""
    bench, protocol, values = load.bench, load.protocol, load.bench.values
    if bench.form.kind is ProfileKind.RELATIVE or bench.by_session:
        why = "it takes no absolute times" if not bench.by_session else "it follows no default in a session"
        protocol.note(Check.PATTERN, Verdict.CANNOT_TELL, why)
        return False
    limits = [values.mid, values.low, values.high, values.low, values.mid]
    if broken := await bench.bears(values.high):
        limits = [values.mid, values.low, values.mid, values.low, values.mid]
        if await bench.bears(values.mid):
            protocol.note(Check.PATTERN, Verdict.CANNOT_TELL, broken)
            protocol.refused.append(broken)
            return False
    each_s = max(PATTERN_S, math.ceil(load.settle_s * 2))
    begun = (await bench.stations.live()).now
    steps = [(index * each_s, limit) for index, limit in enumerate(limits)]
    reply = await bench.send(bench.profile(steps, now=begun))
    if not is_taken(reply):
        protocol.note(Check.PATTERN, Verdict.FAIL, f"it refuses the pattern: {reply.reason}", reply)
        return False
    wrong: list[str] = []
    witnesses: list[MeterReading] = []
    for index, limit in enumerate(limits):
        look_at = begun + timedelta(seconds=(index + LATE_IN_PERIOD) * each_s)
        await bench.pause((look_at - (await bench.stations.live()).now).total_seconds())
        drawn, reading = await load.drawn()
        if reading is not None:
            witnesses.append(reading)
        if drawn is None:
            wrong.append(f"no reading in period {index + 1}")
        elif not load.fits(drawn, limit):
            wrong.append(f"{values.text(drawn)} in period {index + 1}, where {values.text(limit)} is set")
    words = ", ".join(values.text(limit) for limit in limits)
    if wrong:
        protocol.note(
            Check.PATTERN,
            Verdict.FAIL,
            f"of {words} for {each_s} s each: {'; '.join(wrong)}",
            reply,
            *witnesses,
        )
    else:
        protocol.note(
            Check.PATTERN, Verdict.PASS, f"it followed {words} for {each_s} s each", reply, *witnesses
        )
    await bench.hold(values.low)
    await bench.pause(load.settle_s)
    return not wrong
