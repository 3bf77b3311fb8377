from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest

from optimiser.baselines import compare, plug_and_charge
from optimiser.depot import Depot
from optimiser.explain import explained
from optimiser.plan import Plan
from optimiser.plan_report import render
from optimiser.planner import plan_night
from optimiser.profiles import charging_profiles
from optimiser.tariff import ClassPrice, DemandWindow, Tariff, TariffClasses
from tests.builders import a_depot, a_horizon, a_night, a_van, a_visit

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """A page read strictly: every element closed in its order, every id used once."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


def a_planned_night(
    *, vehicle_id: str = "V1", depot: Depot | None = None, warnings: tuple[str, ...] = ()
) -> tuple[Plan, Plan]:
    depot = depot or a_depot(vehicles=[a_van(vehicle_id), a_van("V2")])
    baseline = plug_and_charge(depot, a_night(depot))
    plan = replace(baseline, baseline=compare(baseline, baseline), warnings=warnings)
    return plan, baseline


def a_page(*, vehicle_id: str = "V1", warnings: tuple[str, ...] = ()) -> Page:
    plan, baseline = a_planned_night(vehicle_id=vehicle_id, warnings=warnings)
    return Page(render(plan, baseline, charging_profiles(plan)))


def test_a_report_is_well_formed_and_needs_nothing_from_outside() -> None:
    page = a_page()

    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base"}
    references = [*page.attributes("href"), *page.attributes("xlink:href"), *page.attributes("src")]
    assert references
    assert all(reference.startswith("#") for reference in references)
    assert not page.attributes("onclick")


def test_nothing_in_a_report_names_an_address_but_the_names_of_svg() -> None:
    plan, baseline = a_planned_night()

    addresses = set(re.findall(r"\w+://[^\s\"'<>)]+", render(plan, baseline)))

    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_every_id_is_used_once_and_every_label_finds_its_own() -> None:
    page = a_page()

    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert set(page.attributes("aria-labelledby")) <= set(ids)


def test_pictures_can_be_read_aloud() -> None:
    pictures = [attributes for tag, attributes in a_page().tags if tag == "svg"]

    assert len(pictures) == 2
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)


def test_names_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>&\"'"
    plan, baseline = a_planned_night(vehicle_id=evil, warnings=(evil,))

    html = render(replace(plan, depot=evil), baseline, charging_profiles(plan))

    assert "<script" not in html
    assert Page(html).text.count("<script>alert(1)</script>") >= 4


def test_headlines_come_first_and_say_what_a_planner_asks() -> None:
    text = a_page().text

    assert text.index("All 2 departures are ready.") < text.index("Cost and peak")
    assert "than plug-and-charge" in text


def test_departures_are_in_their_order_with_what_is_missing() -> None:
    depot = a_depot(vehicles=[a_van("LATE"), a_van("EARLY")])
    visits = [
        a_visit("LATE", charger_id="CP1", departure="08:00"),
        a_visit("EARLY", charger_id="CP2", arrival="22:00", departure="23:00"),
    ]
    baseline = plug_and_charge(depot, a_night(depot, visits=visits))
    plan = replace(baseline, baseline=compare(baseline, baseline))

    text = Page(render(plan, baseline)).text

    table = text[text.index("Departures Leaves") :]
    assert table.index("EARLY") < table.index("LATE")
    assert "▲ short 22.1 kWh" in table
    assert text.startswith("test depot, night of 2025-11-10 test depot Night of Monday 10 November 2025")
    assert "1 of 2 departures is short: EARLY (leaves 23:00) by 22.1 kWh." in text


def test_warnings_are_shown_only_where_there_are_any() -> None:
    assert "Worth knowing" not in a_page().text
    assert (
        "Worth knowing V7 leaves after the horizon" in a_page(warnings=("V7 leaves after the horizon",)).text
    )


def test_where_a_plan_comes_from_is_told() -> None:
    plan, baseline = a_planned_night()
    solver = replace(plan.solver, name="HiGHS", version="1.15", lp_bound=12.5, gap=0.00123)

    text = Page(render(replace(plan, solver=solver, inputs_sha256="ab" * 32), baseline)).text

    assert "ab" * 32 in text
    assert "HiGHS 1.15" in text
    assert "12.50 EUR" in text
    assert "0.123 %" in text


def test_what_each_connector_is_allowed_is_told_in_kilowatts_and_amperes() -> None:
    assert "17:45 to 21:00: 11.0 kW (16 A × 3)" in a_page().text


def a_night_of_many(*, vehicles: int, short: int = 0) -> tuple[Plan, Plan]:
    plan, baseline = a_planned_night(depot=a_depot(vehicles=[a_van(f"V{n}") for n in range(1, vehicles + 1)]))
    visits = [
        replace(visit, planned_soc_percent=50.0, shortfall_kwh=float(n)) if n <= short else visit
        for n, visit in enumerate(plan.visits, start=1)
    ]
    return replace(plan, visits=tuple(visits)), baseline


def test_a_large_depot_has_one_map_of_all_its_connectors() -> None:
    page = Page(render(*a_night_of_many(vehicles=60)))

    assert [tag for tag, _ in page.tags].count("svg") == 2
    assert "Every line is a connector" in page.text
    assert "leaves short" not in page.text


def test_a_large_depot_shows_its_short_departures_in_full() -> None:
    page = Page(render(*a_night_of_many(vehicles=60, short=2)))

    assert [tag for tag, _ in page.tags].count("svg") == 3
    assert "The connectors at which a vehicle leaves short. A bar is a vehicle" in page.text
    assert [word for word in page.words if word.endswith(", needs 90 %")] == ["50 %, needs 90 %"] * 2


def test_of_very_many_short_departures_the_worst_are_shown_in_full_and_the_rest_is_counted() -> None:
    text = Page(render(*a_night_of_many(vehicles=60, short=53))).text

    assert "Of the 53 connectors at which a vehicle leaves short the 50 that miss the most." in text
    gantt = text[text.index("Every line is a connector") :]
    gantt = gantt[: gantt.index("Of the 53")]
    assert "V53 40 %" in gantt
    assert "V4 40 %" in gantt
    assert "V3 40 %" not in gantt


def test_the_report_of_a_large_depot_stays_small() -> None:
    """An evening's upload, a mail: what is drawn for each connector is some hundred bytes."""
    small, large = (len(render(*a_night_of_many(vehicles=vehicles))) for vehicles in (60, 160))

    assert large - small < 100 * 1000


def test_a_night_without_visits_has_a_report_too() -> None:
    depot = a_depot()
    baseline = plug_and_charge(depot, a_night(depot, visits=[]))

    page = Page(render(replace(baseline, baseline=compare(baseline, baseline)), baseline))

    assert "No vehicle is expected this night." in page.text


@pytest.mark.parametrize(("night", "steps"), [(date(2025, 3, 29), 92), (date(2025, 10, 25), 100)])
def test_a_night_over_a_change_of_the_clocks_is_told_by_the_wall_clock(night: date, steps: int) -> None:
    depot = a_depot(vehicles=[a_van()])
    visits = [a_visit(night=night)]
    baseline = plug_and_charge(depot, a_night(depot, visits=visits, horizon=a_horizon(night=night)))

    text = Page(render(replace(baseline, baseline=compare(baseline, baseline)), baseline)).text

    assert f"{steps} steps of 15 min" in text
    assert "Sun 07:42" in text


def test_pictures_take_the_colours_of_the_page() -> None:
    plan, baseline = a_planned_night()

    html = render(plan, baseline)

    pictures = "".join(re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL))
    styles = re.findall(r'style="([^"]*)"', pictures)
    colours = {c for style in styles for c in re.findall(r"(?<!, )#[0-9a-f]{6}", style)}
    assert "var(--charging, #0072b2)" in pictures
    assert colours == set()


def test_windows_and_classes_of_the_tariff_are_told_where_there_are_any() -> None:
    assert "Peaks by time of day" not in a_page().text
    assert "Full-load hours" not in a_page().text
    evening = DemandWindow(name="evening", days="all", from_minute=960, to_minute=1260, charge_per_kw=8.0)
    price = ClassPrice(capacity_per_kw=20.0, energy_per_kwh=0.05)
    classes = TariffClasses(annual_energy_kwh=50_000.0, annual_peak_kw=15.0, below=price, above=price)
    tariff = Tariff(demand_windows=(evening,), classes=classes)
    plan, baseline = a_planned_night(depot=a_depot(vehicles=[a_van("V1"), a_van("V2")], tariff=tariff))
    text = Page(render(plan, baseline)).text
    assert "The peak of evening is 24.1 kW and adds 192.64 EUR; plug-and-charge would reach 24.1 kW." in text
    assert "the class below 2,500 h a year holds." in text


def test_what_preconditioning_takes_is_told_beside_the_energy() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    baseline = plug_and_charge(depot, a_night(depot, visits=[a_visit("V1", precondition_kwh=4.0)]))
    page = Page(render(replace(baseline, baseline=compare(baseline, baseline)), baseline))
    assert "36.0 kWh, 4.0 kWh of it to precondition" in page.text
    assert "to precondition" not in a_page().text


def test_a_short_night_says_why_and_what_would_help() -> None:
    depot = a_depot()
    night = a_night(depot, visits=[a_visit("V1", arrival="02:00", departure="04:30")])
    plan = explained(plan_night(depot, night, created_at=night.horizon.start), depot, night)
    baseline = plug_and_charge(depot, night)

    text = Page(render(replace(plan, baseline=compare(plan, baseline)), baseline)).text

    assert "Why, and what would help" in text
    assert "V1 leaves 43 min later, at Tue 05:13: it is ready then." in text
