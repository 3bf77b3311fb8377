"""What a station says of its sessions in OCPP 2.0.1."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders import a_depot
from tests.dispatch.gateway.station201_builders import (
    AT,
    EVSE,
    REGISTER,
    TOKEN,
    a_conversation,
    a_meter_value,
    a_mixed_depot,
    a_station,
    an_event,
)
from tests.dispatch.gateway_builders import (
    NOW,
    a_gateway,
    a_journal,
)
from tests.dispatch.ocpp201.wire201_builders import TX, a_validator


async def test_a_session_begins_goes_on_and_ends(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (gateway, station):
        started = an_event("Started", evse=EVSE, meterValue=[REGISTER])
        assert await station.call("TransactionEvent", started) == {}
        shown = an_event("Updated", seq=1, idToken=TOKEN, info={"chargingState": "Charging"})
        assert await station.call("TransactionEvent", shown) == {"idTokenInfo": {"status": "Accepted"}}
        power = a_meter_value(11.04, measurand="Power.Active.Import", unit="kW", at="2025-11-10T19:05:00Z")
        assert await station.call("TransactionEvent", an_event("Updated", seq=2, meterValue=[power])) == {}
        connector = (await gateway.stations.live()).charger("CP1").connector(1)
        assert connector.transaction is not None
        assert (connector.transaction.transaction_id, connector.transaction.id_tag) == (TX, "TAG-V1")
        assert connector.meter is not None
        assert connector.meter.power_kw == pytest.approx(11.04)
        ended = an_event("Ended", seq=3, meterValue=[REGISTER], info={"stoppedReason": "EVDisconnected"})
        for _ in range(2):  # told again, it changes nothing
            assert await station.call("TransactionEvent", ended) == {}
        assert (await gateway.stations.live()).charger("CP1").connector(1).transaction is None


async def test_what_is_said_of_sessions_is_in_the_journal_once(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    async with (
        a_gateway(tmp_path, a_mixed_depot(), journal=journal) as gateway,
        a_station(gateway) as station,
    ):
        for seq, kind in enumerate(("Started", "Started", "Updated", "Updated", "Ended", "Ended", "Updated")):
            event = an_event(kind, seq=seq, evse=EVSE, info={"chargingState": "Charging"})
            await station.call("TransactionEvent", event)
    kinds = [event.kind for event in journal.events()]
    journal.close()
    assert [kind for kind in kinds if kind.startswith("transaction")] == [
        "transaction_started",
        "transaction_ended",
    ]


async def test_a_session_and_its_tag_outlive_the_gateway(tmp_path: Path) -> None:
    depot = a_mixed_depot()
    async with a_gateway(tmp_path, depot) as gateway, a_station(gateway) as station:
        await station.call("TransactionEvent", an_event("Updated", evse=EVSE))
        await station.call("TransactionEvent", an_event("Updated", seq=1, idToken=TOKEN))
    async with a_gateway(tmp_path, depot) as gateway:
        transaction = (await gateway.stations.live()).charger("CP1").connector(1).transaction
        assert transaction is not None
        assert (transaction.transaction_id, transaction.id_tag) == (TX, "TAG-V1")
        # A station that was accepted before need not boot when it comes back.
        async with a_station(gateway, is_booted=False) as station:
            assert await station.call("TransactionEvent", an_event("Updated", seq=2)) == {}


async def test_v59_a_session_that_is_told_of_hours_later_and_is_over_gets_no_profile(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (gateway, station):
        old = {"timestamp": "2025-11-10T16:00:00Z", "offline": True, "evse": EVSE}
        await station.call("TransactionEvent", an_event("Started") | old)
        transaction = (await gateway.stations.live()).charger("CP1").connector(1).transaction
        assert transaction is not None
        assert transaction.started_at == NOW - timedelta(hours=3, minutes=30)
        await station.call("TransactionEvent", an_event("Ended", seq=1) | old)
        assert (await gateway.stations.live()).charger("CP1").connector(1).transaction is None


@pytest.mark.parametrize(("tag", "status"), [("TAG-V1", "Accepted"), ("stranger", "Invalid")])
async def test_a_tag_is_accepted_as_the_depot_says(tmp_path: Path, tag: str, status: str) -> None:
    depot = a_mixed_depot(policy=replace(a_depot().policy, unknown_vehicle="hold"))
    async with a_gateway(tmp_path, depot) as gateway, a_station(gateway) as station:
        token = TOKEN | {"idToken": tag}
        answer = await station.call("Authorize", {"idToken": token})
        a_validator("AuthorizeResponse").validate(answer)
        assert answer == {"idTokenInfo": {"status": status}}
        event = an_event("Started", evse=EVSE, idToken=token)
        assert (await station.call("TransactionEvent", event)) == answer


async def test_what_needs_no_token_is_authorized(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (_, station):
        token = {"idToken": "", "type": "NoAuthorization"}
        assert (await station.call("Authorize", {"idToken": token}))["idTokenInfo"]["status"] == "Accepted"


async def test_an_evse_is_available_when_all_its_sockets_are(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (gateway, station):
        status = {"timestamp": AT, "evseId": 1}
        for socket, word, seen in (
            (1, "Occupied", "Occupied"),
            (2, "Available", "Occupied"),
            (1, "Available", "Available"),
        ):
            await station.call(
                "StatusNotification", status | {"connectorId": socket, "connectorStatus": word}
            )
            assert (await gateway.stations.live()).charger("CP1").connector(1).status == seen
