"""The operator's pages: each is found from the list, and each says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dispatch

FOLDER = Path(dispatch.__file__).parent / "handbook"
LIST = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_is_on_the_list_and_says_what_is_seen_meant_and_to_be_done(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert f"]({page.name})" in LIST
    assert all(f"**{part}.**" in text for part in ("What you see", "What it means", "What to do"))


@pytest.mark.parametrize("page", [*PAGES, FOLDER / "README.md"], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)]+)\)", page.read_text(encoding="utf-8"))
    assert all((FOLDER / link).exists() for link in links)


@pytest.mark.parametrize(
    "sentence",
    [
        "not connected",
        "refuses its profile",
        "does not answer",
        "held back",
        "the depot's folder has changed since this plan was made",
    ],
)
def test_what_a_tick_says_word_for_word_has_a_page(sentence: str) -> None:
    sources = [path.read_text("utf-8") for path in FOLDER.parent.rglob("*.py")]
    assert any(sentence in source for source in sources)
    assert any(sentence in page.read_text("utf-8") for page in PAGES)


def test_every_event_of_the_log_is_on_the_list_of_events() -> None:
    sources = "".join(path.read_text("utf-8") for path in FOLDER.parent.rglob("*.py"))
    events = set(re.findall(r'"event": "(\w+)"', sources)) | set(re.findall(r'_of\("(\w+)"', sources))
    assert {"connected", "tick_ended", "flooded", "put_back"} <= events
    missing = [event for event in sorted(events) if f"`{event}`" not in LIST]
    assert missing == []
