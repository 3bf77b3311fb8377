"""Whose a message is: the site's meter or a vehicle, by its topic. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from pydantic import ValidationError

from dispatch.mqtt.payloads import KILOWATTS, PERCENT, MalformedError, Message, quantity
from dispatch.station import SiteReading, VehicleReading
from optimiser.links import MqttSettings

Reading = TypeVar("Reading", SiteReading, VehicleReading)

VEHICLE = "{vehicle_id}"
"""What stands in a topic in the place of a vehicle's name."""


def filters(settings: MqttSettings) -> list[str]:
    """What is subscribed to."""
    topics = (settings.site_topic, settings.base_load_topic)
    found = [topic for topic in topics if topic is not None]
    if settings.vehicle_topic is not None:
        found.append(settings.vehicle_topic.replace(VEHICLE, "+"))
    return found


def reading_of(
    message: Message, settings: MqttSettings, *, vehicle_ids: Collection[str]
) -> SiteReading | VehicleReading:
    """What a message tells. Raises :class:`dispatch.mqtt.payloads.MalformedError`."""
    if message.topic in {settings.site_topic, settings.base_load_topic}:
        found = quantity(message, units=KILOWATTS, unit=settings.power_unit)
        if found.place.charger_id is not None or found.place.connector_id is not None:
            raise MalformedError("a meter of the site stands at no connector")
        key = "site_kw" if message.topic == settings.site_topic else "base_load_kw"
        return _checked(SiteReading, {"at": found.at, key: found.value})
    vehicle_id = _vehicle_id(message.topic, settings.vehicle_topic)
    if vehicle_id not in vehicle_ids:
        raise MalformedError("its topic has no vehicle of this depot")
    found = quantity(message, units=PERCENT, unit="%")
    where = found.place.model_dump()
    return _checked(
        VehicleReading, {"vehicle_id": vehicle_id, "at": found.at, "soc_percent": found.value, **where}
    )


def _checked(kind: type[Reading], fields: dict[str, object]) -> Reading:
    try:
        return kind.model_validate(fields)
    except ValidationError:
        raise MalformedError("its value is beyond what can be") from None


def _vehicle_id(topic: str, pattern: str | None) -> str | None:
    before, _, after = (pattern or "").partition(VEHICLE)
    if pattern is None or not (topic.startswith(before) and topic.endswith(after)):
        return None
    return topic[len(before) : len(topic) - len(after)]
