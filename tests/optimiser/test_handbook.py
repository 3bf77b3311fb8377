"""The pages for planners say what the code does: the formulas are its own, and every symbol is explained."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import optimiser.forgetful
import optimiser.lp.model
import optimiser.lp.scenarios
from dispatch.evidence import Layer, Rung, Verdict
from optimiser.depot import Connector, Site, Vehicle
from optimiser.night import Visit

FOLDER = Path(optimiser.lp.model.__file__).parents[1] / "handbook"
THINKS = (FOLDER / "how-the-planner-thinks.md").read_text(encoding="utf-8")
WORDS = (FOLDER / "words.md").read_text(encoding="utf-8")
PAGES = sorted(FOLDER.glob("*.md"))


@pytest.mark.parametrize(
    "module", [optimiser.lp.model, optimiser.lp.scenarios, optimiser.forgetful], ids=lambda m: m.__name__
)
def test_the_mathematics_is_that_of_the_code(module: object) -> None:
    blocks = re.findall(r"```text\n(.*?)```", THINKS, flags=re.DOTALL)
    assert any(block.strip() in str(module.__doc__) for block in blocks)


def test_every_symbol_of_the_mathematics_is_explained() -> None:
    written = f"{optimiser.lp.model.__doc__}{optimiser.lp.scenarios.__doc__}"
    symbols = re.findall(r"\b([a-zA-Z]+)\[", written)
    assert symbols
    rows = WORDS.split("## Symbols")[1].split("## The depot")[0]
    missing = {s for s in symbols if f"{s}[" not in rows and s not in {"bought", "unsold"}}
    assert not missing


def test_every_unit_in_the_names_of_what_a_planner_writes_is_explained() -> None:
    names = [field.name for kind in (Connector, Site, Vehicle, Visit) for field in fields(kind)]
    units = {name.rsplit("_", 1)[1] for name in names if "_" in name} & {"kw", "kwh", "a", "v", "percent"}
    assert units == {"kw", "kwh", "a", "v", "percent"}
    assert all(f"`_{unit}`" in WORDS for unit in units)


@pytest.mark.parametrize("word", [*Layer, *(rung.replace("_", " ") for rung in Rung), *Verdict])
def test_every_word_of_the_dispatcher_is_explained(word: str) -> None:
    assert word.replace("_", " ") in WORDS.split("## What the dispatcher says")[1]


@pytest.mark.parametrize(
    "link",
    [
        (page, link)
        for page in PAGES
        for link in re.findall(r"\]\((?!http)([^)]+)\)", page.read_text("utf-8"))
    ],
    ids=lambda pair: pair[1],
)
def test_every_link_of_a_page_leads_somewhere(link: tuple[Path, str]) -> None:
    page, target = link
    assert (page.parent / target).exists()
