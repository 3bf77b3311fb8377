"""Metrics: what Prometheus is told is true, its labels are the depot's own, and dashboard and rules name what there is."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from dispatch import operations
from dispatch.alert import Cause, Condition
from dispatch.api.token import Role
from dispatch.gateway.metrics import GatewayMetrics
from dispatch.operations.metrics import Exporter
from dispatch.station import LiveState
from dispatch.store.alerts import AlertBook
from dispatch.store.ticks import TickBook, TickEnd
from tests.builders import NIGHT
from tests.dispatch.gateway_builders import (
    NOW,
    SOON_S,
    TOKENS,
    a_charge_point,
    a_gateway,
    a_journal,
    a_listening_depot,
    eventually,
)
from tests.dispatch.overnight_builders import a_rehearsal, three_vans_tonight

HERE = Path(operations.__file__).parent
FIXED_LABELS = {"direction", "action", "ending", "code", "reason", "exit_code", "cause", "limit", "le"}

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


async def test_prometheus_is_told_with_a_token_to_read_what_the_gateway_has_counted(tmp_path: Path) -> None:
    depot, journal, counted = a_listening_depot(), a_journal(tmp_path), GatewayMetrics()
    exporter = Exporter(depot=depot, journal=journal, counted=counted)
    async with (
        a_gateway(
            tmp_path, depot, journal=journal, clock=lambda: NOW, counting=counted, expose=exporter
        ) as gateway,
        httpx.AsyncClient(base_url=f"http://{gateway.api}", trust_env=False, timeout=SOON_S) as client,
        a_charge_point(gateway) as charge_point,
    ):
        await charge_point.boot()
        assert (await charge_point.call("Unheard", {}))[2] == "NotImplemented"
        await eventually(lambda: len(journal.events(kinds=("booted",))) == 1, gateway)
        assert (await client.get("/metrics")).status_code == 401
        headers = {"Authorization": f"Bearer {TOKENS.of[Role.READ]}"}
        answer = await client.get("/metrics", headers=headers)
        stranger = await client.get("/metrics", headers={"Authorization": "Bearer nobody"})
    journal.close()
    assert (answer.status_code, stranger.status_code) == (200, 401)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    assert of(found, "depot_chargers") == 2
    assert of(found, "depot_chargers_connected") == 1
    assert of(found, "depot_charger_connected", charger_id="CP1") == 1
    assert of(found, "depot_charger_connected", charger_id="CP2") == 0
    assert of(found, "depot_messages_total", direction="in") >= 3
    assert of(found, "depot_calls_refused_total", code="NotImplemented") == 1
    assert of(found, "depot_sockets_total") == 1
    assert of(found, "depot_store_up") == 1
    assert of(found, "depot_night_planned") == 0


async def test_a_night_at_work_is_told_with_its_evidence_and_its_worst_case_within_the_limit(
    tmp_path: Path,
) -> None:
    made, now_s = three_vans_tonight(), [0.0]
    async with a_rehearsal(tmp_path, made) as night:
        exporter = Exporter(
            depot=made[0],
            journal=night.journal,
            counted=GatewayMetrics(),
            seconds=lambda: now_s[0],
        )
        before = samples(exporter(await night.stations.live()).decode())
        report = await night.tick()
        now_s[0] = 100.0
        TickBook(engine=night.journal.engine).ended(
            TickEnd(night=NIGHT, at=report.at, exit_code=0, summary="")
        )
        condition = Condition(cause=Cause.DEPARTURE, subject="V1", what="", why="", page="vehicle-short")
        AlertBook(engine=night.journal.engine).update(now=report.at, new=[condition])
        after = samples(exporter(await night.stations.live()).decode())
    assert of(before, "depot_worst_case_kilowatts", limit="transformer") > 30  # nothing is proven
    worst_kw = of(after, "depot_worst_case_kilowatts", limit="transformer")
    assert worst_kw <= of(after, "depot_worst_case_limit_kilowatts", limit="transformer")
    rungs = [of(after, "depot_connector_rung", charger_id=f"CP{n}", connector_id="1") for n in (1, 2, 3)]
    assert rungs == [5, 5, 5]
    assert of(before, "depot_connector_rung", charger_id="CP1", connector_id="1") == 1
    assert of(after, "depot_connector_contradicted", charger_id="CP1", connector_id="1") == 0
    assert of(after, "depot_ticks_total", exit_code="0") == 1
    assert 0 <= of(after, "depot_last_tick_age_seconds") < 60
    assert of(after, "depot_alerts_open", cause="departure_at_risk") == 1
    assert (of(after, "depot_departures"), of(after, "depot_departures_short")) == (3, 0)
    assert of(after, "depot_sessions") == 3


def test_a_store_that_cannot_be_read_is_told_and_the_rest_is_too(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    exporter = Exporter(depot=a_listening_depot(), journal=journal, counted=GatewayMetrics())
    live = LiveState(now=NOW, chargers=())
    journal.close()
    with closing(sqlite3.connect(tmp_path / "depot.db")) as other:
        other.execute("DROP TABLE ticks")
    (tmp_path / "depot.db").unlink()
    (tmp_path / "depot.db").mkdir()
    found = samples(exporter(live).decode())
    assert of(found, "depot_store_up") == 0
    assert of(found, "depot_chargers") == 2


def test_the_store_is_asked_no_more_often_than_it_is_told_to_be(tmp_path: Path) -> None:
    now = [0.0]
    journal = a_journal(tmp_path)
    exporter = Exporter(
        depot=a_listening_depot(), journal=journal, counted=GatewayMetrics(), seconds=lambda: now[0]
    )
    live = LiveState(now=NOW, chargers=())

    def ticks() -> float:
        return of(samples(exporter(live).decode()), "depot_ticks_total", exit_code="3")

    assert ticks() == 0
    TickBook(engine=journal.engine).ended(TickEnd(night=NIGHT, at=NOW, exit_code=3, summary=""))
    now[0] = 10.0
    assert ticks() == 0
    now[0] = 20.0
    assert ticks() == 1
    journal.close()


def everything_told(folder: Path) -> str:
    """The metrics of a depot of which something of every kind has happened."""
    depot, _, plan = three_vans_tonight()
    journal, counted = a_journal(folder), GatewayMetrics()
    journal.save_plan(plan)
    counted.frame("in")
    counted.call_ended("SetChargingProfile", "result", after_s=0.2)
    counted.call_refused("NotImplemented")
    counted.turned_away("password")
    TickBook(engine=journal.engine).ended(TickEnd(night=NIGHT, at=NOW, exit_code=0, summary=""))
    told = Exporter(depot=depot, journal=journal, counted=counted)(
        LiveState(now=NOW + timedelta(minutes=1), chargers=())
    ).decode()
    journal.close()
    return told


def test_labels_are_ids_of_the_depot_and_fixed_words(tmp_path: Path) -> None:
    for _, labels in samples(everything_told(tmp_path)):
        for name, value in labels:
            known = {"charger_id": {"CP1", "CP2", "CP3"}, "connector_id": {"1"}}
            assert name in FIXED_LABELS or value in known[name]


def named_by_dashboard() -> Iterator[str]:
    dashboard = json.loads((HERE / "grafana-dashboard.json").read_text("utf-8"))
    for panel in dashboard["panels"]:
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            yield from re.findall(r"\bdepot_\w+", target["expr"])


def named_by_rules() -> Iterator[str]:
    rules = yaml.safe_load((HERE / "alerting-rules.yaml").read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        yield from re.findall(r"\bdepot_\w+", rule["expr"])


def test_dashboard_and_rules_name_only_metrics_that_there_are(tmp_path: Path) -> None:
    told = {name for name, _ in samples(everything_told(tmp_path))}
    assert set(named_by_dashboard()) - told == set()
    assert set(named_by_rules()) - told == set()


def test_the_dashboard_shows_every_metric_that_there_is(tmp_path: Path) -> None:
    told = {name for name, _ in samples(everything_told(tmp_path))}
    shown = {*named_by_dashboard(), *named_by_rules()}
    beside = {name for name in told if name.endswith(("_created", "_sum", "_count"))}
    assert told - beside - shown == set()


def test_every_rule_names_the_page_that_says_what_to_do() -> None:
    rules = yaml.safe_load((HERE / "alerting-rules.yaml").read_text("utf-8"))
    pages = [rule["annotations"]["page"] for rule in rules["groups"][0]["rules"]]
    missing = [page for page in pages if not (HERE.parent / "handbook" / f"{page}.md").exists()]
    assert missing == []
