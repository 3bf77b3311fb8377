"""No secret is written where somebody else may read it: not in logs, the journal, an answer or an error."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from dispatch.api.token import ApiTokens, Role
from dispatch.credentials import HashedPassword, write_credentials
from dispatch.gateway import entrance_of, running
from dispatch.simulator.charge_point import Timing
from dispatch.simulator.depot import simulate
from dispatch.station import Outcome
from dispatch.store.entries import redacted
from tests.dispatch.gateway.station201_builders import a_mixed_depot
from tests.dispatch.gateway_builders import (
    CHEAP,
    CREDENTIALS,
    NOW,
    SOON_S,
    a_charge_point,
    a_gateway,
    a_journal,
    a_listening_depot,
    eventually,
)
from tests.dispatch.simulator.test_depot import two_vans

secret = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=16, max_size=40)


class Heard(logging.Handler):
    """Everything that anybody logs, also what no one would print."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def all_forms(password: str, charger_id: str) -> list[bytes]:
    """A secret as it may turn up: as it is, in base64 with the user, in hexadecimal digits, in a path."""
    plain = password.encode()
    together = base64.b64encode(charger_id.encode() + b":" + plain)
    return [plain, together, plain.hex().encode(), quote(password, safe="").encode()]


async def an_evening(folder: Path, right: str, wrong: str, token: str) -> bytes:
    """Everything that a gateway says and writes while somebody comes in, somebody is refused, and a key is set."""
    depot = a_listening_depot()
    said: list[bytes | bytearray] = []
    write_credentials(
        folder / CREDENTIALS,
        {name: HashedPassword.of(right.encode(), cost=CHEAP) for name in ("CP1", "CP2")},
    )
    journal = a_journal(folder)
    tokens = ApiTokens(of={Role.READ: token + "r", Role.DISPATCH: token + "d", Role.ADMIN: token})
    entrance = entrance_of(depot, folder, now=NOW, warn=lambda text: said.append(text.encode()))
    said.append(repr((entrance, tokens)).encode())
    async with (
        asyncio.timeout(SOON_S),
        running(depot, journal, entrance=entrance, api_tokens=tokens, clock=lambda: NOW) as gateway,
        a_charge_point(gateway, password=right) as charge_point,
        httpx.AsyncClient(base_url=f"http://{gateway.api}/v1") as client,
    ):
        for password, name in ((wrong, "CP1"), (wrong, "CP9"), (wrong[:20], "CP2")):
            try:
                async with a_charge_point(gateway, name, password=password):
                    said.append(b"came in")
            except InvalidStatus as refusal:
                said += [refusal.response.body, str(refusal.response.headers).encode()]
        for path in (
            f"{quote(wrong, safe='')}/CP1",
            f"CP1/{quote(wrong, safe='')}",
            f"CP9?token={quote(wrong)}",
        ):
            with suppress(InvalidStatus):
                async with a_charge_point(gateway, path=path, password=wrong):
                    said.append(b"came in")
        await charge_point.boot()
        simulated = simulate(
            depot,
            two_vans(),
            gateway_url=f"ws://{gateway.ocpp}",
            credentials={"CP1": wrong, "CP2": right},
            charger_ids=["CP2"],
            timing=Timing(tick_s=0.05),
        )
        simulating = asyncio.create_task(simulated)
        await eventually(lambda: len(journal.events(kinds=("booted",))) == 2, gateway)
        for header in (f"Bearer {token}", f"Bearer {wrong}", f"Basic {token}"):
            for path in ("/live", "/openapi.json", "/nowhere"):
                with suppress(httpx.HTTPError):
                    response = await client.get(path, headers={"Authorization": header})
                    said += [response.content, repr(response.headers).encode()]
        simulating.cancel()
        await asyncio.wait([simulating])
    journal.close()
    (folder / CREDENTIALS).write_text(f"CP1: {wrong!r}\n")
    said.append(repr(entrance.credentials()).encode())
    return b"\n".join([*said, *files_of(folder)])


def files_of(folder: Path) -> list[bytes]:
    """What lies in a folder, but for the file that somebody has just put a password into."""
    return [path.read_bytes() for path in folder.iterdir() if path.name != CREDENTIALS]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(right=secret, wrong=secret, token=secret)
def test_no_secret_is_in_any_log_store_answer_or_error(right: str, wrong: str, token: str) -> None:
    heard = Heard()
    root = logging.getLogger()
    before = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        with tempfile.TemporaryDirectory() as folder:
            written = asyncio.run(an_evening(Path(folder), right, wrong, token))
    finally:
        root.setLevel(before)
        root.removeHandler(heard)
    ours = [line for line in heard.lines if not line.startswith(("websockets.client", "httpcore", "httpx"))]
    everything = written + "\n".join(ours).encode()
    assert b"booted" in everything
    for password in (right, wrong):
        for name in ("CP1", "CP2", "CP9"):
            for form in all_forms(password, name):
                assert form not in everything
    assert token.encode() not in everything


KEY = "6b65792d6f662d7468652d636861726765722d21"


async def test_a_key_that_is_set_or_shown_is_neither_kept_nor_told(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    shown = [{"key": "AuthorizationKey", "readonly": False, "value": KEY}]
    password = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": KEY,
        "attributeStatus": "Accepted",
    }
    async with a_gateway(tmp_path, a_listening_depot(a_mixed_depot()), journal=journal) as gateway:
        async with (
            a_charge_point(gateway, "CP2", configuration=shown) as charge_point,
            asyncio.TaskGroup() as tasks,
        ):
            await charge_point.boot()
            setting = tasks.create_task(gateway.stations.configure("CP2", "AuthorizationKey", KEY))
            asked = await charge_point.answer("ChangeConfiguration", {"status": "Accepted"})
            assert asked == {"key": "AuthorizationKey", "value": KEY}
            assert (await setting).outcome is Outcome.ACCEPTED
        async with (
            a_charge_point(gateway, "CP1", subprotocols=["ocpp2.0.1"], variables=[password]) as charge_point,
            asyncio.TaskGroup() as tasks,
        ):
            await charge_point.boot_201()
            name = "SecurityCtrlr.BasicAuthPassword"
            setting = tasks.create_task(gateway.stations.configure("CP1", name, KEY))
            asked = await charge_point.receive(lambda message: message[2] == "SetVariables")
            assert asked[3]["setVariableData"][0]["attributeValue"] == KEY
            results = [{**password, "attributeStatus": "Accepted"}]
            await charge_point.send([3, asked[1], {"setVariableResult": results}])
            assert (await setting).outcome is Outcome.ACCEPTED
        live = await gateway.stations.live()
        assert KEY not in live.model_dump_json()
    journal.close()
    kept = b"".join(files_of(tmp_path))
    assert b"SetVariables" in kept
    assert b"ChangeConfiguration" in kept
    assert KEY.encode() not in kept


def test_a_report_of_a_password_is_redacted_whatever_stands_around_it() -> None:
    report = {
        "variable": {"name": "basicauthpassword"},
        "variableAttribute": [{"type": "Actual", "value": KEY}],
        "variableCharacteristics": {"dataType": "string"},
    }
    frame = json.dumps([2, "1", "NotifyReport", {"reportData": [report]}])
    assert KEY not in redacted(frame)
    assert json.loads(redacted(frame))[3]["reportData"][0]["variableCharacteristics"] == {
        "dataType": "string"
    }
