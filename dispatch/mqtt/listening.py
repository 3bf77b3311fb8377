"""The connection to a broker: made again and again, each try with an end. It alone knows the MQTT library.

Nothing that a broker or a meter sends ends it: what cannot be used is counted, and told when the count has doubled.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import aiomqtt

from dispatch.address import Address, parse_address
from dispatch.mqtt.payloads import MOST_BYTES, MalformedError, Message
from dispatch.mqtt.topics import filters, reading_of
from dispatch.secret import SecretError, read_secret
from dispatch.station import Listener, SiteReading
from optimiser.depot import Depot
from optimiser.display import counted
from optimiser.links import MqttSettings

log = logging.getLogger(__name__)
wire_log = logging.getLogger("dispatch.mqtt.wire")
"""Where the library writes of itself; what matters of it is told here."""
wire_log.setLevel(logging.CRITICAL)

CONNECT_S = 10.0
"""How long a broker may take for each answer on the way in. [s]"""
KEEPALIVE_S = 20
"""How often a silent broker is asked whether it is there: one that is gone is noticed within half as long again. [s]"""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""How long it is waited before the next try, twice as long each time. [s]"""
MOST_WAITING = 1000
"""Messages that may wait for their turn; what comes on top is lost, as of a meter that is silent for a moment."""


class BrokerSettingsError(Exception):
    """The broker cannot be called as it is set up: its password or its authority is not where it is said to be."""


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A broker as it is called."""

    settings: MqttSettings
    address: Address
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None


@dataclass(kw_only=True)
class Heard:
    """How many messages were taken in, and how many were not, by reason; vehicles' topics count as one."""

    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def refuse(self, topic: str, why: str) -> None:
        """Count a message that cannot be used, and tell of the 1st, 2nd, 4th, 8th … of its kind."""
        self.refused[why] += 1
        count = self.refused[why]
        if count & (count - 1) == 0:
            log.warning(
                "MQTT: %s cannot be used, the last on %r: %s", counted(count, "message"), topic[:200], why
            )


def broker_of(settings: MqttSettings, folder: Path) -> Broker:
    """A broker with all that is needed to call it. Raises :class:`BrokerSettingsError`."""
    password, tls = None, None
    try:
        if settings.password is not None:
            password = read_secret(settings.password, folder)
        if settings.tls:
            authority = None if settings.ca is None else folder / settings.ca
            tls = ssl.create_default_context(cafile=authority)
    except SecretError as error:
        raise BrokerSettingsError(str(error)) from error
    except (OSError, ssl.SSLError) as error:
        raise BrokerSettingsError(f"{settings.ca} cannot be read as a certificate: {error}") from error
    return Broker(settings=settings, address=parse_address(settings.broker), password=password, tls=tls)


async def listen(
    listener: Listener,
    *,
    broker: Broker,
    depot: Depot,
    clock: Callable[[], datetime],
    heard: Heard | None = None,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Listen to a broker until cancelled, and tell the listener what is heard."""
    heard = heard or Heard()
    pause_s = first_pause_s
    while True:
        try:
            async with _client(broker) as client:
                for topic in filters(broker.settings):
                    await client.subscribe(topic, qos=1, timeout=CONNECT_S)
                log.info("MQTT: listening to the broker at %s", broker.address)
                pause_s = first_pause_s
                async for found in client.messages:
                    await _take(found, listener, broker=broker, depot=depot, now=clock(), heard=heard)
        except (aiomqtt.MqttError, OSError, TimeoutError) as error:
            log.warning("MQTT: the broker at %s is away, again in %g s: %s", broker.address, pause_s, error)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _client(broker: Broker) -> aiomqtt.Client:
    return aiomqtt.Client(
        broker.address.host,
        broker.address.port,
        username=broker.settings.user,
        password=broker.password,
        identifier=broker.settings.client_id,
        tls_context=broker.tls,
        timeout=CONNECT_S,
        keepalive=KEEPALIVE_S,
        max_queued_incoming_messages=MOST_WAITING,
        logger=wire_log,
    )


async def _take(
    found: aiomqtt.Message,
    listener: Listener,
    *,
    broker: Broker,
    depot: Depot,
    now: datetime,
    heard: Heard,
) -> None:
    topic = str(found.topic)
    if not isinstance(found.payload, bytes):
        heard.refuse(topic, "it has no bytes")
        return
    message = Message(
        topic=topic,
        payload=found.payload[: MOST_BYTES + 1],
        is_retained=found.retain,
        arrived_at=now,
    )
    try:
        reading = reading_of(message, broker.settings, vehicle_ids={one.id for one in depot.vehicles})
    except MalformedError as error:
        heard.refuse(topic, str(error))
        return
    heard.taken += 1
    if isinstance(reading, SiteReading):
        await listener.tell_site(reading)
    else:
        await listener.tell_vehicle(reading)
