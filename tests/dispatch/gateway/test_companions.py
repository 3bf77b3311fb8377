"""What runs beside the gateway's sockets."""

from __future__ import annotations

import asyncio

from dispatch.gateway.companions import accompanied
from dispatch.station import Listener, SiteReading, VehicleReading
from tests.dispatch.gateway_builders import NOW


class Ear:
    def __init__(self) -> None:
        self.heard: list[SiteReading] = []

    async def tell_site(self, reading: SiteReading) -> None:
        self.heard.append(reading)

    async def tell_vehicle(self, reading: VehicleReading) -> None:
        raise AssertionError(reading)


async def test_a_companion_that_fails_is_begun_again_and_harms_nobody() -> None:
    ear, begun = Ear(), 0
    spoken = asyncio.Event()

    async def clumsy(listener: Listener) -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise ZeroDivisionError
        await listener.tell_site(SiteReading(at=NOW, site_kw=1.0))
        spoken.set()
        await asyncio.sleep(3600)

    async with asyncio.timeout(10.0), accompanied(ear, [clumsy], pause_s=0.0):
        await spoken.wait()
    assert (begun, len(ear.heard)) == (3, 1)


async def test_companions_end_with_the_gateway() -> None:
    ended = asyncio.Event()

    async def patient(_listener: Listener) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with asyncio.timeout(10.0):
        async with accompanied(Ear(), [patient]):
            await asyncio.sleep(0)
        assert ended.is_set()
