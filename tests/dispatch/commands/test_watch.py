"""``depot watch``: a gateway that is killed is told of, and one that is back."""

from __future__ import annotations

from pathlib import Path

from tests.dispatch.alerts.receivers import a_web_server
from tests.dispatch.commands.test_alerts import telling
from tests.dispatch.kill_builders import Yard, a_yard, ended


async def watched(yard: Yard) -> int | None:
    process = yard.start("watch", "--json")
    await ended(process)
    return process.exitcode


async def test_a_gateway_that_is_killed_is_told_once_and_its_return_once(tmp_path: Path) -> None:
    async with a_web_server() as server, a_yard(tmp_path, seed=1) as yard:
        telling(yard.folder, server.url())
        assert await watched(yard) == 0
        assert yard.gateway is not None
        yard.gateway.kill()
        await ended(yard.gateway)
        assert await watched(yard) == 3
        assert await watched(yard) == 3
        yard.start_gateway()
        await yard.until_all_are_there()
        assert await watched(yard) == 0
    there, over = server.posted
    assert there["alerts"][0]["cause"] == "gateway_away"
    assert "systemctl status depot-gateway" in there["text"]
    assert over["alerts"][0]["state"] == "over"
