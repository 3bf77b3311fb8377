"""What a connector is asked next: after refusals in other words, after silence not at all, and what answers teach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from dispatch.evidence import Layer, Lesson
from dispatch.known import Origin
from dispatch.ladder import rungs
from dispatch.layers import LayerProfile, profile_id
from dispatch.station import LiveState, Outcome, Reply, StationProfile
from dispatch.store.ledger import Ledger
from dispatch.tracks import Track, known_now
from dispatch.validate import Comparison, Grade

MAX_TRIES = 2
"""How often a profile is sent to a charger that does not answer."""
MAX_REFUSALS = 32
"""How often a charger may refuse a layer in one tick. A ladder has thirteen rungs at most, where a day of quarter
hours is refused, and twice as many where lessons are taken back; what one rung teaches may need a few more."""


def recall(track: Track) -> None:
    """Take what it has refused before for refused again, so that nobody asks it for that.

    What it is known to refuse may be another thing since it is to have another plan.
    """
    asked = {layer for layer, _ in track.sent}
    track.failures = {
        layer: reply
        for layer, reply in track.failures.items()
        if layer in asked or reply.outcome is not Outcome.REFUSED
    }
    if not track.refused_before.commands:
        return
    for layer in Layer:
        while layer not in track.failures:
            wanted = next((one for one in track.wanted if one.layer is layer), None)
            if wanted is None or not take_memory(track, wanted):
                break


def take_memory(track: Track, wanted: LayerProfile) -> bool:
    """Whether it is known to refuse a form, and the next one is its turn; a layer is not begun with that."""
    reply = track.refused_before.answer_to(wanted.profile, now=track.at)
    if reply is None:
        return False
    if wanted.layer in track.ladders:
        _climb(track, wanted, reply)
    else:
        track.failures[wanted.layer] = reply
    return True


def take_outcome(track: Track, wanted: LayerProfile, reply: Reply) -> dict[str, Lesson]:
    """Count tries, climb the ladder after a refusal, and return what an acceptance after refusals has taught.

    A layer without a next rung is given up for this tick.
    """
    layer = wanted.layer
    track.is_mute = track.is_mute and reply.outcome is Outcome.NO_ANSWER
    track.sent.append((layer, reply))
    track.rewritten.add(layer)
    if reply.outcome is Outcome.NOT_CONNECTED:
        track.is_connected = False
        track.failures[layer] = reply
    elif reply.outcome is Outcome.NO_ANSWER:
        track.tries[layer] = track.tries.get(layer, 0) + 1
        if track.is_mute or track.is_silent or track.tries[layer] >= MAX_TRIES:
            track.failures.update(dict.fromkeys(Layer, reply))
    elif reply.outcome is Outcome.REFUSED:
        _climb(track, wanted, reply)
    else:
        track.is_remembered = False  # nobody has looked at what it holds now
        track.accepted.append(wanted.profile)
        if layer in track.rungs:
            return _lessons(track, layer, reply)
    return {}


def take_cut(
    track: Track, beside: Callable[[Sequence[StationProfile]], Comparison], *, at: datetime
) -> dict[str, Lesson]:
    """What a charger teaches that shows just the first periods of what it has accepted since it was last looked at.

    Some keep no more of a schedule than fits, and say nothing; then the last of them goes on. ``beside`` compares what
    it shows with a stack. To be asked before the track takes what was read back.
    """
    for profile in reversed(track.accepted):
        others = [held for held in track.held if held.profile_id != profile.profile_id]
        for count in range(1, len(profile.periods)):  # where limits are as good as equal, the fewest
            cut = profile.model_copy(update={"periods": profile.periods[:count]})
            if beside([*others, cut]).grade is Grade.MATCH:
                most = count + 1  # one is kept free, see dispatch.layers
                if track.known.sources["max_periods"].origin is Origin.SITE or most >= track.base.max_periods:
                    return {}
                because = (
                    f"{track.charger.id} showed on {at:%Y-%m-%d} that of {len(profile.periods)} periods it had kept "
                    f"the first {count}"
                )
                return {"max_periods": Lesson(value=most, because=because)}
    return {}


def _climb(track: Track, wanted: LayerProfile, reply: Reply) -> None:
    layer = wanted.layer
    refusals = track.refusals.setdefault(layer, [])
    refusals.append(reply)
    if layer not in track.ladders:
        track.ladders[layer] = list(
            rungs(
                wanted,
                track.known,
                connector=track.wiring.connector,
                is_alone=track.target.is_alone,
                over_floor=layer is Layer.PLAN and _holds_floor(track) and not track.is_degraded,
            )
        )
    if track.ladders[layer] and len(refusals) < MAX_REFUSALS:
        track.rungs[layer] = track.ladders[layer].pop(0)
    else:
        track.rungs.pop(layer, None)
        track.failures[layer] = refusals[0]  # the answer to what it should have taken


def _lessons(track: Track, layer: Layer, reply: Reply) -> dict[str, Lesson]:
    """What the rung that was taken teaches. Where it was simpler than that, more is asked for with what is known."""
    rung = track.rungs[layer]
    if rung.is_simplified:
        del track.rungs[layer]
        del track.ladders[layer]
    refusal = track.refusals[layer][0].reason or "no reason given"
    because = (
        f"{track.charger.id} took it on {reply.at:%Y-%m-%d} after it had refused another form ({refusal})"
    )
    return {lever: Lesson(value=value, because=because) for lever, value in rung.lesson.items()}


def _holds_floor(track: Track) -> bool:
    floor_id = profile_id(track.place.connector_id, Layer.FLOOR)
    return any(held.profile_id == floor_id for held in track.held)


def learn(ledger: Ledger, tracks: Iterable[Track], live: LiveState) -> None:
    """Let every connector of a charger profit from what one of its answers has taught."""
    for track in tracks:
        track.known = known_now(ledger, track.charger, live.charger(track.charger.id))
