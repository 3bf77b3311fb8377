"""What is installed on a charger against what should be: facts in, findings out. Pure.

Three witnesses are heard: the charger's own list of profiles (OCPP 2.0.1 K09), its composite schedules, its meters.
OCPP 1.6 has no such list. There the ledger says what was accepted, and a composite schedule that nothing of ours
explains shows that something else is installed; what leads nowhere in the time asked about cannot be seen so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import combinations

from dispatch.audit.facts import ChargerFacts, Found, Kind, Look, stack_on
from dispatch.audit.words import described, hours, stretches
from dispatch.composite import effective, equivalent
from dispatch.evidence import Command, Verdict
from dispatch.layers import LayerProfile
from dispatch.safety import Place
from dispatch.station import (
    InstalledProfile,
    ProfileKind,
    Purpose,
    StationProfile,
)
from dispatch.validate import Comparison, Difference, Grade, compare, differences, judge_meter

SAMENESS = timedelta(weeks=2)
"""How far ahead two profiles are compared."""


def audit(facts: ChargerFacts) -> tuple[Found, ...]:
    """All that is found on a charger, in the order of its connectors."""
    if not facts.is_connected:
        return tuple(
            Found(place=look.place, kind=Kind.CANNOT_TELL, sentence="not connected") for look in facts.looks
        )
    found: list[Found] = []
    if facts.listed is None:
        found += [one for look in facts.looks for one in _inferred(facts, look)]
    else:
        found += _listed(facts, facts.listed)
        found += [one for look in facts.looks for one in _against_its_list(facts, facts.listed, look)]
    found += [one for look in facts.looks for one in _metered(facts, look)]
    return tuple(sorted(found, key=lambda one: (one.place, one.profile_id or 0)))


# ── where a charger says what it holds ───────────────────────────────────────────────────────────────────


def _listed(facts: ChargerFacts, listed: Sequence[InstalledProfile]) -> Iterator[Found]:
    wanted = {w.profile.profile_id: (w, look) for look in facts.looks for w in look.wanted}
    for one in listed:
        yield _classified(facts, listed, one, *wanted.get(one.profile_id, (None, None)))
    assert facts.installed is not None
    is_whole = facts.lists_all
    seen = {one.profile_id for one in listed}
    for number, (layer_profile, look) in wanted.items():
        if number in seen:
            continue
        sentence = _absence(look, layer_profile, "its list does not have it")
        if not is_whole:
            sentence = f"its list is not whole: {facts.installed.reply.reason}"
        yield Found(
            place=look.place,
            kind=Kind.MISSING if is_whole else Kind.CANNOT_TELL,
            sentence=sentence,
            profile_id=number,
            layer=layer_profile.layer,
        )


def _classified(
    facts: ChargerFacts,
    listed: Sequence[InstalledProfile],
    one: InstalledProfile,
    wanted: LayerProfile | None,
    look: Look | None,
) -> Found:
    layer = facts.own_ids.get(one.profile_id)
    profile = one.profile
    told = described(one, facts.zone)
    kind, sentence, effect = Kind.FOREIGN, told, _effect(facts, listed, one)
    if layer is not None and profile is None:
        kind, sentence = Kind.CANNOT_TELL, f"it is under an id of ours and cannot be read: {told}"
    elif wanted is not None and profile is not None and _is_same(profile, wanted.profile, facts):
        kind, sentence, effect = Kind.AS_PLANNED, "", ()
    elif layer is not None and profile is not None:
        sent = [c for c in facts.commands if _is_same(profile, c.profile, facts)]
        if sent and wanted is not None and look is not None and _is_cut(facts, look, sent[-1], wanted):
            kind, sentence, effect = Kind.AS_PLANNED, _cut(sent[-1], facts), ()
        elif sent:
            kind, sentence = Kind.STALE, f"{_whence(sent[-1], facts)}: {told}"
        else:
            sentence = f"under an id of ours, but never sent from here: {told}"
    if effect:
        sentence += f"; {stretches(effect, at=facts.at, zone=facts.zone)}"
    return Found(
        place=Place(facts.charger_id, one.connector_id),
        kind=kind,
        sentence=sentence,
        profile_id=one.profile_id,
        layer=layer,
        installed=one,
        differences=effect,
    )


def _effect(
    facts: ChargerFacts, listed: Sequence[InstalledProfile], one: InstalledProfile
) -> tuple[Difference, ...]:
    """What would be otherwise without a profile; nothing where that cannot be told."""
    for look in facts.looks:
        connector_id = look.place.connector_id
        stack = stack_on(listed, connector_id)
        rest = stack_on([other for other in listed if other is not one], connector_id)
        if one.connector_id not in {0, connector_id} or stack is None or rest is None:
            continue
        without, there = (
            effective(held, transaction_id=look.transaction_id, start=facts.at, end=look.until)
            for held in (rest, stack)
        )
        found = differences(without, there, begin=facts.at, end=look.until, wiring=look.wiring)
        if found:
            return found
    return ()


def _against_its_list(facts: ChargerFacts, listed: Sequence[InstalledProfile], look: Look) -> Iterator[Found]:
    """What a composite schedule says that the list does not explain.

    Limits for the whole station are shared in ways that only the station knows: they are judged for one connector alone.
    """
    stack = stack_on(listed, look.place.connector_id)
    shared = {Purpose.EXTERNAL} if len(facts.looks) == 1 else {Purpose.STATION_MAX, Purpose.EXTERNAL}
    if stack is None or any(p.purpose in shared for p in stack):
        return
    shown = _compared(facts, look, stack)
    if shown.grade in {Grade.MATCH, Grade.UNUSABLE}:
        return
    is_higher = shown.grade is Grade.HIGHER
    words = stretches(shown.differences, at=facts.at, zone=facts.zone)
    yield Found(
        place=look.place,
        kind=Kind.CONTRADICTED if is_higher else Kind.FOREIGN,
        sentence=f"its composite schedule is not what its list of profiles comes to: {words}",
        differences=shown.differences,
    )


# ── where it does not ────────────────────────────────────────────────────────────────────────────────────


def _inferred(facts: ChargerFacts, look: Look) -> Iterator[Found]:
    """What a composite schedule shows of a stack that cannot be listed."""
    if not look.habits.smart_charging:
        yield Found(place=look.place, kind=Kind.CANNOT_TELL, sentence="its model takes no charging profiles")
        return
    shown = _compared(facts, look, look.held)
    if shown.grade is Grade.UNUSABLE:
        yield Found(place=look.place, kind=Kind.CANNOT_TELL, sentence=shown.sentence)
        yield from (one for one in _by_ledger(facts, look, look.held) if one.kind is not Kind.AS_PLANNED)
        return
    stack = next((s for s in _explanations(look) if _compared(facts, look, s).grade is Grade.MATCH), None)
    if stack is not None:
        yield from _by_ledger(facts, look, stack)
        return
    yield from (one for one in _by_ledger(facts, look, look.held) if one.kind is Kind.MISSING)
    words = stretches(shown.differences, at=facts.at, zone=facts.zone)
    yield Found(
        place=look.place,
        kind=Kind.FOREIGN,
        sentence=f"something is installed that is not ours: {words}",
        differences=shown.differences,
    )


def _explanations(look: Look) -> Iterator[tuple[StationProfile, ...]]:
    """What may be on a connector of all that we have sent it, the likeliest first: all, all but some, none."""
    yield look.held
    for new in look.doubtful:
        yield (*(held for held in look.held if held.profile_id != new.profile_id), new)
    for count in range(len(look.held) - 1, -1, -1):
        yield from combinations(look.held, count)


def _by_ledger(facts: ChargerFacts, look: Look, stack: Sequence[StationProfile]) -> Iterator[Found]:
    """What is found where a connector holds a stack of ours and nothing else.

    Where nothing at all limits it, ours may be lost, or beneath a foreign profile that allows full power.
    """
    seen = "its composite schedule shows nothing of it"
    is_full = len(stack) < len(look.held) and not _restricts(facts, look, stack)
    if is_full:
        seen += ": lost, or beneath something foreign that allows full power"
    wanted = {w.profile.profile_id: w for w in look.wanted}
    there = {profile.profile_id: profile for profile in stack}
    for number, layer_profile in wanted.items():
        if number not in there:
            yield Found(
                place=look.place,
                kind=Kind.MISSING,
                sentence=_absence(look, layer_profile, seen),
                profile_id=number,
                layer=layer_profile.layer,
                may_be_covered=is_full,
            )
    for number, profile in there.items():
        is_wanted = number in wanted and equivalent(profile, wanted[number].profile, since=facts.at)
        sent = [c for c in facts.commands if c.profile == profile]
        installed = InstalledProfile(profile_id=number, connector_id=profile.connector_id, profile=profile)
        told = described(installed, facts.zone)
        kind, sentence = Kind.STALE, f"{_whence(sent[-1], facts)}: {told}" if sent else told
        if is_wanted:
            kind, sentence = Kind.AS_PLANNED, ""
        elif sent and number in wanted and _is_cut(facts, look, sent[-1], wanted[number]):
            kind, sentence = Kind.AS_PLANNED, _cut(sent[-1], facts)
        yield Found(
            place=look.place,
            kind=kind,
            sentence=sentence,
            profile_id=number,
            layer=facts.own_ids.get(number),
            installed=installed,
        )


# ── both ─────────────────────────────────────────────────────────────────────────────────────────────────


def _restricts(facts: ChargerFacts, look: Look, stack: Sequence[StationProfile]) -> bool:
    """Whether a stack ever allows less than full power."""
    some, nothing = (
        effective(held, transaction_id=look.transaction_id, start=facts.at, end=look.until)
        for held in (stack, ())
    )
    return bool(differences(nothing, some, begin=facts.at, end=look.until, wiring=look.wiring))


def _compared(facts: ChargerFacts, look: Look, stack: Sequence[StationProfile]) -> Comparison:
    """What a connector shows against what a stack comes to."""
    if look.read_back is None:
        return Comparison(
            grade=Grade.UNUSABLE, sentence="cannot be read back: its model tells no schedule of use"
        )
    expected = effective(stack, transaction_id=look.transaction_id, start=facts.at, end=look.until)
    return compare(expected, look.read_back, wiring=look.wiring, zone=facts.zone, habits=look.habits)


def _metered(facts: ChargerFacts, look: Look) -> Iterator[Found]:
    """What the meter says against the limits that were accepted: only more than they allow is a finding."""
    if look.reading is None or look.transaction_id is None or not look.held:
        return
    begin = look.reading.at - timedelta(seconds=look.settle_s)
    finding = judge_meter(
        look.reading,
        effective(look.held, transaction_id=look.transaction_id, start=begin),
        held_since=look.held_since,
        settle_s=look.settle_s,
        wiring=look.wiring,
        zone=facts.zone,
    )
    if finding.verdict is Verdict.CONTRADICTED:
        yield Found(place=look.place, kind=Kind.CONTRADICTED, sentence=f"its meter: {finding.sentence}")


def _is_same(one: StationProfile, other: StationProfile, facts: ChargerFacts) -> bool:
    """Whether a profile as a station tells it is one that we have sent; it may have put it in other words."""
    if _slot(one) != _slot(other):
        return False
    connectors = [look.wiring for look in facts.looks if one.connector_id in {0, look.place.connector_id}]
    if not connectors:  # of a connector that is no longer there only the words can be compared
        return equivalent(one, other, since=min(one.start, other.start))
    if one.kind is ProfileKind.RELATIVE:
        one, other = (p.model_copy(update={"start": facts.at}) for p in (one, other))
    begins = [facts.at, min(p.valid_from or p.start for p in (one, other))]
    for begin in begins:
        end = begin + SAMENESS
        steps = [effective([p], transaction_id=p.transaction_id, start=begin, end=end) for p in (one, other)]
        if differences(steps[0], steps[1], begin=begin, end=end, wiring=connectors[0]):
            return False
        if any(segment.limit is not None for segment in steps[0]):
            return True  # what is past is no longer of interest, unless there is nothing else
    return True


def _is_cut(facts: ChargerFacts, look: Look, sent: Command, wanted: LayerProfile) -> bool:
    """Whether what was sent is what is wanted, as far as there was room for it: of the same plan, and never above."""
    if look.planned_at is None or sent.at < look.planned_at or _slot(sent.profile) != _slot(wanted.profile):
        return False
    end = facts.at + SAMENESS
    planned, there = (
        effective([p], transaction_id=p.transaction_id, start=facts.at, end=end)
        for p in (wanted.profile, sent.profile)
    )
    found = differences(planned, there, begin=facts.at, end=end, wiring=look.wiring)
    return not any(difference.is_higher for difference in found)


def _cut(sent: Command, facts: ChargerFacts) -> str:
    at = hours(sent.at, at=facts.at, zone=facts.zone)
    return f"less than planned: at {at} there was no room for more beside what others could draw"


def _slot(profile: StationProfile) -> tuple[object, ...]:
    transaction_id = None if profile.transaction_id is None else str(profile.transaction_id)
    return (
        profile.profile_id,
        profile.connector_id,
        profile.purpose,
        profile.stack_level,
        profile.kind,
        transaction_id,
    )


def _whence(command: Command, facts: ChargerFacts) -> str:
    return f"that of the night of {command.night}, sent at {hours(command.at, at=facts.at, zone=facts.zone)}"


def _absence(look: Look, wanted: LayerProfile, seen: str) -> str:
    was_accepted = any(held.profile_id == wanted.profile.profile_id for held in look.held)
    return f"it was accepted, and {seen}" if was_accepted else "it was never accepted"
