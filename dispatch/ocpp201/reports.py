"""Reports of installed profiles, which come after the answer to GetChargingProfiles in any number of calls (K09)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from dispatch.ocpp201.profiles import read_profile
from dispatch.payload import Fields
from dispatch.station import InstalledProfile

MOST_PROFILES = 1000
"""Profiles that are taken in one report; no station holds as many."""


@dataclass(kw_only=True)
class Report:
    """What has come of one report; ``request_id`` finds its parts."""

    request_id: int
    profiles: list[InstalledProfile] = field(default_factory=list)
    whole: asyncio.Event = field(default_factory=asyncio.Event)

    async def is_whole_within(self, timeout_s: float) -> bool:
        """Wait for the last part, which is to come within a time after the answer."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.whole.wait()
        except TimeoutError:
            return False
        return True


@dataclass(kw_only=True)
class Reports:
    """The reports that a station was asked for and that are not whole yet. Others are passed over."""

    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _expected: dict[int, Report] = field(default_factory=dict)

    @contextmanager
    def expected(self) -> Iterator[Report]:
        """A report that is waited for as long as the block lasts; it may begin before the answer has come."""
        report = Report(request_id=next(self._numbers))
        self._expected[report.request_id] = report
        try:
            yield report
        finally:
            del self._expected[report.request_id]

    def take(self, fields: Fields, *, received_at: datetime) -> None:
        """Take in a ReportChargingProfiles: ``tbc`` says that more follow (K09.FR.02)."""
        request_id, connector_id = fields.integer("requestId"), fields.natural("evseId")
        source = fields.optional_text("chargingLimitSource")
        found = [
            read_profile(profile, connector_id=connector_id, source=source, received_at=received_at)
            for profile in fields.objects("chargingProfile")
        ]
        report = self._expected.get(request_id)
        if report is None:
            return
        report.profiles += found[: MOST_PROFILES - len(report.profiles)]
        if fields.values.get("tbc") is not True:
            report.whole.set()
