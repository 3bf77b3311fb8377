"""What ``depot audit`` tells programs, and by which exit code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dispatch.audit.clearing import Clearing
from dispatch.audit.command import document, exit_code
from dispatch.audit.facts import Found, Kind
from dispatch.audit.inspection import Attempt, Inspection
from dispatch.composite import Limit
from dispatch.safety import Place
from dispatch.validate import Difference
from optimiser.cli import ExitCode
from tests.dispatch.audit_builders import some_facts
from tests.dispatch.overnight_builders import EVENING, three_vans_tonight


def test_the_document_names_everything_with_its_numbers() -> None:
    place = Place("CP1", 1)
    stretch = Difference(
        start=EVENING,
        end=EVENING + timedelta(hours=1),
        sent=Limit(value=16.0, unit="A"),
        said=None,
        is_higher=False,
    )
    _, _, plan = three_vans_tonight()
    foreign_one = Found(
        place=place, kind=Kind.FOREIGN, sentence="why", profile_id=999, differences=(stretch,)
    )
    attempt = Attempt(clearing=Clearing(place=place, profile_id=999), obstacle="the transformer could …")
    found = Inspection(plan=plan, at=EVENING, chargers=(), found=(foreign_one,), attempts=(attempt,))
    told = document(replace(found, chargers=(some_facts(),)))
    (charger,) = told["chargers"]
    assert (charger["charger_id"], charger["connected"], charger["lists_its_profiles"]) == (
        "CP1",
        True,
        False,
    )
    (finding,) = charger["findings"]
    assert (finding["is"], finding["profile_id"], finding["sentence"]) == ("foreign", 999, "why")
    assert finding["differences"] == [
        {
            "start": "2025-11-10T21:00:00+01:00",
            "end": "2025-11-10T22:00:00+01:00",
            "should_hold": {"limit": 16.0, "unit": "A"},
            "holds": None,
            "is_higher": False,
        }
    ]
    (removal,) = told["removals"]
    assert (removal["profile_id"], removal["outcome"], removal["reason"]) == (
        999,
        None,
        "the transformer could …",
    )
    assert exit_code(found) is ExitCode.UNREACHABLE
    assert exit_code(replace(found, chargers=(some_facts(),))) is ExitCode.REFUSED
