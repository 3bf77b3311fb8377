from __future__ import annotations

import json

import pytest

from optimiser.inputs import Problem
from optimiser.terminal import Terminal

PROBLEM = Problem(where="depot.yaml site", found="[bold]140", allowed="0 to 100")


def test_text_is_for_standard_output_and_never_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=False).say("van [bold]7[/bold] :smile:")

    assert capsys.readouterr().out == "van [bold]7[/bold] :smile:\n"


def test_with_json_text_steps_aside(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=True)
    terminal.say("hello")
    terminal.table(("a",), [("b",)])
    terminal.document({"vehicle": "Müller"})

    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"vehicle": "Müller"}
    assert captured.err == "hello\na\nb\n"


def test_without_json_there_is_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=False).document({"a": 1})

    assert capsys.readouterr().out == ""


def test_a_table_where_no_terminal_is_stands_in_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("V1", "9.5"), ("Kühlwagen 車", "10.25")]

    Terminal(as_json=False).table(("vehicle", "kWh"), rows, numbers={1})

    lines = capsys.readouterr().out.splitlines()
    assert lines == ["vehicle         kWh", "V1              9.5", "Kühlwagen 車  10.25"]


def test_a_long_line_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=False).say("word " * 100)

    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_table_on_a_terminal_has_a_frame(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    Terminal(as_json=False).table(("vehicle", "kWh"), [("[red]V1", "9.5")], numbers={1})

    out = capsys.readouterr().out
    assert "─" in out
    assert "[red]V1" in out


def test_problems_are_counted_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=False).complain("with depot", [PROBLEM, PROBLEM])

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "2 problems with depot:",
        "  depot.yaml site: found [bold]140, allowed 0 to 100",
        "  depot.yaml site: found [bold]140, allowed 0 to 100",
    ]


def test_problems_are_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=True).complain("with depot", [PROBLEM])

    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "errors": [{"where": "depot.yaml site", "found": "[bold]140", "allowed": "0 to 100"}]
    }
    assert captured.err.startswith("1 problem with depot:")


def test_work_that_takes_a_while_is_one_plain_line_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(as_json=False).working("planning"):
        pass

    assert capsys.readouterr().err == "planning\n"


def test_work_that_takes_a_while_never_touches_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    with Terminal(as_json=True).working("planning [bold]x"):
        pass

    assert capsys.readouterr().out == ""


def test_where_no_terminal_is_every_tenth_is_a_line_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Terminal(as_json=False).counting("planning nights", 1200) as progress:
        for _ in range(1200):
            progress(1)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[::3] == [
        "planning nights: 120 of 1,200",
        "planning nights: 480 of 1,200",
        "planning nights: 840 of 1,200",
        "planning nights: 1,200 of 1,200",
    ]


def test_on_a_terminal_there_is_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    with Terminal(as_json=False).counting("planning nights", 2) as progress:
        progress(2)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2/2" in captured.err
