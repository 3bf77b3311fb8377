"""Trials of what a charger takes: units, kinds, decimals, zero, periods, purposes, a full store. They need no vehicle."""

from __future__ import annotations

from dataclasses import replace

from dispatch.charger import reported_capabilities
from dispatch.commissioning.bench import Bench
from dispatch.commissioning.forms import Form
from dispatch.commissioning.protocol import Check, Protocol, Verdict
from dispatch.station import Outcome, ProfileKind, Purpose, RateUnit, Reply, StationProfile
from dispatch.validate import Grade

ASKED_PERIODS = 24
"""Periods that are tried where a charger does not say how many it keeps."""
MOST_PERIODS = 48
"""Periods that are tried at most: a night of quarter hours is compressed to fewer anyhow."""
PERIOD_S = 20
MOST_STORED = 12
"""How many profiles are installed at most to see what a full charger does."""
TENTHS = (0.1, 0.3, 0.6, 0.7)
"""Above the lowest limit: binary arithmetic finds 6.1, 6.3, 6.6 and 6.7 to be no multiples of 0.1. [A]"""
MUTE_TRIES = 2


def is_taken(reply: Reply) -> bool:
    """Whether a charger has accepted."""
    return reply.outcome is Outcome.ACCEPTED


async def find_form(bench: Bench, protocol: Protocol) -> bool:
    """In which units and kinds it takes a limit of the lowest current; whether it takes any."""
    values = bench.values
    units: tuple[RateUnit, ...] = ("W",) if bench.connector.is_dc else ("A", "W")
    replies: dict[tuple[RateUnit, ProfileKind], Reply] = {}
    silent = 0
    for kind in (ProfileKind.ABSOLUTE, ProfileKind.RELATIVE):
        for unit in units:
            form = Form(unit=unit, kind=kind)
            reply = await bench.hold(values.low, form=form)
            if not is_taken(reply) and reply.outcome is Outcome.REFUSED and not bench.connector.is_dc:
                without = replace(form, sends_phases=False)
                second = await bench.hold(values.low, form=without)
                if is_taken(second):
                    protocol.find("number_phases", "omit", f"with numberPhases it said: {reply.reason}")
                    reply = second
            replies[unit, kind] = reply
            silent += reply.outcome is Outcome.NO_ANSWER
            if silent >= MUTE_TRIES:
                break
        if silent >= MUTE_TRIES:
            break
    return await _judge_forms(bench, protocol, replies)


async def _judge_forms(
    bench: Bench, protocol: Protocol, replies: dict[tuple[RateUnit, ProfileKind], Reply]
) -> bool:
    taken = [form for form, reply in replies.items() if is_taken(reply)]
    last = next(reversed(replies.values()))
    if not taken:
        why = last.reason or last.outcome
        protocol.note(Check.SET, Verdict.FAIL, f"it takes no charging profile in any form: {why}", last)
        protocol.find("smart_charging", False, f"it took no charging profile in any form: {why}")
        return False
    protocol.note(Check.SET, Verdict.PASS, "it takes charging profiles", replies[taken[0]])
    absolute = [unit for unit, kind in taken if kind is ProfileKind.ABSOLUTE]
    kind = ProfileKind.ABSOLUTE if absolute else ProfileKind.RELATIVE
    relative = any(one is ProfileKind.RELATIVE for _, one in taken)
    if absolute:
        also = "and relative ones" if relative else "but no relative ones, which are not needed"
        protocol.note(Check.KINDS, Verdict.PASS, f"it takes profiles with absolute times {also}")
        protocol.find("kind", "absolute", "it takes profiles with absolute times")
    else:
        refused = replies[next(iter(replies))]
        sentence = f"it takes relative profiles only, one limit at a time: {refused.reason}"
        protocol.note(Check.KINDS, Verdict.FAIL, sentence, refused)
        protocol.find("kind", "relative", sentence)
    units = [unit for unit, one in taken if one is kind]
    _judge_units(
        bench, protocol, units, reported_capabilities((await bench.state()).configuration).get("unit")
    )
    bench.form = Form(unit=units[0], kind=kind, sends_phases="number_phases" not in protocol.levers)
    if not is_taken(await bench.hold(bench.values.low)):
        protocol.note(Check.SET, Verdict.FAIL, "it refuses what it took before")
        return False
    return True


def _judge_units(bench: Bench, protocol: Protocol, units: list[RateUnit], reported: RateUnit | None) -> None:
    said = "A and W" if reported is None else reported
    if bench.connector.is_dc:
        protocol.note(Check.UNITS, Verdict.PASS, "it gives direct current: limits are in W")
        return
    if len(units) == 1:
        protocol.find("unit", units[0], f"it takes limits in {units[0]} only")
    is_as_said = reported is None or reported in units
    verdict = Verdict.PASS if is_as_said else Verdict.FAIL
    protocol.note(Check.UNITS, verdict, f"it takes limits in {' and '.join(units)}, and says {said}")


async def decimals(bench: Bench, protocol: Protocol) -> None:
    """Tenths, halves or whole amperes."""
    if bench.form.unit == "W":
        protocol.note(Check.DECIMALS, Verdict.PASS, "limits go to it in whole watts")
        return
    low = bench.values.low
    for step_a, parts in ((0.1, TENTHS), (0.5, (0.5,)), (1.0, (0.0,))):
        reply = await _of_periods(bench, [low + part for part in parts])
        if is_taken(reply):
            verdict = Verdict.PASS if step_a == 0.1 else Verdict.FAIL
            protocol.note(Check.DECIMALS, verdict, f"it takes limits in steps of {step_a:g} A", reply)
            protocol.find("limit_step_a", step_a, f"it takes limits in steps of {step_a:g} A, and none finer")
            return
    protocol.note(
        Check.DECIMALS, Verdict.CANNOT_TELL, f"it refused whole amperes as well: {reply.reason}", reply
    )


async def zero(bench: Bench, protocol: Protocol) -> Reply:
    """Whether a limit of 0 is taken; it holds afterwards. What it does then a meter has to show."""
    reply = await bench.hold(0.0)
    if is_taken(reply):
        protocol.note(Check.ZERO, Verdict.PASS, "it takes a limit of 0", reply)
    else:
        protocol.note(Check.ZERO, Verdict.FAIL, f"it refuses a limit of 0: {reply.reason}", reply)
    return reply


async def below_minimum(bench: Bench, protocol: Protocol) -> None:
    """Whether what is between 0 and the minimum is taken."""
    values = bench.values
    below = round(values.low / 2.0, 0)
    reply = await bench.hold(below)
    if is_taken(reply):
        protocol.note(Check.BELOW_MINIMUM, Verdict.PASS, f"it takes {values.text(below)}", reply)
    else:
        sentence = f"it refuses {values.text(below)}, below the minimum of {values.text(values.low)}"
        protocol.note(Check.BELOW_MINIMUM, Verdict.FAIL, f"{sentence}: {reply.reason}", reply)
        if not values.is_dc:
            protocol.find("min_current_a", values.low, sentence)
    await bench.hold(values.low)


async def periods(bench: Bench, protocol: Protocol, *, reads_back: bool) -> None:
    """How many periods it keeps: as many as it says, else the most that it takes and shows."""
    if bench.form.kind is ProfileKind.RELATIVE:
        protocol.note(Check.PERIODS, Verdict.CANNOT_TELL, "relative profiles have one period here")
        return
    reported = reported_capabilities((await bench.state()).configuration).get("max_periods")
    asked = min(reported or ASKED_PERIODS, MOST_PERIODS)
    least, most, shown = 1, asked, asked
    reply = await _counted(bench, asked)
    if is_taken(reply):
        least = asked
    while not is_taken(reply) and most - least > 1:
        middle = (least + most) // 2
        attempt = await _counted(bench, middle)
        least, most = (middle, most) if is_taken(attempt) else (least, middle)
    kept = least
    if reads_back and kept > 1:
        await _counted(bench, kept)
        answer, comparison = await bench.read_back(duration_s=(kept + 1) * PERIOD_S)
        told = 0 if answer.schedule is None else len(answer.schedule.periods)
        shown = kept if comparison.grade is Grade.MATCH or told == 0 else min(kept, told)
    kept = min(kept, shown)
    said = f"{reported} reported" if reported else "none reported"
    verdict = Verdict.PASS if kept >= asked else Verdict.FAIL
    protocol.note(Check.PERIODS, verdict, f"it keeps {kept} of {asked} periods, {said}", reply)
    if kept >= 2:
        protocol.find("max_periods", kept, f"{kept} of {asked} periods were taken, {said}")
    await bench.hold(bench.values.low)


async def levels(bench: Bench, protocol: Protocol) -> None:
    """The highest stack level that it takes, and the one that is tested beneath it."""
    reported = reported_capabilities((await bench.state()).configuration).get("max_stack_level")
    bench.level = reported if reported is not None else 1
    reply = await _try_level(bench)
    while bench.level > 0 and reply.outcome is Outcome.REFUSED:
        bench.level = bench.level // 2
        reply = await _try_level(bench)
    bench.lower_level = max(0, bench.level - 1)
    if is_taken(reply) and reported is not None and bench.level < reported:
        protocol.find("max_stack_level", bench.level, f"it refuses higher stack levels, {reported} reported")


async def _try_level(bench: Bench) -> Reply:
    """Any form will do here: it is refused for another reason, and then there is nothing to find."""
    for form in (
        Form(),
        Form(unit="W"),
        Form(kind=ProfileKind.RELATIVE),
        Form(unit="W", kind=ProfileKind.RELATIVE),
    ):
        if bench.connector.is_dc and form.unit == "A":
            continue
        reply = await bench.hold(bench.values.low, form=form)
        if reply.outcome is not Outcome.REFUSED:
            return reply
    return reply


async def station_max(bench: Bench, protocol: Protocol) -> bool:
    """Whether it takes a limit for the whole charger, one that lowers nothing."""
    reply = await bench.send(await _ceiling(bench, most=True))
    if not is_taken(reply):
        protocol.note(
            Check.PURPOSES, Verdict.FAIL, f"it takes no limit for the whole charger: {reply.reason}", reply
        )
        protocol.find("station_max", False, f"it takes no limit for the whole charger: {reply.reason}")
        return False
    protocol.note(Check.PURPOSES, Verdict.PASS, "it takes a limit for the whole charger", reply)
    protocol.find("station_max", True, "it takes a limit for the whole charger")
    await bench.clear(await _ceiling(bench, most=True))
    return True


async def _ceiling(bench: Bench, *, most: bool) -> StationProfile:
    return await ceiling_of(bench, _full(bench) if most else bench.values.low)


def _full(bench: Bench) -> float:
    """What all connectors draw at most, in the unit of the values."""
    return sum(c.max_kw * 1000.0 if c.is_dc else c.max_current_a for c in bench.charger.connectors)


async def ceiling_of(bench: Bench, value: float) -> StationProfile:
    """A limit for the whole charger; always with absolute times (2.0.1 K01.FR.38)."""
    now = (await bench.stations.live()).now
    form = replace(bench.form, kind=ProfileKind.ABSOLUTE)
    return bench.profile([(0, value)], now=now, form=form, purpose=Purpose.STATION_MAX, connector_id=0)


async def store(bench: Bench, protocol: Protocol) -> None:
    """As many profiles as it says, and a replacement in place once it is full."""
    said = reported_capabilities((await bench.state()).configuration).get("max_profiles")
    held = len(bench.ledger()) + len(bench.held)
    taken = {
        (one.connector_id, one.purpose, one.stack_level) for one in (*bench.ledger(), *bench.held.values())
    }
    wide = [0] if protocol.verdict(Check.PURPOSES) is Verdict.PASS else []
    places = [
        (place, purpose, level)
        for level in range(bench.level + 1)
        for place, purpose in (
            *((connector.id, Purpose.TX_DEFAULT) for connector in bench.charger.connectors),
            *((place, Purpose.STATION_MAX) for place in wide),
        )
        if (place, purpose, level) not in taken
    ]
    wanted = MOST_STORED if said is None else said
    if said is not None and (said > MOST_STORED or said - held > len(places)):
        protocol.note(Check.STORE, Verdict.CANNOT_TELL, f"{said} are too many to try")
        return
    filled: list[StationProfile] = []
    reply = None
    for place, purpose, level in places[: wanted - held]:
        now = (await bench.stations.live()).now
        value = bench.values.low if purpose is Purpose.TX_DEFAULT else _full(bench)
        profile = bench.profile([(0, value)], now=now, purpose=purpose, level=level, connector_id=place)
        reply = await bench.send(profile)
        if not is_taken(reply):
            break
        filled.append(profile)
    count = held + len(filled)
    is_full = count == said or (reply is not None and not is_taken(reply))
    again = await bench.hold(bench.values.low)
    told = f"{said} reported" if said is not None else "none reported"
    if is_full:
        protocol.find("max_profiles", count, f"it took {count} profiles, {told}")
        protocol.find("full_store_refuses", not is_taken(again), "with as many as it takes, one was replaced")
    if is_taken(again) and (said is None or count == said):
        words = f"it holds {count} profiles" if is_full else f"it holds {count} profiles and more"
        protocol.note(Check.STORE, Verdict.PASS, f"{words}, and replaces one of them", again)
    else:
        few = said is not None and count < said
        why = (
            f"it holds {count} of {said} profiles"
            if few
            else f"full with {count} profiles, it refuses to replace one"
        )
        protocol.note(Check.STORE, Verdict.FAIL, why, reply, again)
    for profile in filled:
        await bench.clear(profile)


async def _counted(bench: Bench, count: int) -> Reply:
    values = bench.values
    return await _of_periods(bench, [values.mid if index % 2 else values.low for index in range(count)])


async def _of_periods(bench: Bench, limits: list[float]) -> Reply:
    now = (await bench.stations.live()).now
    steps = [(index * PERIOD_S, limit) for index, limit in enumerate(limits)]
    return await bench.send(bench.profile(steps, now=now))
