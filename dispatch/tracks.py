"""One connector in the course of a push: what it holds, shows and refuses, and in which words it is asked next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dispatch.charger import Capabilities
from dispatch.composite import equivalent
from dispatch.decide import HeldBack, Holding
from dispatch.evidence import Command, Layer
from dispatch.journal import Journal
from dispatch.known import identity_of, known_of, learned_lessons
from dispatch.layers import LayerProfile, Target, layer_profiles
from dispatch.safety import Place, Wiring
from dispatch.station import ChargerState, LiveState, Outcome, Reply, StationProfile, TransactionId
from dispatch.validate import Comparison, Grade
from optimiser.depot import Charger, Depot

MAX_TRIES = 2
"""How often a profile is sent to a charger that does not answer."""
FEWEST_PERIODS = 5
"""Below this many periods it is not the number of them that a charger refuses."""


@dataclass(kw_only=True)
class Track:
    """One connector in the course of a push."""

    target: Target
    charger: Charger
    wiring: Wiring
    base: Capabilities
    is_connected: bool
    transaction_id: TransactionId | None
    was_away: bool = False
    has_lost: bool = False
    held: tuple[StationProfile, ...] = ()
    doubtful: tuple[StationProfile, ...] = ()
    held_since: datetime | None = None
    comparison: Comparison | None = None
    is_overdrawn: bool = False
    capabilities: dict[Layer, Capabilities] = field(default_factory=dict)
    tries: dict[Layer, int] = field(default_factory=dict)
    failures: dict[Layer, Reply] = field(default_factory=dict)
    rewritten: set[Layer] = field(default_factory=set)
    sent: list[tuple[Layer, Reply]] = field(default_factory=list)
    held_back: HeldBack | None = None

    @property
    def place(self) -> Place:
        """The connector."""
        return self.target.place

    @property
    def is_degraded(self) -> bool:
        """Whether one profile has to be floor and plan at once."""
        return self.base.is_degraded(len(self.charger.connectors))

    @property
    def wanted(self) -> tuple[LayerProfile, ...]:
        """What it should hold, in words that the charger has not refused yet."""
        words = {layer: self.capabilities.get(layer, self.base) for layer in Layer}
        return layer_profiles(self.target, words, is_degraded=self.is_degraded)

    @property
    def is_proven(self) -> bool:
        """Whether a read-back has shown that no more is in force than what it has accepted."""
        is_shown = self.comparison is not None and self.comparison.grade in {Grade.MATCH, Grade.LOWER}
        return self.is_connected and is_shown and not self.is_overdrawn

    def take_read_back(self, comparison: Comparison) -> None:
        """Note what it shows, and whether it has lost what it accepted.

        Many chargers lose their profiles in a restart, and some of them answer nothing where they have none.
        """
        self.comparison = comparison
        if comparison.grade is Grade.HIGHER or (self.was_away and comparison.grade is not Grade.MATCH):
            self.has_lost = True

    @property
    def holding(self) -> Holding:
        """What decisions are made from."""
        return Holding(
            wiring=self.wiring,
            held=self.held,
            doubtful=self.doubtful,
            is_proven=self.is_proven,
            transaction_id=self.transaction_id,
            wanted=self.wanted,
            open_layers=frozenset(set(Layer) - set(self.failures)) if self.is_connected else frozenset(),
            rewrite=frozenset(set(Layer) - self.rewritten) if self.has_lost else frozenset(),
            max_periods=self.base.max_periods,
            step_a=self.base.limit_step_a,
        )

    def missing(self, now: datetime) -> tuple[LayerProfile, ...]:
        """What is wanted and was not accepted."""
        return tuple(
            wanted
            for wanted in self.wanted
            if not any(equivalent(held, wanted.profile, since=now) for held in self.held)
        )


def begin_tracks(
    depot: Depot,
    journal: Journal,
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
            base=_capabilities(journal, charger, state),
            is_connected=state.connected_since is not None,
            transaction_id=None if transaction is None else transaction.transaction_id,
        )
        refresh_from_ledger(journal, [track])
        came = max(filter(None, (state.connected_since, state.booted_at)), default=None)
        track.was_away = came is not None and track.held_since is not None and came > track.held_since
        tracks.append(track)
    return tracks


def refresh_from_ledger(journal: Journal, tracks: Iterable[Track]) -> None:
    """Bring what was accepted, and what may have been, up to the journal."""
    for track in tracks:
        connector_id = track.place.connector_id
        accepted = [
            (profile, command)
            for profile, command in journal.installed(track.place.charger_id)
            if profile.connector_id == connector_id and _may_hold(profile, track.transaction_id)
        ]
        track.held = tuple(profile for profile, _ in accepted)
        track.held_since = max((_answered_at(command) for _, command in accepted), default=None)
        track.doubtful = tuple(
            command.profile
            for command in journal.unanswered(track.place.charger_id)
            if command.profile.connector_id == connector_id
            and _may_hold(command.profile, track.transaction_id)
        )


def take_outcome(track: Track, wanted: LayerProfile, reply: Reply) -> None:
    """Count tries and walk down the ladder; a layer without a next step is given up for this tick."""
    layer = wanted.layer
    track.sent.append((layer, reply))
    track.rewritten.add(layer)
    if reply.outcome is Outcome.NOT_CONNECTED:
        track.is_connected = False
        track.failures[layer] = reply
    elif reply.outcome is Outcome.NO_ANSWER:
        track.tries[layer] = track.tries.get(layer, 0) + 1
        if track.tries[layer] >= MAX_TRIES:
            track.failures.update(dict.fromkeys(Layer, reply))
    elif reply.outcome is Outcome.REFUSED:
        used = track.capabilities.get(layer, track.base)
        easier = easier_words(wanted.profile, used=used, base=track.base, is_dc=track.wiring.connector.is_dc)
        if easier is None:
            track.failures[layer] = reply
        else:
            track.capabilities[layer] = easier


def easier_words(
    refused: StationProfile, *, used: Capabilities, base: Capabilities, is_dc: bool
) -> Capabilities | None:
    """What to try after a refusal: half as many periods, then the other unit; None when all was tried.

    Many chargers take fewer periods than they say, and some take only one unit without saying so.
    """
    if len(refused.periods) > FEWEST_PERIODS:
        return used.model_copy(update={"max_periods": len(refused.periods) // 2 + 1})
    if used.unit == "auto" and not is_dc:
        return base.model_copy(update={"unit": "W"})
    return None


def learn(journal: Journal, tracks: Sequence[Track], live: LiveState) -> None:
    """Let all connectors of a charger profit from what one of its answers has taught."""
    charger = tracks[0].charger
    base = _capabilities(journal, charger, live.charger(charger.id))
    for track in tracks:
        track.base = base


def _capabilities(journal: Journal, charger: Charger, state: ChargerState) -> Capabilities:
    known = known_of(
        charger,
        identity=identity_of(charger, state),
        reported=state.configuration,
        learned=learned_lessons(journal.commands(charger_id=charger.id)),
    )
    return known.capabilities


def _may_hold(profile: StationProfile, transaction_id: TransactionId | None) -> bool:
    """Whether a profile can still be there: a TxProfile goes with its transaction (OCPP 1.6 §3.13)."""
    return profile.transaction_id is None or profile.transaction_id == transaction_id


def _answered_at(command: Command) -> datetime:
    return command.answered_at or command.at
