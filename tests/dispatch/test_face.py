"""What planners call from Python: every example in the help is true, on one rehearsed night of the sample depot."""

from __future__ import annotations

import doctest
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dispatch
from dispatch import Morning
from tests.dispatch.morning_builders import a_good_night, facts_of, report_of

ROOT = Path(__file__).parents[2]
IN_ORDER = ("rehearse", "load_morning", "Morning")
"""Each leaves what the next one's examples begin with."""


def examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=True)
    for name in IN_ORDER:
        found = finder.find(getattr(dispatch, name), name, module=False, globs={})
        yield from (example for example in found if example.examples)


EXAMPLES = {example.name: example for example in examples()}


def failures(example: doctest.DocTest, names: dict[str, Any]) -> str:
    """What is wrong with an example that begins with some names, and leaves its own among them."""
    example.globs, said = names, list[str]()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(example, out=said.append, clear_globs=False)
    return "".join(said)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the examples of the two functions leave behind: a rehearsal takes seconds, and is enough for all."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("rehearsed")))
        wrong = [failures(EXAMPLES[name], names) for name in ("rehearse", "load_morning")]
    assert wrong == ["", ""]
    return names


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.startswith("Morning")])
def test_the_example_in_the_help_is_true(name: str, left: dict[str, Any]) -> None:
    assert failures(EXAMPLES[name], dict(left)) == ""


def test_every_public_name_and_method_has_an_example() -> None:
    methods = [name for name in vars(Morning) if callable(vars(Morning)[name]) and not name.startswith("_")]
    assert set(EXAMPLES) == {*dispatch.__all__, *(f"Morning.{name}" for name in methods)}
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        dispatch.optimise  # type: ignore[attr-defined]  # noqa: B018 the name is asked for


def test_a_night_in_which_nothing_happened_has_empty_tables_with_their_columns() -> None:
    morning = Morning(report=report_of(a_good_night()))
    for table in (morning.incidents(), morning.overrides(), morning.payments()):
        assert table.empty
        assert len(table.columns) >= 5
    assert morning.evidence()["proven"].all()
    assert set(morning.departures()["told"]) == {""}


def test_what_cannot_be_told_is_missing_and_not_zero() -> None:
    morning = Morning(report=report_of(facts_of()))
    assert morning.costs().loc["metered"].isna()["demand_cost"]
    assert morning.departures()["lowest_soc_percent"].isna().all()
    assert "▲" in repr(morning)
    assert "cannot tell" in morning._repr_html_()
