"""Whose a message is."""

from __future__ import annotations

import pytest

from dispatch.mqtt.payloads import MalformedError, Message
from dispatch.mqtt.topics import filters, reading_of
from dispatch.station import SiteReading, VehicleReading
from optimiser.links import MqttSettings
from tests.dispatch.dispatch_builders import NOW

SETTINGS = MqttSettings(
    broker="127.0.0.1:1883",
    site_topic="site/power",
    base_load_topic="building/power",
    vehicle_topic="fleet/{vehicle_id}/soc",
)


def read(topic: str, payload: str) -> SiteReading | VehicleReading:
    message = Message(topic=topic, payload=payload.encode(), is_retained=False, arrived_at=NOW)
    return reading_of(message, SETTINGS, vehicle_ids={"V1", "V2"})


def test_each_topic_says_what_its_number_means() -> None:
    assert filters(SETTINGS) == ["site/power", "building/power", "fleet/+/soc"]
    assert read("site/power", "18.4") == SiteReading(at=NOW, site_kw=18.4)
    assert read("building/power", "-2") == SiteReading(at=NOW, base_load_kw=-2.0)
    assert read("fleet/V2/soc", "63") == VehicleReading(vehicle_id="V2", at=NOW, soc_percent=63.0)


def test_a_vehicle_may_say_where_it_stands() -> None:
    told = read("fleet/V1/soc", '{"value": 20, "unit": "%", "charger_id": "CP1", "connector_id": 1}')
    assert told == VehicleReading(vehicle_id="V1", at=NOW, soc_percent=20.0, charger_id="CP1", connector_id=1)


@pytest.mark.parametrize(
    ("topic", "payload", "why"),
    [
        ("fleet/V9/soc", "63", "no vehicle of this depot"),
        ("fleet/V1/odometer", "63", "no vehicle of this depot"),
        ("fleet/V1/soc", "101", "beyond what can be"),
        ("fleet/V1/soc", '{"value": 0.5, "unit": "kW"}', "its unit is none of %"),
        ("site/power", "1e9", "beyond what can be"),
        ("site/power", '{"value": 1, "charger_id": "CP1"}', "stands at no connector"),
    ],
)
def test_what_cannot_be_of_this_depot_is_malformed(topic: str, payload: str, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        read(topic, payload)
