from __future__ import annotations

from dataclasses import replace

import pytest

from optimiser.baselines import compare, plug_and_charge
from optimiser.explain import explained
from optimiser.gains import Gain, Worth
from optimiser.plan import Plan
from optimiser.plan_text import say_departures, say_periods, say_plan
from optimiser.planner import plan_night
from optimiser.profiles import charging_profiles
from optimiser.tariff import ClassPrice, DemandWindow, Tariff, TariffClasses
from optimiser.terminal import Terminal
from tests.builders import a_depot, a_night, a_van, a_visit

DEPOT = a_depot(vehicles=[a_van("V1"), a_van("V2")])
TERMINAL = Terminal(as_json=False)


def a_plan() -> Plan:
    visits = [
        a_visit("V1", charger_id="CP1", departure="08:00"),
        a_visit("V2", charger_id="CP2", arrival="22:00", departure="23:00"),
    ]
    return plug_and_charge(DEPOT, a_night(DEPOT, visits=visits))


def test_a_plan_alone_is_its_headlines_and_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    say_plan(TERMINAL, replace(a_plan(), warnings=("V3 is late",)))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "test depot, night of 2025-11-10"
    assert lines[1].startswith("1 of 2 departures is short: V2")
    assert lines[-1] == "warning: V3 is late"
    assert len(lines) == 5


def test_a_plan_with_a_baseline_stands_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    plan = a_plan()

    say_plan(TERMINAL, replace(plan, baseline=compare(plan, plan)))

    assert "Departures ready          1 of 2           1 of 2           =" in capsys.readouterr().out


def test_departures_are_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    say_departures(TERMINAL, a_plan())

    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[:3] for line in lines] == [
        ["leaves", "vehicle", "connector"],
        ["23:00", "V2", "CP2/1"],
        ["Tue", "08:00", "V1"],
    ]
    assert lines[1].endswith("short 22.1 kWh")


def test_periods_have_amperes_per_phase(capsys: pytest.CaptureFixture[str]) -> None:
    plan = a_plan()
    say_periods(TERMINAL, plan, charging_profiles(plan))
    assert "CP2/1      22:00  23:00  11.0 kW  16 A × 3" in capsys.readouterr().out


def test_windows_and_classes_of_the_tariff_are_told_with_the_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evening = DemandWindow(name="evening", days="all", from_minute=960, to_minute=1260, charge_per_kw=8.0)
    price = ClassPrice(capacity_per_kw=20.0, energy_per_kwh=0.05)
    classes = TariffClasses(annual_energy_kwh=50_000.0, annual_peak_kw=15.0, below=price, above=price)
    tariff = Tariff(demand_windows=(evening,), classes=classes)
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")], tariff=tariff)
    say_plan(TERMINAL, plug_and_charge(depot, a_night(depot)))
    said = capsys.readouterr().out
    assert "The peak of evening is 24.1 kW and adds 192.64 EUR." in said
    assert "full-load hours: the class below 2,500 h a year holds." in said


def test_a_short_night_says_why_and_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    night = a_night(DEPOT, visits=[a_visit("V1", arrival="02:00", departure="04:30")])
    plan = plan_night(DEPOT, night, created_at=night.horizon.start)

    say_plan(TERMINAL, explained(plan, DEPOT, night))

    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.startswith("why: V1 leaves CP1/1 at Tue 04:30 with 79 % instead of 90 %") for line in lines
    )
    assert any(line.startswith("helps: V1 leaves 43 min later, at Tue 05:13") for line in lines)


def test_what_more_would_be_worth_is_a_table_where_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    plan = a_plan()
    gain = Gain(what="transformer", name="transformer", unit="kW", money=1.25, price=1.3)

    say_plan(TERMINAL, replace(plan, valued=Worth(currency="EUR", horizon=plan.horizon, gains=(gain,))))

    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["more", "of", "by", "saves", "saves", "shortfall", "of"]
    assert lines[-1].split() == ["transformer", "1", "kW", "1.25", "EUR"]
