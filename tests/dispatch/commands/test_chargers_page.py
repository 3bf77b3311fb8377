from __future__ import annotations

from pathlib import Path

from dispatch.commands import chargers_page
from dispatch.models import shipped_models

KEPT = Path(chargers_page.__file__).parents[1] / "chargers" / "README.md"


def test_the_page_is_what_the_model_files_say() -> None:
    assert KEPT.read_text(encoding="utf-8") == chargers_page.page()


def test_every_model_is_on_the_page_with_all_its_sources() -> None:
    page = chargers_page.page()
    for model in shipped_models():
        entry = model.entry
        assert f"| {entry.name}" in page
        sources = [cited.source for cited in entry.levers.values()] + [note.source for note in entry.notes]
        assert all(f"]({url})" in page for urls in sources for url in urls)
