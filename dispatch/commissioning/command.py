"""``depot commission``: the acceptance test of one charge point, its protocol and its capability file. Knows this page."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dispatch.commissioning.course import Outcome, commission
from dispatch.commissioning.protocol import QUESTIONS, Verdict
from dispatch.site import Site
from dispatch.station import StationsUnreachableError
from optimiser.cli import ExitCode
from optimiser.depot import Charger, Depot
from optimiser.inputs import InputError, Problem, night_containing
from optimiser.inputs.commissioned import FOLDER, capability_file, file_name
from optimiser.plan import Plan
from optimiser.terminal import Terminal
from optimiser.writing import write_together

MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.CANNOT_TELL: "?"}
HEADERS = ("check", "", "what was seen")


async def commission_command(
    terminal: Terminal, site: Site, *, charger_id: str, wait_minutes: float, out: Path | None
) -> ExitCode:
    """Test a charger under the depot's lease, write its capability file and its protocol, and print what was found."""
    charger = _charger(site.depot, charger_id)
    live = await site.stations.live()
    if live.charger(charger_id).connected_since is None:
        raise StationsUnreachableError(f"{charger_id} is not connected to the gateway")
    async with site.writing(f"depot commission {charger_id}") as journal:
        with terminal.working(f"commissioning {charger_id}"), _cancelled_by_sigterm():
            found = await commission(
                site.depot,
                charger,
                plan=_plan(site, live.now),
                journal=journal,
                stations=site.stations,
                folder=site.folder,
                wait_s=wait_minutes * 60.0,
                say=terminal.say,
            )
    page = out if out is not None else site.folder / FOLDER / f"{charger_id}.html"
    _write(site, found, page)
    code = exit_code(found)
    terminal.table(
        HEADERS, [(one.check, _mark(one.verdict), one.sentence) for one in found.protocol.in_order()]
    )
    for line in _summary(found):
        terminal.say(line)
    terminal.say(f"capability file: {site.folder / file_name(charger_id)}")
    terminal.say(f"protocol: {page}")
    terminal.document(document(found) | {"page": str(page), "exit_code": int(code)})
    return code


def exit_code(found: Outcome) -> ExitCode:
    """0 where all has passed, 4 where something was not tried because a limit could have broken, else 1."""
    if found.protocol.refused:
        return ExitCode.REFUSED
    return ExitCode.GOOD if found.has_passed else ExitCode.NEEDS_A_PERSON


def document(found: Outcome) -> dict[str, Any]:
    """The protocol for programs."""
    return {
        "charger_id": found.charger_id,
        "connector_id": found.connector_id,
        "vendor": found.identity.vendor,
        "model": found.identity.model,
        "firmware": found.identity.firmware,
        "begun": found.begun.isoformat(),
        "ended": found.ended.isoformat(),
        "checks": [
            {
                "check": one.check.value,
                "asks": QUESTIONS[one.check],
                "verdict": one.verdict.value,
                "sentence": one.sentence,
                "evidence": list(one.evidence),
            }
            for one in found.protocol.in_order()
        ],
        "levers": {name: vars(lesson) for name, lesson in found.protocol.levers.items()},
        "refused": found.protocol.refused,
        "left": list(found.left),
    }


def _charger(depot: Depot, charger_id: str) -> Charger:
    names = [charger.id for charger in depot.chargers]
    if charger_id not in names:
        allowed = f"a charger of depot.yaml: {', '.join(names)}"
        raise InputError([Problem(where="--charger", found=repr(charger_id), allowed=allowed)])
    return depot.charger(charger_id)


def _plan(site: Site, now: Any) -> Plan | None:
    """The plan whose limits hold tonight, if there is one; by day there may be none."""
    try:
        return site.journal.latest_plan(night_containing(site.depot, now))
    except InputError:
        return None


def _write(site: Site, found: Outcome, page: Path) -> None:
    """The capability file where anything was learned, and the page."""
    from dispatch.commissioning.page import render  # noqa: PLC0415 - a tenth of a second that no other command needs

    commissioned = found.commissioned(site.depot)
    path = site.folder / file_name(found.charger_id)
    text = capability_file(found.charger_id, commissioned)
    write_together(path.parent, {path.name: text}, before=lambda: None)
    write_together(page.parent, {page.name: render(site.depot, found, commissioned)}, before=lambda: None)


def _mark(verdict: Verdict) -> str:
    return f"{MARKS[verdict]} {verdict}"


def _summary(found: Outcome) -> list[str]:
    counts = {verdict: sum(one.verdict is verdict for one in found.protocol.results) for verdict in Verdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    who = (
        " ".join(filter(None, (found.identity.vendor, found.identity.model))) or "a charger of no known make"
    )
    lines = [f"{found.charger_id}, {who}, firmware {found.identity.firmware or 'not told'}: {told}"]
    lines += [
        f"not tried, for the site could not bear it: {reason}"
        for reason in dict.fromkeys(found.protocol.refused)
    ]
    lines += [f"not as it was found: {reason}" for reason in found.left]
    return lines


@contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    """Let a polite kill end the test as Ctrl-C does: the charger is tidied up before the process goes."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
