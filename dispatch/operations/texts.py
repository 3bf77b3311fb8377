"""Templates of plain text: how words are quoted for YAML, systemd and cron stands here alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def rendered(template: str, **words: object) -> str:
    """A template of this package with its words in place."""
    return _environment().get_template(template).render(**words)


def for_yaml(text: str) -> str:
    """A text as YAML takes it, whatever stands in it: JSON is YAML."""
    return json.dumps(text, ensure_ascii=False)


def for_systemd(text: str) -> str:
    r"""A word of a unit file (systemd.syntax(7), systemd.service(5)).

    >>> print(for_systemd("/srv/depot 5%/$x"))
    "/srv/depot 5%%/$$x"
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != text or not _is_plain(text) else text


def for_path(text: str) -> str:
    """A path in a setting that takes paths: as :func:`for_systemd`, but ``$`` means nothing there."""
    return for_systemd(text).replace("$$", "$")


def for_words(text: str) -> str:
    """Words for people in a unit file."""
    return text.replace("%", "%%")


def for_cron(words: Iterable[str]) -> str:
    r"""A command line for crontab(5), where an unescaped % ends the command.

    >>> print(for_cron(["depot", "check", "/srv/depot 5%"]))
    depot check '/srv/depot 5\%'
    """
    return shlex.join(words).replace("%", "\\%")


def _is_plain(text: str) -> bool:
    return text != "" and all(letter.isalnum() or letter in "/._-=:,+@" for letter in text)


@cache
def _environment() -> Environment:
    # a thirtieth of a second that only a new folder needs
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("dispatch.operations"),
        autoescape=False,  # noqa: S701 - no page: files that only systemd, cron and YAML read
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "yaml": for_yaml,
        "systemd": for_systemd,
        "path": for_path,
        "words": for_words,
        "shell": shlex.quote,
        "shell_line": shlex.join,
    }
    return environment
