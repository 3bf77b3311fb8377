"""How a simulated charge point behaves where real ones differ. Switches only; named sets of them are in personas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dispatch.simulator.resolver import Kind, Purpose, RateUnit


@dataclass(frozen=True, kw_only=True)
class ExternalLimit:
    """A limit that somebody else (an energy management system) holds on the station, from its boot on.

    ``limit_a`` per phase; it is taken away ``duration_s`` after the boot.
    """

    limit_a: float
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class Persona:
    """What a charge point takes and how honest it is; the default is one that keeps to its OCPP version.

    What it says of itself: ``units`` in which it takes limits (on DC only W), ``max_periods``, ``max_stack_level``,
    ``max_profiles``, ``switches_phases`` (2.0.1: it can charge on fewer phases than it has).

    What it refuses beyond that: ``refuses_profiles`` all; ``refused_purposes`` and ``refused_kinds`` some;
    ``refused_limits`` 0 A, or all below the connector's minimum but 0; ``refuses_tenths`` those that binary
    arithmetic does not find to be a multiple of 0.1; ``counts_periods_by_stack_level`` as many periods as it has
    stack levels; ``full_refuses_replacement`` takes nothing at all once it is full; ``refuses_start_with_profile``
    a remote start that carries a profile. ``refuses_by_error``: by CALLERROR, not by status. ``smart_charging``
    False: every request about profiles gets NotSupported, whatever it said of itself.

    What it does not answer: ``never_answers_profiles``, ``never_answers_unknown_actions``.

    What it says and does not do: ``accepts_everything`` accepts and keeps nothing; ``ignores_profiles`` accepts,
    keeps and shows them and lets the vehicle draw what it wants. ``kept_periods``: of a schedule it accepts, it keeps
    only so many periods, the first; the last of them goes on. ``kept_profiles``: of those that it accepts, it keeps
    only so many, the first that came or, with ``keeps_newest``, the last. ``composite`` "rejected" never tells a schedule,
    "missing" accepts and tells none, "wrong" tells full power all the time, "not_rebased" tells the periods as
    they were sent, whenever it is asked, "negative" tells -1 where there is no limit.

    How it reads: ``reads_offsets_as_utc`` drops the offset of a timestamp; ``reads_amperes_as_total`` shares
    amperes over the phases; ``reads_phases_as_one`` spreads watts as if over one phase, and says so;
    ``reads_watts_per_phase`` gives every phase the watts of all;
    ``station_max_per_connector`` gives every connector the whole station's maximum.

    How it follows: ``settle_s`` after a change; ``ignores_default_in_session`` keeps, while a transaction runs, the
    defaults with which it began; ``zero_ends_transaction`` stops the transaction at a limit of 0.

    Lost connections: ``loses_profiles_on_reboot``, ``loses_profiles_on_disconnect``; ``silent_on_reconnect`` tells
    no states; ``boots_on_reconnect`` says hello again; ``replays_meter_values`` sends what it sampled meanwhile.

    ``clock_skew_s`` is how far its clock is ahead of the gateway's, whatever that says. In 2.0.1,
    ``announces_needs`` tells what a vehicle wants when it is plugged in, and ``external_limit`` is held by others.
    """

    units: tuple[RateUnit, ...] = ("A", "W")
    max_periods: int = 24
    max_stack_level: int = 8
    max_profiles: int = 10
    switches_phases: bool = False

    refuses_profiles: bool = False
    refused_purposes: frozenset[Purpose] = field(default_factory=frozenset)
    refused_kinds: frozenset[Kind] = field(default_factory=frozenset)
    refused_limits: Literal["none", "zero", "below_minimum"] = "none"
    refuses_tenths: bool = False
    counts_periods_by_stack_level: bool = False
    full_refuses_replacement: bool = False
    refuses_start_with_profile: bool = False
    refuses_by_error: bool = False
    smart_charging: bool = True

    never_answers_profiles: bool = False
    never_answers_unknown_actions: bool = False

    accepts_everything: bool = False
    ignores_profiles: bool = False
    kept_periods: int | None = None
    kept_profiles: int | None = None
    keeps_newest: bool = False
    composite: Literal["ok", "rejected", "missing", "wrong", "not_rebased", "negative"] = "ok"

    reads_offsets_as_utc: bool = False
    reads_amperes_as_total: bool = False
    reads_phases_as_one: bool = False
    reads_watts_per_phase: bool = False
    station_max_per_connector: bool = False

    settle_s: float = 0.0
    ignores_default_in_session: bool = False
    zero_ends_transaction: bool = False

    loses_profiles_on_reboot: bool = False
    loses_profiles_on_disconnect: bool = False
    silent_on_reconnect: bool = False
    boots_on_reconnect: bool = False
    replays_meter_values: bool = False

    clock_skew_s: float = 0.0
    announces_needs: bool = False
    external_limit: ExternalLimit | None = None

    @property
    def obeys_nothing(self) -> bool:
        """Whether no profile has an effect on it, whatever it says."""
        return (
            self.refuses_profiles
            or self.ignores_profiles
            or self.accepts_everything
            or self.never_answers_profiles
            or not self.smart_charging
        )

    @property
    def draws_more_than_it_tells(self) -> bool:
        """Whether its vehicles draw more than the schedule that it tells: only a meter shows that."""
        misreads_watts = self.reads_phases_as_one or self.reads_watts_per_phase
        return self.ignores_profiles or (misreads_watts and "A" not in self.units)
