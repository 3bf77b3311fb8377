"""Where nothing is drawn although amperes allow it, watts are tried once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispatch.known import known_of
from dispatch.overnight.units import tries_watts
from dispatch.safety import Place
from dispatch.tracks import Track
from optimiser.depot import Charger, Connector
from tests.builders import a_dc_connector, a_depot, an_ac_connector
from tests.dispatch.overnight.test_burdens import a_track

CP1 = Place("CP1", 1)


def on(connector: Connector, **capabilities: object) -> Track:
    """A track of a charger with such a connector, of which so much is known."""
    charger = Charger(id="CP1", connectors=(connector,), capabilities=dict(capabilities))
    track = a_track(a_depot())
    return replace(
        track,
        charger=charger,
        wiring=replace(track.wiring, connector=connector),
        known=known_of(charger),
    )


def test_a_connector_of_three_phases_on_which_nothing_is_drawn_is_sent_watts() -> None:
    lessons = tries_watts([on(an_ac_connector())], {CP1})
    assert lessons["CP1"].value == "W"
    assert "CP1/1" in lessons["CP1"].because


def test_one_on_which_something_is_drawn_keeps_its_unit() -> None:
    assert tries_watts([on(an_ac_connector())], ()) == {}


@pytest.mark.parametrize("unit", ["A", "W"])
def test_a_unit_that_is_known_is_not_tried_again(unit: str) -> None:
    assert tries_watts([on(an_ac_connector(), unit=unit)], {CP1}) == {}


@pytest.mark.parametrize("connector", [an_ac_connector(phases=1), a_dc_connector()])
def test_where_there_is_nothing_to_share_there_is_nothing_to_try(connector: Connector) -> None:
    assert tries_watts([on(connector)], {CP1}) == {}
