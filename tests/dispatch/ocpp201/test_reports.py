"""What a station says that it holds, on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from dispatch.dialects import DIALECTS
from dispatch.ocpp201.profiles import set_charging_profile
from dispatch.station import InstalledReply, Outcome
from tests.dispatch.desk_builders import MemoryDesk, Spoken, a_spoken_wire
from tests.dispatch.ocpp201.wire201_builders import a_profile, a_validator


@dataclass(kw_only=True)
class Asked:
    """A question for what is installed that has reached the station."""

    spoken: Spoken
    message_id: str
    request_id: int
    answer: asyncio.Task[InstalledReply]

    async def says(self, payload: Mapping[str, Any]) -> None:
        a_validator("GetChargingProfilesResponse").validate(payload)
        await self.spoken.charger.send(json.dumps([3, self.message_id, payload]))

    async def reports(
        self, *ids: int, tbc: bool = False, evse_id: int = 1, request_id: int | None = None
    ) -> None:
        profiles = [set_charging_profile(a_profile(profile_id=n)).payload["chargingProfile"] for n in ids]
        payload = {
            "requestId": self.request_id if request_id is None else request_id,
            "chargingLimitSource": "CSO",
            "evseId": evse_id,
            "chargingProfile": profiles,
        } | ({"tbc": True} if tbc else {})
        a_validator("ReportChargingProfilesRequest").validate(payload)
        message_id = f"report-{ids}"
        await self.spoken.charger.send(json.dumps([2, message_id, "ReportChargingProfiles", payload]))
        assert json.loads(await self.spoken.charger.recv()) == [3, message_id, {}]


@asynccontextmanager
async def a_question(*, answer_timeout_s: float = 20.0) -> AsyncIterator[Asked]:
    desk = MemoryDesk(answer_timeout_s=answer_timeout_s)
    async with a_spoken_wire(DIALECTS["2.0.1"], desk=desk) as spoken:
        task = asyncio.create_task(spoken.speaker.installed_profiles())
        _, message_id, action, payload = json.loads(await spoken.charger.recv())
        assert action == "GetChargingProfiles"
        assert "evseId" not in payload
        yield Asked(spoken=spoken, message_id=message_id, request_id=payload["requestId"], answer=task)
        await task


def ids_of(reply: InstalledReply) -> list[tuple[int, int]] | None:
    if reply.profiles is None:
        return None
    return [(profile.connector_id, profile.profile_id) for profile in reply.profiles]


async def test_v48_reports_are_put_together_until_no_more_follow() -> None:
    async with a_question() as asked:
        await asked.says({"status": "Accepted"})
        await asked.reports(1, 2, tbc=True)
        await asked.reports(99, request_id=asked.request_id + 1)  # to a question that nobody asked
        assert not asked.answer.done()
        await asked.reports(3, evse_id=0)
        reply = await asked.answer
        assert reply.reply.outcome is Outcome.ACCEPTED
        assert ids_of(reply) == [(1, 1), (1, 2), (0, 3)]


async def test_v46_v47_a_profile_belongs_to_the_evse_that_the_station_names() -> None:
    async with a_question() as asked:
        await asked.says({"status": "Accepted"})
        await asked.reports(3, evse_id=0)
        assert ids_of(await asked.answer) == [(0, 3)]


async def test_a_report_may_come_before_the_answer() -> None:
    async with a_question() as asked:
        await asked.reports(5)
        await asked.says({"status": "Accepted"})
        assert ids_of(await asked.answer) == [(1, 5)]


async def test_v49_a_station_without_profiles_holds_none_and_reports_nothing() -> None:
    async with a_question() as asked:
        await asked.says({"status": "NoProfiles"})
        reply = await asked.answer
        assert (reply.reply.outcome, reply.profiles) == (Outcome.ACCEPTED, ())


async def test_a_station_that_promises_a_report_and_sends_none_says_nothing() -> None:
    async with a_question(answer_timeout_s=0.05) as asked:
        await asked.says({"status": "Accepted"})
        reply = await asked.answer
        assert (reply.reply.outcome, reply.profiles) == (Outcome.NO_ANSWER, None)
        assert "not whole within 0.05 s" in reply.reply.reason


async def test_half_a_report_is_told_as_that() -> None:
    async with a_question(answer_timeout_s=0.5) as asked:
        await asked.says({"status": "Accepted"})
        await asked.reports(1, tbc=True)
        reply = await asked.answer
        assert (reply.reply.outcome, ids_of(reply)) == (Outcome.NO_ANSWER, [(1, 1)])


async def test_a_station_that_cannot_report_has_refused() -> None:
    async with a_question() as asked:
        await asked.spoken.charger.send(json.dumps([4, asked.message_id, "NotImplemented", "", {}]))
        reply = await asked.answer
        assert (reply.reply.outcome, reply.profiles) == (Outcome.REFUSED, None)
