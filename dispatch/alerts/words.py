"""Alerts in words, for a mail and for programs: what, why, since when, where, what to do. Pure.

What charge points say of themselves is in there: nothing of it may break a line or a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.alert import Alert, News
from dispatch.alerts.deciding import Letter

HANDBOOK = Path(__file__).parents[1] / "handbook"
LONGEST_SUBJECT = 150
"""What a telephone shows of a subject is less; mail allows 998. [characters]"""


def subject(letter: Letter, *, depot: str) -> str:
    """The line that is read first: the first alert, and how many more there are."""
    first, news = letter.contents[0]
    others = len(letter.contents) - 1
    more = "" if not others else f", and {others} more"
    over = "over: " if news is News.OVER else ""
    what = _one_line(f"{depot}: {over}{first.condition.what}")
    room = LONGEST_SUBJECT - len(more)
    return (what if len(what) <= room else f"{what[: room - 1]}…") + more


def text(letter: Letter, *, depot: str, folder: str, zone: ZoneInfo) -> str:
    """All that is told, for people; what is to be done stands once for all alerts of a kind."""
    lines: list[str] = []
    for page in dict.fromkeys(alert.condition.page for alert in letter.there):
        mine = [alert for alert in letter.there if alert.condition.page == page]
        for alert in mine:
            lines += [*_about(alert, zone), ""]
        lines += [f"What to do ({page}.md in the operator's handbook):", *what_to_do(page).splitlines(), ""]
    for alert in letter.over:
        assert alert.over_at is not None, "it is over"
        since, until = _local(alert.since, zone), _local(alert.over_at, zone)
        lines += [f"Over: {_one_line(alert.condition.what)}", f"  It was so from {since} to {until}.", ""]
    lines.append(f"Depot {depot}. All alerts: depot alerts {folder}")
    if letter.there:
        known = " ".join(f"--acknowledge {alert.id}" for alert in letter.there)
        lines.append(f"I know, do not repeat: depot alerts {folder} {known}")
    return "\n".join(lines) + "\n"


def document(letter: Letter, *, depot: str, folder: str, zone: ZoneInfo) -> dict[str, Any]:
    """The same for programs. ``text`` is what chat services show of what is posted to them."""
    return {
        "depot": depot,
        "subject": subject(letter, depot=depot),
        "text": text(letter, depot=depot, folder=folder, zone=zone),
        "alerts": [alert_document(alert, zone=zone) for alert, _ in letter.contents],
    }


def alert_document(alert: Alert, *, zone: ZoneInfo) -> dict[str, Any]:
    """One alert for programs; instants in local time with their offset."""
    condition = alert.condition
    times = {
        "since": alert.since,
        "seen_at": alert.seen_at,
        "acknowledged_at": alert.acknowledged_at,
        "over_at": alert.over_at,
    }
    return {
        "id": alert.id,
        "cause": condition.cause.value,
        "state": "over" if not alert.is_open else "acknowledged" if alert.acknowledged_at else "open",
        "what": condition.what,
        "why": condition.why,
        "night": None if condition.night is None else condition.night.isoformat(),
        "charger_id": condition.charger_id,
        "connector_id": condition.connector_id,
        "vehicle_id": condition.vehicle_id,
        **{name: None if at is None else at.astimezone(zone).isoformat() for name, at in times.items()},
        "what_to_do": what_to_do(condition.page),
        "page": f"{condition.page}.md",
    }


@cache
def what_to_do(page: str) -> str:
    """What the operator's page of this name says to do, as plain text."""
    written = (HANDBOOK / f"{page}.md").read_text(encoding="utf-8")
    _, _, advice = written.partition("**What to do.**")
    return re.sub(r"\[([^\]]+)\]\(([^)]+)\)", _link, advice).replace("`", "").strip()


def _link(found: re.Match[str]) -> str:
    words, page = found.groups()
    return words if page.removesuffix(".md") == words.replace(" ", "-") else f"{words} ({page})"


def _about(alert: Alert, zone: ZoneInfo) -> Iterator[str]:
    condition = alert.condition
    yield f"{_one_line(condition.what)}."
    yield f"  Why: {_one_line(condition.why)}"
    yield f"  Since {_local(alert.since, zone)}, last seen {_local(alert.seen_at, zone)}. Alert {alert.id}."


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def _one_line(words: str) -> str:
    line = " ".join(words.split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def table_rows(alerts: Sequence[Alert], *, zone: ZoneInfo) -> list[tuple[str, ...]]:
    """Alerts as a table for people: number, since when, state, what and why."""
    return [
        (
            str(alert.id),
            _local(alert.since, zone),
            alert_document(alert, zone=zone)["state"],
            _one_line(f"{alert.condition.what}: {alert.condition.why}"),
            alert.condition.page,
        )
        for alert in alerts
    ]
