"""What a tick found and did, in rows and sentences for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dispatch.evidence import Rung, Verdict
from dispatch.overnight.facts import Facts
from dispatch.overnight.losses import losses_of
from dispatch.overnight.risks import risks_of, told
from dispatch.push import Surroundings
from dispatch.report import Leaving, NightReport, Row
from dispatch.safety import Place
from dispatch.station import Outcome
from dispatch.tracks import Track
from dispatch.validate import Finding

REMEMBERS = "it forgets nothing, and counts at what it was last proven to hold"
LEFT_ALONE = "does not answer: it is asked again at the next tick by the clock"


def report_of(
    around: Surroundings,
    tracks: Sequence[Track],
    facts: Facts,
    *,
    metered: Mapping[Place, Finding],
    ended: Mapping[Place, datetime],
    doubted: Mapping[Leaving, datetime] | None,
) -> NightReport:
    """What the tick found and did; ``doubted`` is what the one before has said of that.

    ``ended`` is when the last session of a connector has ended on which somebody stands in none.
    """
    rows = tuple(_row(around, track, facts, metered.get(track.place)) for track in tracks)
    is_reachable = any(state.connected_since for state in facts.live.chargers)
    sent = sum(len(track.sent) for track in tracks)
    held_back = [track for track in tracks if track.held_back is not None and track.held_back.unproven]
    has_plan = [track for track in tracks if not track.missing(around.clock())]
    risks = risks_of(tracks, facts.there, facts.plan, depot=around.depot, live=facts.live, ended=ended)
    doubted_now = {(visit.vehicle_id, visit.departure) for visit in facts.plan.visits if not visit.is_ready}
    doubted_now |= {(risk.vehicle_id, risk.departure) for risk in risks}
    every = timedelta(minutes=around.depot.policy.tick_minutes)
    return NightReport(
        plan=facts.plan,
        at=around.clock(),
        rows=rows,
        sent=sent,
        is_replanned=facts.is_replanned,
        is_outdated=facts.is_outdated,
        is_reachable=is_reachable,
        was_refused=bool(held_back) and not sent and not has_plan,
        notes=(*facts.notes, *(one for track in tracks for one in losses_of(track.target, track.known))),
        risks=told(risks, doubted=doubted, now=facts.live.now, every=every),
        doubted={leaving: (doubted or {}).get(leaving, facts.live.now) for leaving in doubted_now},
    )


def _row(around: Surroundings, track: Track, facts: Facts, metered: Finding | None) -> Row:
    failure = track.failure
    shown = track.comparison.finding if track.comparison is not None and track.held else None
    believed = (shown, metered) if track.base.proof == "read_back" else (metered,)
    verdicts = [f.verdict for f in believed if f is not None]
    accepted: Verdict | None = Verdict.CONFIRMED if track.held else None
    if not track.is_connected:
        accepted = accepted if not track.missing(around.clock()) else None
    elif failure is not None:
        accepted = Verdict.CONTRADICTED if failure.outcome is Outcome.REFUSED else Verdict.CANNOT_TELL
    return Row(
        place=track.place,
        vehicle_id=facts.there[track.place].vehicle.id if track.place in facts.there else None,
        rungs={
            Rung.PLANNED: Verdict.CONFIRMED,
            Rung.SENT: Verdict.CONFIRMED if track.held or track.sent else None,
            Rung.ACCEPTED: accepted,
            Rung.READ_BACK: None if shown is None else shown.verdict,
            Rung.METERED: None if metered is None else metered.verdict,
        },
        sentences=(
            *_sentences_of_charger(around, track),
            *_sentences_of_limit(around, track, shown, metered),
        ),
        needs_a_person=(
            not track.is_connected
            or failure is not None
            or track.is_left_alone
            or (track.held_back is not None and bool(track.held_back.unproven))
            or Verdict.CONTRADICTED in verdicts
            or (Verdict.CONFIRMED not in verdicts and not track.is_proven)
        ),
        has_override=track.target.override is not None,
    )


def _sentences_of_charger(around: Surroundings, track: Track) -> list[str]:
    """Why nothing, or not all, can be sent to it."""
    failure = track.failure
    if not track.is_connected:
        return ["not connected", REMEMBERS] if track.is_proven else ["not connected"]
    if not track.base.smart_charging:
        return ["its model takes no charging profiles: it counts at full power"]
    if failure is None:
        return [LEFT_ALONE] if track.is_left_alone else []
    if failure.outcome is not Outcome.REFUSED:
        return [f"does not answer: {failure.reason}" if failure.reason else "does not answer"]
    said = f"refuses its profile: {failure.reason}" if failure.reason else "refuses its profile"
    pauses = _pauses_of(around, track)
    return [said, *pauses, *([track.base.remedy] if track.base.remedy else [])]


def _pauses_of(around: Surroundings, track: Track) -> list[str]:
    """How often what is wanted was refused, and when it is asked for again; the same of two layers is said once."""
    zone = around.plan.horizon.zone
    failed = [one.profile.profile_id for one in track.wanted if one.layer in track.failures]
    said = (track.refused_before.sentence(number, zone=zone) for number in failed)
    return list(dict.fromkeys(sentence for sentence in said if sentence))


def _sentences_of_limit(
    around: Surroundings, track: Track, shown: Finding | None, metered: Finding | None
) -> list[str]:
    """What is to be said of the limits that it has."""
    sentences = [] if track.held_back is None else [track.held_back.sentence]
    if shown is not None and shown.sentence:
        sentences.append(shown.sentence)
    if shown is not None and shown.verdict is Verdict.CANNOT_TELL and track.is_proven:
        sentences.append(
            f"its Accepted is proof, as commissioned with firmware {track.base.proven_with_firmware}"
        )
    if metered is not None and metered.verdict is not Verdict.CONFIRMED:
        sentences.append(metered.sentence)
    if track.is_degraded:
        sentences.append("degraded: no room for a floor under its plan")
    if track.base.zero_ends_session and _pauses(track, around.clock()):
        sentences.append("a pause in its plan ends the session: it has to be started again then")
    return sentences


def _pauses(track: Track, now: datetime) -> bool:
    """Whether a session that runs is to stop and go on later."""
    ahead = [period.limit_kw > 0 for period in track.target.plan.periods if period.end > now]
    return track.transaction_id is not None and False in ahead and True in ahead[ahead.index(False) :]
