"""What the store has of one night: versions of the plan, commands, evidence and events. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from dispatch.events import StationEvent
from dispatch.evidence import Command, Evidence
from dispatch.journal import PlanKind
from optimiser.plan import Plan


@dataclass(frozen=True, kw_only=True)
class StoredPlan:
    """One version of a night's plan, and whether it was made anew or out of the one before."""

    kind: PlanKind
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class NightFacts:
    """All that the store has of one night, each in the order in which it was written; at least one plan.

    ``held_before``: what chargers had accepted last before the night, by profile id. ``events`` begin a day before
    it, so that sessions and sockets that were open then are known; of the time before that, the last word on every
    socket and the last boot of every charger.
    """

    versions: tuple[StoredPlan, ...]
    commands: tuple[Command, ...] = ()
    held_before: tuple[Command, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    events: tuple[StationEvent, ...] = ()

    @property
    def plan(self) -> Plan:
        """The night's last plan."""
        return self.versions[-1].plan

    @property
    def base(self) -> Plan:
        """What the night was begun with: the last plan before the first re-plan."""
        begun = self.versions[0]
        for version in self.versions:
            if version.kind == "replan":
                break
            begun = version
        return begun.plan
