"""``profiles.json``: what each connector is allowed, and the very payloads that say so to its charger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dispatch.charger import Capabilities
from dispatch.dialects import DIALECTS
from dispatch.evidence import Layer
from dispatch.floors import targets
from dispatch.known import capabilities_of
from dispatch.layers import LayerProfile, Target, layer_profiles, lost_kwh
from optimiser.depot import Depot
from optimiser.horizon import format_instant
from optimiser.plan import Plan, wired
from optimiser.profiles import ChargingProfile, charging_profiles

SCHEMA = "depot-profiles/1"


def render_profiles(depot: Depot, plan: Plan) -> str:
    """The document ``depot-profiles/1`` of a plan, as text with a line for each connector.

    For chargers as ``depot.yaml`` has them, each in its OCPP version: one that reports other capabilities gets
    other payloads. Raises :class:`dispatch.charger.CapabilityError`.
    """
    profiles = zip(charging_profiles(wired(plan, depot)), targets(depot, plan), strict=True)
    head = {
        "schema": SCHEMA,
        "depot": plan.depot,
        "night": plan.night.isoformat(),
        "plan_created_at": format_instant(plan.created_at),
    }
    connectors = [
        json.dumps(_connector(depot, plan, profile, target), ensure_ascii=False)
        for profile, target in profiles
    ]
    return _with_lines(json.dumps(head, indent=1, ensure_ascii=False), "connectors", connectors)


def payload_document(wanted: LayerProfile, *, ocpp: str) -> dict[str, Any]:
    """The call that installs a profile in a version of OCPP, with the layer that it is."""
    request = DIALECTS[ocpp].set_profile(wanted.profile)
    return {"layer": wanted.layer.value, "action": request.action, "payload": request.payload}


def _with_lines(head: str, key: str, lines: Sequence[str]) -> str:
    """The text of a JSON object with one more key: a list with a line for each item.

    A file of a thousand connectors takes a quarter of the time and two thirds of the room that it takes indented,
    and one connector is still found, and compared with another night's, by eye.
    """
    opened = head.removesuffix("\n}")
    items = ",\n  ".join(lines)
    return f'{opened},\n "{key}": [\n  {items}\n ]\n}}\n'


def _connector(depot: Depot, plan: Plan, profile: ChargingProfile, target: Target) -> dict[str, Any]:
    charger = depot.charger(profile.charger_id)
    capabilities: Capabilities = capabilities_of(charger)
    stack = layer_profiles(
        target,
        dict.fromkeys(Layer, capabilities),
        is_degraded=capabilities.is_degraded(len(charger.connectors)),
    )
    return profile.to_document(plan.horizon) | {
        "ocpp": charger.ocpp,
        "lost_kwh": round(lost_kwh(target, capabilities), 3),
        "payloads": [payload_document(wanted, ocpp=charger.ocpp) for wanted in stack],
    }
