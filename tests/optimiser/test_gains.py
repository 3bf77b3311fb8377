from __future__ import annotations

import json
from dataclasses import replace

import pytest

from optimiser.baselines import plug_and_charge
from optimiser.gains import Gain, Worth, worth_of
from optimiser.plan import Plan
from tests.builders import a_depot, a_horizon, a_night


def a_gain(name: str = "transformer", *, money: float | None = 0.5, price: float = 0.6) -> Gain:
    return Gain(what="transformer", name=name, unit="kW", money=money, price=price)


def a_worth(*gains: Gain) -> Worth:
    return Worth(currency="EUR", horizon=a_horizon(), gains=gains, prices={"transformer": (0.0, 0.25)})


def a_plan() -> Plan:
    depot = a_depot()
    return plug_and_charge(depot, a_night(depot))


def test_worth_survives_its_document() -> None:
    worth = a_worth(a_gain())
    document = json.loads(json.dumps({"worth": worth.to_document(), "cost": {"currency": "EUR"}}))
    assert worth_of(document, a_horizon()) == worth
    assert worth_of({}, a_horizon()) is None


def test_a_plan_keeps_its_worth_in_its_document() -> None:
    plan = replace(a_plan(), valued=a_worth(a_gain()))
    assert Plan.from_document(json.loads(plan.to_json())).worth() == plan.worth()
    assert "worth" not in a_plan().to_document()


def test_a_plan_asks_when_it_is_asked() -> None:
    worth = a_worth(a_gain())
    assert replace(a_plan(), asked=lambda: worth).worth() is worth
    with pytest.raises(LookupError, match=r"opt\.worth\(depot, night\)"):
        a_plan().worth()


def test_worth_prints_what_matters() -> None:
    worth = a_worth(
        a_gain(),
        a_gain("feeder F1", money=0.001),
        a_gain("feeder F2", money=None, price=2.0),
        replace(a_gain("feeder F3"), shortfall_kwh=3.0, is_unique=False),
    )
    assert repr(worth).splitlines() == [
        "What more would be worth",
        "  feeder F3    1 kW, 0.50 EUR, 3.0 kWh, one less costs more than this",
        "  transformer  1 kW, 0.50 EUR",
        "  feeder F2    1 kW, at most 2.00 EUR",
    ]
    assert "no limit, charger or stay" in repr(a_worth())


def test_of_a_kind_a_few_are_told() -> None:
    told = a_worth(*(a_gain(f"T{number}") for number in range(8))).told()
    assert len(told) == 6
    assert told[-1][0] == "… and 3 more transformers"


def test_the_frame_has_everything() -> None:
    frame = a_worth(a_gain(), a_gain("feeder F1", money=0.0, price=0.0)).to_frame()
    assert frame["name"].tolist() == ["transformer", "feeder F1"]
