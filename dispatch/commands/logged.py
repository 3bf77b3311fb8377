"""The option ``--log-format``, and a terminal whose words go into the log: for commands that run on."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from dispatch.operations.logs import LogFormat
from optimiser.inputs import Problem
from optimiser.terminal import Terminal

Format = Annotated[
    LogFormat,
    typer.Option("--log-format", help="Lines for people or, one a line, JSON; on standard error."),
]


@dataclass(frozen=True, kw_only=True)
class LoggedTerminal(Terminal):
    """A terminal whose words for people go into the log: nobody looks at it, but something reads its lines."""

    log: logging.Logger

    def say(self, text: str = "") -> None:
        """A line for people."""
        if text:
            self.log.info("%s", text)

    def table(
        self, headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[int] = ()
    ) -> None:
        """Tables are left out: what they show is in the log line by line."""

    def complain(self, what: str, problems: Sequence[Problem]) -> None:
        """Every problem as an error of its own, and all as the document."""
        for problem in problems:
            facts = {
                "event": "problem",
                "where": problem.where,
                "found": problem.found,
                "allowed": problem.allowed,
            }
            self.log.error("%s: %s", what, problem, extra=facts)
        self.document(
            {"errors": [{"where": p.where, "found": p.found, "allowed": p.allowed} for p in problems]}
        )

    @contextmanager
    def working(self, doing: str) -> Iterator[None]:
        """Something that takes a while."""
        self.log.info("%s", doing)
        yield


def terminal_for(log_format: LogFormat, *, as_json: bool, log: logging.Logger) -> Terminal:
    """Where a command that runs on speaks: to people, or into its log."""
    if log_format is LogFormat.JSON:
        return LoggedTerminal(as_json=as_json, log=log)
    return Terminal(as_json=as_json)
