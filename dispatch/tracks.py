"""One connector in the course of a push: what it holds, what is proven of it, and what it should hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dispatch.charger import Capabilities
from dispatch.composite import effective_limit, equivalent
from dispatch.decide import HeldBack, Holding
from dispatch.evidence import Layer
from dispatch.kept import kept
from dispatch.known import Known, identity_of, known_of
from dispatch.ladder import Rung
from dispatch.layers import LayerProfile, Target, is_windowed, layer_profiles, profile_id
from dispatch.remembered import (
    Refusals,
    came_at,
    is_denied,
    is_proven_by_word,
    is_remembered,
    is_rewritten_in_vain,
    is_silent,
    seen_before,
)
from dispatch.safety import Place, Wiring
from dispatch.station import ChargerState, LiveState, Outcome, Reply, StationProfile, TransactionId
from dispatch.store.ledger import Ledger
from dispatch.validate import Comparison, Finding, Grade
from optimiser.depot import Charger, Depot

PROFILES_KEPT = 4096
"""Connectors whose profiles are not written anew while their target is the same."""


@dataclass(kw_only=True)
class Track:
    """One connector in the course of a push.

    ``is_mute``: it has left a read-back unanswered, and everything that was sent since. ``is_silent``: it had left
    unanswered what it was last asked before. ``is_left_alone``: nothing is sent to it for now. ``seen_before`` is what
    the last look at it still says, ``seen_at`` when that was. ``is_rewritten_in_vain``: it has shown more than it had
    just accepted. ``held_first`` and ``held_since``: when the oldest and the newest of what it holds was accepted.
    ``is_remembered``: it was proven to hold that before it went or came, and forgets nothing. ``is_denied``: it has
    shown more than that; ``is_capped``: no more than its ceiling, though. ``accepted`` is what it has taken since it
    was last looked at, ``in_vain`` what it took in this push and then showed more.
    """

    target: Target
    charger: Charger
    wiring: Wiring
    known: Known
    at: datetime
    is_connected: bool
    transaction_id: TransactionId | None
    quiet_until: datetime | None = None
    came: datetime | None = None
    booted_at: datetime | None = None
    was_away: bool = False
    has_lost: bool = False
    held: tuple[StationProfile, ...] = ()
    doubtful: tuple[StationProfile, ...] = ()
    held_first: datetime | None = None
    held_since: datetime | None = None
    is_remembered: bool = False
    is_denied: bool = False
    is_capped: bool = False
    comparison: Comparison | None = None
    seen_before: Comparison | None = None
    seen_at: datetime | None = None
    refused_before: Refusals = field(default_factory=Refusals)
    is_mute: bool = False
    is_silent: bool = False
    is_left_alone: bool = False
    is_rewritten_in_vain: bool = False
    is_overdrawn: bool = False
    is_metered: bool = False
    metered: Finding | None = None
    recent_writes: int = 0
    ladders: dict[Layer, list[Rung]] = field(default_factory=dict)
    rungs: dict[Layer, Rung] = field(default_factory=dict)
    refusals: dict[Layer, list[Reply]] = field(default_factory=dict)
    tries: dict[Layer, int] = field(default_factory=dict)
    failures: dict[Layer, Reply] = field(default_factory=dict)
    rewritten: set[Layer] = field(default_factory=set)
    sent: list[tuple[Layer, Reply]] = field(default_factory=list)
    accepted: list[StationProfile] = field(default_factory=list)
    in_vain: list[StationProfile] = field(default_factory=list)
    held_back: HeldBack | None = None

    @property
    def place(self) -> Place:
        """The connector."""
        return self.target.place

    @property
    def base(self) -> Capabilities:
        """What is known of its charger."""
        return self.known.capabilities

    @property
    def is_degraded(self) -> bool:
        """Whether one profile has to be floor and plan at once."""
        return self._words(Layer.PLAN).is_degraded(len(self.charger.connectors))

    @property
    def is_piecewise(self) -> bool:
        """Whether it is sent the next part of its plan as the night goes on."""
        return is_windowed(self.target, self._words(Layer.PLAN))

    @property
    def wanted(self) -> tuple[LayerProfile, ...]:
        """What it should hold, in words that the charger has not refused yet."""
        ceiling, floor, plan, override = (self._words(layer) for layer in Layer)
        lifts_ceiling = bool(self.ceiling) and not ceiling.has_ceiling(is_alone=self.target.is_alone)
        is_of_now = "relative" in {floor.kind, plan.kind, override.kind} or is_windowed(self.target, plan)
        if not lifts_ceiling and not is_of_now:
            return _wanted(self.target, self.charger, ceiling, floor, plan, override)
        return layer_profiles(
            self.target,
            dict(zip(Layer, (ceiling, floor, plan, override), strict=True)),
            is_degraded=self.is_degraded,
            at=self.at,
            lifts_ceiling=lifts_ceiling,
        )

    @property
    def _ceiling_id(self) -> int:
        return profile_id(self.place.connector_id, Layer.CEILING)

    @property
    def is_proven(self) -> bool:
        """Whether no more is in force than what it has accepted.

        By a read-back, by Accepted where that is proof, or by what was proven before it went and cannot be forgotten.
        """
        if self.is_overdrawn:
            return False
        grade = None if self.comparison is None or not self.is_connected else self.comparison.grade
        if grade in {Grade.MATCH, Grade.LOWER}:
            return self.base.proof == "read_back" or self.is_metered or self._is_proven_by_word
        if grade is None and self.is_remembered:
            return True
        return grade is not Grade.HIGHER and self._is_proven_by_word

    @property
    def _is_proven_by_word(self) -> bool:
        return not self.is_denied and is_proven_by_word(
            self.base,
            first=self.held_first,
            booted_at=self.booted_at,
            connected_since=self.came if self.is_connected else None,
        )

    @property
    def failure(self) -> Reply | None:
        """Why a layer is not there: it was given up, or was refused and may not be sent in another form now.

        A ceiling is one more net: one that is not taken is no failure, unless an old one stands in the way.
        """
        spared = set() if self.ceiling else {Layer.CEILING}
        given_up = next((reply for layer, reply in self.failures.items() if layer not in spared), None)
        last = {layer: reply for layer, reply in self.sent if layer not in spared}
        refused = (self.refusals[layer][0] for layer in last if last[layer].outcome is Outcome.REFUSED)
        return given_up or next(refused, None)

    @property
    def ceiling(self) -> tuple[StationProfile, ...]:
        """The ceiling that it has accepted, none where it has none."""
        return tuple(profile for profile in self.held if profile.profile_id == self._ceiling_id)

    def take_read_back(self, comparison: Comparison) -> None:
        """Note what it shows, and whether it has lost what it accepted.

        Many chargers lose their profiles in a restart, and some of them answer nothing where they have none.
        """
        self.comparison, self.is_capped = comparison, False
        if comparison.grade is not Grade.UNUSABLE:
            self.is_denied = comparison.grade is Grade.HIGHER
        if comparison.grade is Grade.HIGHER:
            self.in_vain += self.accepted
        self.accepted = []
        self.is_remembered = self.base.forgets == "never" and self.is_proven
        is_higher = comparison.grade is Grade.HIGHER and not self.is_rewritten_in_vain
        if is_higher or (self.was_away and comparison.grade is not Grade.MATCH):
            self.has_lost = True

    @property
    def holding(self) -> Holding:
        """What decisions are made from."""
        is_whole = self.comparison is not None and self.comparison.grade is Grade.MATCH
        is_lower = self.comparison is not None and self.comparison.grade is Grade.LOWER
        wiring = self.wiring if self.is_connected else replace(self.wiring, vehicle_phases=None)
        return Holding(
            wiring=wiring,  # who has come since it went away may use more phases than who stood there
            held=self.held,
            doubtful=self.doubtful,
            is_proven=self.is_proven,
            may_hold_less=not is_whole and (is_lower or not self._is_proven_by_word),
            ceiling_id=self._ceiling_id,
            is_capped=self.is_capped and self.is_connected and not self.is_overdrawn,
            transaction_id=self.transaction_id,
            wanted=self.wanted,
            open_layers=self._open_layers,
            rewrite=frozenset(set(Layer) - self.rewritten) if self.has_lost else frozenset(),
            in_vain=tuple(self.in_vain),
            words=self.base,
            is_spared=self.base.writes_per_hour is not None
            and self.recent_writes >= self.base.writes_per_hour,
        )

    def _words(self, layer: Layer) -> Capabilities:
        return self.rungs[layer].words if layer in self.rungs else self.base

    @property
    def _open_layers(self) -> frozenset[Layer]:
        if not self.is_connected or not self.base.smart_charging or self.is_left_alone:
            return frozenset()
        return frozenset(set(Layer) - set(self.failures))

    def missing(self, now: datetime) -> tuple[LayerProfile, ...]:
        """What is wanted and was not accepted, ceilings left aside: they are one more net."""
        return tuple(
            wanted
            for wanted in self.wanted
            if wanted.layer is not Layer.CEILING
            and not any(equivalent(held, wanted.profile, since=now) for held in self.held)
        )


@kept(PROFILES_KEPT)
def _wanted(  # noqa: PLR0917  # what is kept is kept by position
    target: Target,
    charger: Charger,
    ceiling: Capabilities,
    floor: Capabilities,
    plan: Capabilities,
    override: Capabilities,
) -> tuple[LayerProfile, ...]:
    """Profiles that do not change with time; those that begin with the session do."""
    words = dict(zip(Layer, (ceiling, floor, plan, override), strict=True))
    return layer_profiles(target, words, is_degraded=plan.is_degraded(len(charger.connectors)))


def begin_tracks(
    depot: Depot,
    ledger: Ledger,
    targets: Sequence[Target],
    live: LiveState,
    wirings: Mapping[Place, Wiring],
) -> list[Track]:
    """Every connector as the ledger and the live state have it."""
    tracks = []
    for target in targets:
        charger = depot.charger(target.place.charger_id)
        state = live.charger(charger.id)
        transaction = state.connector(target.place.connector_id).transaction
        track = Track(
            target=target,
            charger=charger,
            wiring=wirings[target.place],
            known=known_now(ledger, charger, state),
            at=live.now,
            is_connected=state.connected_since is not None,
            transaction_id=None if transaction is None else transaction.transaction_id,
        )
        refresh_from_ledger(ledger, [track])
        came = came_at(state)
        if came is not None and track.base.quiet_after_connect_s:
            track.quiet_until = came + timedelta(seconds=track.base.quiet_after_connect_s)
        track.was_away = _is_after(came, track.held_since)
        lost_at = {"on_boot": state.booted_at, "on_reconnect": came}.get(track.base.forgets)
        track.has_lost = _is_after(lost_at, track.held_since)
        seen, every = ledger.seen(*track.place), timedelta(minutes=depot.policy.tick_minutes)
        track.seen_at = None if seen is None else seen.at
        track.seen_before = seen_before(
            seen, came=came, held_since=track.held_since, earliest=live.now - every
        )
        track.is_rewritten_in_vain = is_rewritten_in_vain(
            seen, came=came, held_since=track.held_since, now=live.now
        )
        track.booted_at = state.booted_at
        track.is_remembered = is_remembered(
            seen, track.base, held_since=track.held_since, booted_at=state.booted_at
        )
        track.is_denied = is_denied(seen, held_since=track.held_since)
        track.is_silent = is_silent(ledger.unanswered(charger.id), seen, came=came)
        track.came = came
        remember_refusals(track, ledger, every=every)
        tracks.append(track)
    return tracks


def remember_refusals(track: Track, ledger: Ledger, *, every: timedelta) -> None:
    """Bring what it has refused since it came up to the ledger; ``every``: from one tick to the next."""
    refused = (c for c in ledger.refused(track.charger.id) if track.came is None or c.at > track.came)
    commands = tuple(command for command in refused if _concerns(command.profile, track))
    track.refused_before = Refusals(commands=commands, every=every)


def refresh_from_ledger(ledger: Ledger, tracks: Iterable[Track]) -> None:
    """Bring what was accepted, what may have been, and how much was written lately, up to the ledger."""
    for track in tracks:
        charger_id = track.place.charger_id
        accepted = [c for c in ledger.installed(charger_id) if _concerns(c.profile, track)]
        track.held = tuple(command.profile for command in accepted)
        accepted_at = [command.answered_at or command.at for command in accepted]
        track.held_first, track.held_since = min(accepted_at, default=None), max(accepted_at, default=None)
        unanswered = ledger.unanswered(charger_id)
        track.doubtful = tuple(c.profile for c in unanswered if _concerns(c.profile, track))
        if track.base.writes_per_hour is not None:
            lately = ledger.recent(charger_id)
            track.recent_writes = sum(_concerns(command.profile, track) for command in lately)


def notice(tracks: Iterable[Track], live: LiveState) -> None:
    """Take back what was proven of chargers that have gone since, or have come anew: they may have forgotten it.

    Of those that are proven to forget nothing it stands until they are looked at or start anew.
    """
    states = {state.charger_id: state for state in live.chargers}
    for track in tracks:
        state = states.get(track.charger.id, ChargerState(charger_id=track.charger.id))
        came = came_at(state)
        is_gone = state.connected_since is None
        if is_gone or came != track.came:
            has_booted = state.booted_at != track.booted_at
            track.is_remembered = track.base.forgets == "never" and track.is_proven and not has_booted
            track.booted_at = state.booted_at
            track.comparison, track.is_capped, track.was_away, track.came = None, False, True, came
            track.is_connected = track.is_connected and not is_gone


def ends_pause(track: Track, profile: StationProfile, *, now: datetime) -> bool:
    """Whether a profile lifts a limit of 0 that holds now."""
    others = [held for held in track.held if held.profile_id != profile.profile_id]
    before = effective_limit(track.held, transaction_id=track.transaction_id, instant=now)
    after = effective_limit([*others, profile], transaction_id=track.transaction_id, instant=now)
    return before is not None and before.value == 0 and (after is None or after.value > 0)


def known_now(ledger: Ledger, charger: Charger, state: ChargerState) -> Known:
    """All that is known of a charger, with what it reports and what its answers have taught."""
    identity = identity_of(charger, state)
    learned = ledger.learned(identity, charger_id=charger.id)
    return known_of(charger, identity=identity, reported=state.configuration, learned=learned)


def _concerns(profile: StationProfile, track: Track) -> bool:
    """Whether a profile can still be there, on the connector or on 0 for one that is alone.

    A TxProfile goes with its transaction (OCPP 1.6 §3.13).
    """
    is_here = profile.connector_id == track.place.connector_id or (
        profile.connector_id == 0 and track.target.is_alone
    )
    return is_here and profile.transaction_id in {None, track.transaction_id}


def _is_after(instant: datetime | None, held_since: datetime | None) -> bool:
    return instant is not None and held_since is not None and instant > held_since
