"""``depot preview``: what any stack of profiles comes to, for people and scripts. Knows files, streams and exit codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dispatch.preview import PreviewError, Question, draw, read_questions
from optimiser.cli import AsJson, ExitCode
from optimiser.terminal import Terminal

STANDARD_INPUT = "-"


def preview_command(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="JSON, one stack or an array of them; - reads standard input."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a stack of charging profiles comes to: the composite schedule of OCPP 1.6, 2.0.1 or 2.1."""
    terminal = Terminal(as_json=as_json)
    found = _read(file)
    several = found if isinstance(found, list) else [found]
    answers: list[dict[str, Any]] = []
    for number, question in enumerate(several):
        if isinstance(question, PreviewError):
            for line in question.lines:
                typer.echo(
                    f"{file}[{number}]: {line}" if isinstance(found, list) else f"{file}: {line}", err=True
                )
            answers.append({"error": str(question)})
        elif as_json:
            answers.append(question.document())
        else:
            for line in draw(question, width=terminal.people.width):
                terminal.say(line)
            terminal.say()
    terminal.document(answers if isinstance(found, list) else answers[0] if answers else {})
    is_bad = any(isinstance(question, PreviewError) for question in several)
    raise typer.Exit(ExitCode.BAD_INPUT if is_bad else ExitCode.GOOD)


def _read(file: str) -> list[Question | PreviewError] | Question | PreviewError:
    try:
        data = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
        return read_questions(data.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        return PreviewError([f"found nothing that can be read ({error}), allowed a file of JSON in UTF-8"])
