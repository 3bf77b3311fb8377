"""The site's meter and vehicles' telematics by MQTT, beside the local API.

:mod:`~dispatch.mqtt.payloads` reads what stands in a message, :mod:`~dispatch.mqtt.topics` whose it is, and
:mod:`~dispatch.mqtt.listening` holds the connection. What is heard goes the way of ``POST /v1/site`` and
``POST /v1/vehicles``, and is judged as they are.
"""

from dispatch.mqtt.listening import Broker, BrokerSettingsError, broker_of, listen

__all__ = ["Broker", "BrokerSettingsError", "broker_of", "listen"]
