"""The known charger models as a page for the web: ``python -m dispatch.commands.chargers_page > dispatch/chargers/README.md``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import urlsplit

import typer

from dispatch.models import KnownModel, shipped_models

HEAD = """# Known chargers

How these models differ from the rule, and where that is known from. A charger that is not here is served too: by
what it reports, and by what its answers teach. `depot chargers show VENDOR MODEL` shows what would be sent to one.
Values are from public reports and manuals, not from tests of our own; `depot.yaml` goes before all of them.
This page is written from the files beside it by `python -m dispatch.commands.chargers_page`.
"""


def page() -> str:
    """The page as Markdown: a section for each vendor, a row for each lever and note with its sources."""
    return HEAD + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for names, models in groupby(shipped_models(), key=lambda model: model.vendor):
        yield ""
        yield f"## {', '.join(dict.fromkeys(name.strip('*') for name in names))}"
        yield ""
        yield "| model | what differs | sources |"
        yield "|---|---|---|"
        for model in models:
            yield from _rows(model)


def _rows(model: KnownModel) -> Iterator[str]:
    entry = model.entry
    name = entry.name if entry.firmware is None else f"{entry.name}, firmware {entry.firmware}"
    rows = [
        (f"`{lever}: {json.dumps(cited.value)}`: {cited.because}", cited.source)
        for lever, cited in entry.levers.items()
    ]
    rows += [(note.says, note.source) for note in entry.notes]
    for text, sources in rows or [("as the rule", ())]:
        links = ", ".join(f"[{_short(url)}]({url})" for url in sources)
        yield f"| {_cell(name)} | {_cell(text)} | {links} |"


def _short(url: str) -> str:
    """The part of an address that a reader knows it by."""
    parts = urlsplit(url)
    if parts.netloc == "github.com":
        return "/".join(parts.path.strip("/").split("/")[:2])
    return parts.netloc.removeprefix("www.")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    typer.echo(page(), nl=False)
