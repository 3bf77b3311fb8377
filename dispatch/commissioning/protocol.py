"""What a commissioning finds: a verdict for each check with its evidence, and the levers that follow. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dispatch.evidence import Lesson
from dispatch.station import MeterReading, Reply


class Verdict(StrEnum):
    """What a check says of a charger. Whoever could not look has seen nothing: that is never a pass."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    CANNOT_TELL = "cannot tell"


class Check(StrEnum):
    """What is asked of a charger, in the order in which it is told."""

    ALONE = "alone"
    CLOCK = "clock"
    SET = "set"
    READ_BACK = "read back"
    CLEAR = "clear"
    UNITS = "units"
    KINDS = "kinds"
    PURPOSES = "purposes"
    DECIMALS = "decimals"
    ZERO = "0 A"
    BELOW_MINIMUM = "below minimum"
    PERIODS = "periods"
    STACK = "stack"
    BOUNDARIES = "boundaries"
    RECURRENCE = "recurrence"
    STORE = "store"
    OBEYS = "obeys"
    WATTS = "watts"
    PHASES = "number of phases"
    STEP = "smallest step"
    PATTERN = "pattern"
    SESSION = "session"
    PAUSE = "pause"
    SCOPE = "scope"
    CEILING = "site cap"
    LINK = "link lost"
    REBOOT = "reboot"


QUESTIONS = {
    Check.ALONE: "Is it free of profiles that somebody else has put there?",
    Check.CLOCK: "Is its clock right?",
    Check.SET: "Does it take a charging profile?",
    Check.READ_BACK: "Does its composite schedule show what it was sent?",
    Check.CLEAR: "Is a profile gone once it was removed?",
    Check.UNITS: "Does it take limits in the units that it says it takes?",
    Check.KINDS: "Does it take profiles with absolute times?",
    Check.PURPOSES: "Does it take a limit for the whole charger?",
    Check.DECIMALS: "Does it take tenths of an ampere?",
    Check.ZERO: "Does it take a limit of 0?",
    Check.BELOW_MINIMUM: "Does it take a limit below its minimum current?",
    Check.PERIODS: "Does it keep as many periods as it says?",
    Check.STACK: "Does the higher stack level win, and the lower one hold after its end?",
    Check.BOUNDARIES: "Do periods and validity begin and end when they should?",
    Check.RECURRENCE: "Does a daily schedule come again?",
    Check.STORE: "Does it hold as many profiles as it says, and replace one when it is full?",
    Check.OBEYS: "Does the meter show that a limit in force is kept?",
    Check.WATTS: "Are watts read as the total of all phases?",
    Check.PHASES: "What is a missing numberPhases read as?",
    Check.STEP: "Which steps does the current have?",
    Check.PATTERN: "Does the meter follow a pattern of limits by the charger's own clock?",
    Check.SESSION: "Is a profile of the running session obeyed?",
    Check.PAUSE: "Does the session outlive a limit of 0, and go on afterwards?",
    Check.SCOPE: "Does a limit of one connector leave the others alone?",
    Check.CEILING: "Do all connectors together keep the charger's maximum?",
    Check.LINK: "Does the limit hold while the link is lost?",
    Check.REBOOT: "Does it remember its profiles over a restart?",
}
"""What each check asks, for people."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One check with its verdict, a sentence that says why, and what shows it."""

    check: Check
    verdict: Verdict
    sentence: str
    evidence: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Protocol:
    """What was found so far. ``refused``: something was left because a limit of the site could have broken."""

    results: list[Result] = field(default_factory=list)
    levers: dict[str, Lesson] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def note(
        self,
        check: Check,
        verdict: Verdict,
        sentence: str,
        *witnesses: Reply | MeterReading | None,
    ) -> None:
        """Keep a result, with the messages and meter readings that show it."""
        shown = tuple(text for witness in witnesses if (text := evidence(witness)))
        self.results.append(Result(check=check, verdict=verdict, sentence=sentence, evidence=shown))

    def find(self, lever: str, value: Any, because: str) -> None:
        """Keep the value of a lever; what is found later goes before."""
        self.levers[lever] = Lesson(value=value, because=because)

    def verdict(self, check: Check) -> Verdict | None:
        """What was found of a check: the worst, where it was looked at more than once."""
        found = [one.verdict for one in self.results if one.check is check]
        worst = (Verdict.FAIL, Verdict.CANNOT_TELL, Verdict.PASS)
        return next((verdict for verdict in worst if verdict in found), None)

    def failed(self) -> set[Check]:
        """The checks that did not pass because of what the charger did."""
        return {one.check for one in self.results if one.verdict is Verdict.FAIL}

    def in_order(self) -> Sequence[Result]:
        """The results in the order of the checks."""
        order = list(Check)
        return sorted(self.results, key=lambda one: order.index(one.check))


def evidence(witness: Reply | MeterReading | None) -> str:
    """Where something can be seen: the id of a raw message in the journal, or what a meter showed when."""
    if isinstance(witness, Reply):
        return f"message {witness.message_id}" if witness.message_id else ""
    if isinstance(witness, MeterReading):
        values = ((witness.current_a, "A"), (witness.power_kw, "kW"))
        shown = ", ".join(f"{value:.2f} {unit}" for value, unit in values if value is not None)
        return f"meter {witness.at:%H:%M:%SZ}: {shown or 'no power'}"
    return ""
