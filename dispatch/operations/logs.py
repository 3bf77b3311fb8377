"""Logs of what runs on: as lines for people or as JSON lines, without secrets, and no more than somebody can read.

Every line goes through here on its way out, whoever wrote it, so that what no log may hold is taken out in one place.
A record's own facts (``extra={"event": …, "charger_id": …}``) become keys of its JSON line.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from dispatch.gateway.limits import Buckets, Rate
from dispatch.report import NightReport, summary
from dispatch.store.entries import REDACTED

FACTS = (
    "event",
    "depot",
    "night",
    "charger_id",
    "connector_id",
    "action",
    "exit_code",
    "profiles_sent",
    "needs_a_person",
    "where",
    "found",
    "allowed",
)
"""What a record may say of itself beside its words; each is a key of its JSON line."""
LINES = Rate(burst=30, per_s=0.2)
"""Lines of one kind about one charger: a story is told whole, a flood every five seconds."""
CHATTY = ("httpx", "httpcore")
"""Libraries that write a line for every request to our own API."""
LONGEST = 10_000
"""Characters of a message that are written."""

_SECRETS = (
    (re.compile(r"(?i)\b(basic|bearer)\s+[\w+/=.~-]+"), rf"\1 {REDACTED}"),
    (re.compile(r"(://)[^\s@'\"]{0,256}@"), rf"\1{REDACTED}@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|authorizationkey|api[_-]?key)[\w-]{0,32}['\"]?\s?[=:]\s?['\"]?)"
            r"[^\s&,;'\"}\])]+"
        ),
        rf"\1{REDACTED}",
    ),
)
"""What is taken out, and what stands there instead. Every repetition is bounded: lines may be a million long."""


class LogFormat(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


def scrubbed(text: str) -> str:
    """A text without what looks like a secret: headers, users in addresses, values beside the names of secrets.

    >>> scrubbed("GET ws://CP1:hunter2@depot/CP1?token=abc")
    'GET ws://<redacted>@depot/CP1?token=<redacted>'
    """
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


class TextLines(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, scrubbed; a traceback may follow it."""
        return scrubbed(super().format(record) + _left_out(record))


class JsonLines(logging.Formatter):
    """One JSON object a line: time in UTC, level, event, message, and the facts that the record has."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; whatever a message holds, it is one line."""
        facts = {name: value for name in FACTS if (value := getattr(record, name, None)) is not None}
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": "said",
            **{name: scrubbed(value) if isinstance(value, str) else value for name, value in facts.items()},
            "message": scrubbed(record.getMessage() + _left_out(record)),
        }
        if record.exc_info:
            line["exception"] = scrubbed(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class Sparing(logging.Filter):
    """Lets no charger flood the log: of one kind of line about one charger so many, then one now and then.

    How many were left out stands in the next one that is written.
    """

    def __init__(self, *, rate: Rate = LINES, seconds: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._buckets = Buckets(rate)
        self._seconds = seconds
        self._left_out: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        charger_id = getattr(record, "charger_id", None)
        if charger_id is None:
            return True
        kind = (str(charger_id), str(getattr(record, "event", record.msg)))
        if not self._buckets.allows(kind, now_s=self._seconds()):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return False
        record.left_out = self._left_out.pop(kind, 0)
        return True


def begin_logging(log_format: LogFormat) -> None:
    """Let everything that is logged from INFO on be written to standard error, unless that goes elsewhere already."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format is LogFormat.JSON else TextLines())
    handler.addFilter(Sparing())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_tick(log: logging.Logger, depot: str, found: NightReport, *, exit_code: int) -> None:
    """What a tick came to: a line of its own, and one for every connector of which there is anything to say."""
    night = found.plan.night.isoformat()
    for row in found.rows:
        if row.sentences:
            facts = {
                "event": "connector_told",
                "night": night,
                "needs_a_person": row.needs_a_person,
                **row.place._asdict(),
            }
            log.info("%s: %s", row.place, "; ".join(row.sentences), extra=facts)
    facts = {
        "event": "tick_ended",
        "depot": depot,
        "night": night,
        "exit_code": exit_code,
        "profiles_sent": found.sent,
        "needs_a_person": found.needs_a_person,
    }
    log.info("%s", summary(found)[0], extra=facts)


def _left_out(record: logging.LogRecord) -> str:
    count = getattr(record, "left_out", 0)
    return f" ({count} like this one left out before)" if count else ""
