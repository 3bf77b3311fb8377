"""Listening to a real broker: mosquitto on loopback."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from dispatch.mqtt import BrokerSettingsError, broker_of, listen
from dispatch.mqtt.listening import Heard
from dispatch.station import SiteReading, VehicleReading
from optimiser.links import MqttSettings, Secret
from tests.builders import a_depot, a_van
from tests.dispatch.dispatch_builders import NOW
from tests.dispatch.gateway.tls_builders import an_authority
from tests.dispatch.mqtt.mosquitto_builders import Mosquitto, a_mosquitto

SOON_S = 20.0


class Ear:
    """Somebody who is told."""

    def __init__(self) -> None:
        self.site: list[SiteReading] = []
        self.vehicles: list[VehicleReading] = []

    async def tell_site(self, reading: SiteReading) -> None:
        self.site.append(reading)

    async def tell_vehicle(self, reading: VehicleReading) -> None:
        self.vehicles.append(reading)


def settings_of(broker: Mosquitto, **others: object) -> MqttSettings:
    known = MqttSettings(
        broker=f"127.0.0.1:{broker.port}", site_topic="site", vehicle_topic="fleet/{vehicle_id}/soc"
    )
    return MqttSettings(**(vars(known) | others))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - a list sets no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(
    settings: MqttSettings, folder: Path, ear: Ear, *, heard: Heard | None = None
) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(
            listen(
                ear,
                broker=broker_of(settings, folder),
                depot=a_depot(vehicles=[a_van("V1")]),
                clock=lambda: NOW,
                heard=heard,
                first_pause_s=0.05,
            )
        )
        try:
            yield
        finally:
            task.cancel()


async def publish(broker: Mosquitto, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish(topic, payload, qos=1, retain=retain)


async def until_heard(broker: Mosquitto, ear: Ear) -> None:
    """Publish until somebody listens."""
    async with asyncio.timeout(SOON_S):
        before = len(ear.site)
        while len(ear.site) == before:
            await publish(broker, "site", "1")
            await asyncio.sleep(0.02)


async def test_the_site_and_vehicles_are_heard(mosquitto: Mosquitto, tmp_path: Path) -> None:
    ear = Ear()
    async with listening(settings_of(mosquitto), tmp_path, ear):
        await until_heard(mosquitto, ear)
        await publish(mosquitto, "fleet/V1/soc", json.dumps({"value": 41, "time": NOW.isoformat()}))
        await until(lambda: ear.vehicles)
    assert ear.site[0] == SiteReading(at=NOW, site_kw=1.0)
    assert ear.vehicles == [VehicleReading(vehicle_id="V1", at=NOW, soc_percent=41.0)]


async def test_malformed_messages_are_counted_and_told_sparingly_and_end_nothing(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ear, heard = Ear(), Heard()
    with caplog.at_level(logging.WARNING, "dispatch.mqtt.listening"):
        async with listening(settings_of(mosquitto), tmp_path, ear, heard=heard):
            await until_heard(mosquitto, ear)
            async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
                for number in range(100):
                    await client.publish("site", f"rubbish {number}", qos=1)
                await client.publish("fleet/V77/soc", b"\xff", qos=1)
                await client.publish("site", "7", qos=1)
            await until(lambda: ear.site[-1].site_kw == 7.0)
    assert heard.refused == {
        "it is neither a number nor JSON": 100,
        "its topic has no vehicle of this depot": 1,
    }
    assert heard.taken == len(ear.site)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 8  # 1, 2, 4, 8, 16, 32, 64 of one kind, and 1 of the other
    assert not any("rubbish" in line for line in told)


async def test_what_a_broker_has_kept_is_taken_at_its_own_time_or_not_at_all(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    old = NOW.replace(hour=3)
    await publish(mosquitto, "site", "99", retain=True)
    await publish(mosquitto, "fleet/V1/soc", json.dumps({"value": 5, "time": old.isoformat()}), retain=True)
    ear, heard = Ear(), Heard()
    async with listening(settings_of(mosquitto), tmp_path, ear, heard=heard):
        await until(lambda: ear.vehicles and heard.refused)
    assert ear.site == []
    assert ear.vehicles == [VehicleReading(vehicle_id="V1", at=old, soc_percent=5.0)]
    assert heard.refused == {"it was kept by the broker and has no time of its own": 1}


async def test_a_broker_that_goes_and_comes_back_is_heard_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    ear = Ear()
    async with listening(settings_of(mosquitto), tmp_path, ear):
        await until_heard(mosquitto, ear)
        await asyncio.to_thread(mosquitto.stop)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(mosquitto.start)
        await until_heard(mosquitto, ear)


async def test_a_broker_that_is_not_there_yet_is_waited_for(mosquitto: Mosquitto, tmp_path: Path) -> None:
    await asyncio.to_thread(mosquitto.stop)
    ear = Ear()
    async with listening(settings_of(mosquitto), tmp_path, ear):
        await asyncio.sleep(0.2)
        await asyncio.to_thread(mosquitto.start)
        await until_heard(mosquitto, ear)


@pytest.mark.filterwarnings(
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning"
)  # paho's, after a failed handshake
async def test_an_encrypted_broker_is_trusted_by_its_authority_alone(
    mosquitto_program: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = an_authority("of the broker")
    shown = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    an_authority("of somebody else").cert_pem.write_to_path(str(tmp_path / "other.pem"))
    shown.cert_chain_pems[0].write_to_path(str(tmp_path / "broker.pem"))
    shown.private_key_pem.write_to_path(str(tmp_path / "broker.key"))
    (tmp_path / "password").write_text("hush\n")
    files = [tmp_path / "broker.pem", tmp_path / "broker.key"]
    lines = ["allow_anonymous true", "certfile {folder}/broker.pem", "keyfile {folder}/broker.key"]
    with a_mosquitto(mosquitto_program, settings=lines, files=files) as broker:
        ear = Ear()
        wanted = settings_of(broker, tls=True, ca="ca.pem", user="depot", password=Secret(file="password"))
        async with listening(wanted, tmp_path, ear):
            context = broker_of(wanted, tmp_path).tls
            async with aiomqtt.Client("127.0.0.1", broker.port, tls_context=context) as client:
                async with asyncio.timeout(SOON_S):
                    while not ear.site:
                        await client.publish("site", "3", qos=1)
                        await asyncio.sleep(0.02)
        with caplog.at_level(logging.WARNING, "dispatch.mqtt.listening"):
            async with listening(settings_of(broker, tls=True, ca="other.pem"), tmp_path, Ear()):
                await until(lambda: "certificate verify failed" in caplog.text)
        gc.collect()


def test_what_a_broker_needs_is_looked_for_before_it_is_called(tmp_path: Path) -> None:
    settings = MqttSettings(
        broker="127.0.0.1:1883", site_topic="site", user="u", password=Secret(file="none")
    )
    with pytest.raises(BrokerSettingsError, match="none cannot be read"):
        broker_of(settings, tmp_path)
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(BrokerSettingsError, match=r"ca\.pem cannot be read as a certificate"):
        broker_of(MqttSettings(broker="127.0.0.1:1883", tls=True, ca="ca.pem"), tmp_path)
