"""A terminal that nobody looks at: its words are in the log, its document is not."""

from __future__ import annotations

import logging

import pytest

from dispatch.commands.logged import LoggedTerminal, terminal_for
from dispatch.operations.logs import LogFormat
from optimiser.inputs import Problem
from tests.dispatch.operations.test_logs import Heard


def test_what_a_command_says_to_people_goes_into_the_log_where_nobody_looks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    heard, log = Heard(), logging.getLogger("tests.of.terminals")
    log.handlers, log.propagate = [heard], False
    log.setLevel(logging.INFO)
    terminal = terminal_for(LogFormat.JSON, as_json=True, log=log)
    terminal.say("chargers dial in")
    terminal.say()
    with terminal.working("sending"):
        pass
    terminal.complain("with d", [Problem(where="depot.yaml:3", found="x", allowed="y")])
    assert [line["message"] for line in heard.lines[:2]] == ["chargers dial in", "sending"]
    assert (heard.lines[2]["event"], heard.lines[2]["where"]) == ("problem", "depot.yaml:3")
    assert '"found": "x"' in capsys.readouterr().out


def test_for_people_a_command_speaks_as_ever() -> None:
    terminal = terminal_for(LogFormat.TEXT, as_json=False, log=logging.getLogger("tests.of.terminals"))
    assert not isinstance(terminal, LoggedTerminal)
