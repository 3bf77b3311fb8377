from __future__ import annotations

import json

from optimiser.explanation import Binding, Explanation, Fix, Shortage, Span
from tests.builders import at

SPAN = Span(start=at("22:00"), end=at("03:00"))


def a_shortage(vehicle_id: str = "V1") -> Shortage:
    return Shortage(
        vehicle_id=vehicle_id,
        charger_id="CP1",
        connector_id=1,
        departure=at("03:00"),
        shortfall_kwh=7.2,
        unreachable_kwh=0.0,
        bindings=(Binding(limit="transformer", spans=(SPAN,)),),
        text=f"{vehicle_id} is short.",
    )


def an_explanation() -> Explanation:
    return Explanation(
        shortages=(a_shortage(),),
        fixes=(
            Fix(
                kind="limit",
                vehicle_ids=("V1",),
                text="more",
                amount=2.5,
                unit="kW",
                limits=("transformer",),
                span=SPAN,
            ),
            Fix(kind="priority", vehicle_ids=("V1",), text="first", then_short_kwh={"V2": 3.0}),
            Fix(kind="required_soc", vehicle_ids=("V1",), text="less", required_soc_percent={"V1": 70.0}),
        ),
    )


def test_an_explanation_survives_its_document() -> None:
    document = json.loads(json.dumps(an_explanation().to_document()))
    assert Explanation.from_document(document) == an_explanation()


def test_a_night_without_shortfall_has_an_empty_explanation() -> None:
    assert Explanation.from_document({}) == Explanation()
    assert repr(Explanation()) == "Every vehicle leaves ready: nothing to explain"


def test_an_explanation_prints_why_and_what_helps() -> None:
    assert repr(an_explanation()).splitlines() == [
        "1 departure short",
        "  why    V1 is short.",
        "  helps  more",
        "  helps  first",
        "  helps  less",
    ]


def test_of_many_shortages_the_first_are_told() -> None:
    told = Explanation(shortages=tuple(a_shortage(f"V{n}") for n in range(8))).told()
    assert len(told) == 6
    assert told[-1] == ("why", "… and 3 more departures")
