"""Which night a loop of ticks works on: the one that was named, then the one that is, as far as it was planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dispatch.api import ApiStations
from dispatch.audit.foreign import look_for_foreign
from dispatch.commands.aftermath import Aftermath
from dispatch.commands.dispatch import _Nights
from dispatch.journal import open_journal
from dispatch.site import Site
from optimiser.inputs import InputError, load_folder
from optimiser.planner import plan_night
from tests.builders import NIGHT
from tests.dispatch.kill_builders import EVENING, write_folder
from tests.dispatch.overnight_builders import a_free_address

NOON = EVENING.replace(hour=11)
NEXT = NIGHT + timedelta(days=1)


@dataclass(kw_only=True)
class Going:
    nights: _Nights
    folder: Path
    said: list[str] = field(default_factory=list)

    def due(self, *, days: int) -> date | None:
        """The night that a tick is for, so many days after its evening."""
        found = self.nights._due(EVENING + timedelta(days=days))
        return None if found is None else found[1].date

    def add_night(self, night: date) -> None:
        """Another night in the depot's folder, with the same visits a day later."""
        text = (self.folder / f"nights/{NIGHT}/visits.csv").read_text()
        days = (night - NIGHT).days
        for day in (1, 0):
            old, new = NIGHT + timedelta(days=day), NIGHT + timedelta(days=day + days)
            text = text.replace(old.isoformat(), new.isoformat())
        (self.folder / f"nights/{night}").mkdir()
        (self.folder / f"nights/{night}/visits.csv").write_text(text)

    def plan(self, night: date) -> None:
        depot, read = load_folder(self.folder, night)
        self.nights.site.journal.save_plan(plan_night(depot, read, created_at=NOON))


@pytest.fixture
def going(tmp_path: Path) -> Iterator[Going]:
    """A loop that was asked for the night of 10 November, which was planned."""
    folder = write_folder(tmp_path)
    depot, _ = load_folder(folder, NIGHT)
    site = Site(
        folder=folder,
        depot=depot,
        journal=open_journal(depot.store, folder),
        stations=ApiStations(a_free_address(), token="nobody is asked"),
    )
    said: list[str] = []
    nights = _Nights(
        site=site,
        named=NIGHT.isoformat(),
        with_known_chargers=replace,
        aftermath=Aftermath(site, look_for_foreign),
        say=said.append,
    )
    going = Going(nights=nights, folder=folder, said=said)
    going.plan(NIGHT)
    yield going
    site.journal.close()


def test_a_night_that_was_named_is_worked_on_before_it_begins_and_until_it_is_over(going: Going) -> None:
    assert [going.due(days=days) for days in (-1, 0)] == [NIGHT, NIGHT]


def test_after_a_night_comes_the_next_one_as_soon_as_it_was_planned(going: Going) -> None:
    assert going.due(days=0) == NIGHT
    going.add_night(NEXT)
    assert [going.due(days=1), going.due(days=1)] == [None, None]
    (said,) = going.said
    assert f"no stored plan for the night of {NEXT}" in said
    assert f"depot plan {going.folder} --night {NEXT}" in said
    going.plan(NEXT)
    assert going.due(days=1) == NEXT


def test_a_night_that_nobody_has_written_yet_is_told_once_and_waited_for(going: Going) -> None:
    assert going.due(days=0) == NIGHT
    assert [going.due(days=1), going.due(days=1)] == [None, None]
    assert len(going.said) == len(set(going.said))
    going.add_night(NEXT)
    going.plan(NEXT)
    assert going.due(days=1) == NEXT


def test_a_folder_that_is_broken_in_the_night_is_told_and_what_was_read_before_goes_on(going: Going) -> None:
    assert going.due(days=0) == NIGHT
    visits = going.folder / f"nights/{NIGHT}/visits.csv"
    visits.write_text(visits.read_text().replace("CP3", "CP33"))
    assert [going.due(days=0), going.due(days=0)] == [NIGHT, NIGHT]
    (said,) = going.said
    assert "CP33" in said
    assert said.endswith("going on with what was read before")


def test_a_folder_that_was_never_right_is_bad_input(going: Going) -> None:
    (going.folder / "depot.yaml").write_text("name: nothing")
    with pytest.raises(InputError):
        going.due(days=0)
