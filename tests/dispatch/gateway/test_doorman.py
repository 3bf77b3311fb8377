from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass, field

import pytest

from dispatch.credentials import HashedPassword
from dispatch.gateway.doorman import Doorman, Shown
from dispatch.gateway.limits import LOGINS
from tests.dispatch.gateway_builders import basic, hashed

SECRET = "s3cret-s3cret-s3cret"
ID = "CP:1"


@dataclass(kw_only=True)
class Gate:
    """A doorman, his watch, and what he knows."""

    known: dict[str, HashedPassword] = field(default_factory=lambda: hashed({ID: SECRET}))
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.doorman = Doorman(lambda: self.known, seconds=lambda: self.now_s)

    async def shown(self, header: str | None, *, source: str = "10.0.0.1", charger_id: str = ID) -> Shown:
        return await self.doorman.check(header, charger_id=charger_id, source=source)

    async def password(self, password: str | bytes = SECRET, *, source: str = "10.0.0.1") -> Shown:
        return await self.shown(basic(ID, password)["Authorization"], source=source)


async def test_user_and_password_must_both_be_right() -> None:
    gate = Gate()
    assert await gate.password() is Shown.RIGHT
    assert await gate.shown(basic(ID, SECRET)["Authorization"].replace("Basic", "basic ")) is Shown.RIGHT
    assert await gate.password("s3cret-s3cret-s3cre") is Shown.WRONG
    assert await gate.shown(basic("CP:2", SECRET)["Authorization"]) is Shown.WRONG
    assert await gate.shown(basic("CP", f"1:{SECRET}!")["Authorization"]) is Shown.WRONG
    assert await gate.shown(basic(ID, SECRET)["Authorization"], charger_id="CP:9") is Shown.WRONG


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic !!", "Bearer s3cret", "Basic " + "é" * 4, "Basic YQ", "Basic " + "A" * 5000],
)
async def test_a_header_of_another_form_is_not_authenticated(header: str | None) -> None:
    assert await Gate().shown(header) is Shown.WRONG


async def test_a_key_in_hexadecimal_digits_may_come_as_the_bytes_it_stands_for() -> None:
    key = "00ff" * 10
    gate = Gate(known=hashed({ID: key}))
    assert await gate.password(key) is Shown.RIGHT
    assert await gate.password(key.upper()) is Shown.RIGHT
    assert await gate.password(bytes.fromhex(key)) is Shown.RIGHT
    assert await gate.password("z" * 40) is Shown.WRONG


async def test_after_wrong_ones_nobody_is_listened_to_for_a_while() -> None:
    gate = Gate()
    tried = [await gate.password(f"guess-{number:014}") for number in range(LOGINS.burst + 2)]
    assert tried == [Shown.WRONG] * LOGINS.burst + [Shown.TOO_OFTEN] * 2
    assert await gate.password() is Shown.TOO_OFTEN
    gate.now_s = 1 / LOGINS.per_s
    assert await gate.password() is Shown.RIGHT


async def test_guesses_in_a_chargers_name_do_not_keep_it_out() -> None:
    gate = Gate()
    assert await gate.password(source="10.0.0.7") is Shown.RIGHT
    while await gate.password("a-guess-a-guess-a-gu", source="10.0.0.7") is not Shown.TOO_OFTEN:
        pass
    assert await gate.password(source="10.0.0.7") is Shown.RIGHT
    assert await gate.password(source="10.0.0.8") is Shown.RIGHT


async def test_one_that_was_rotated_is_dead_at_once_also_where_it_was_proven() -> None:
    gate = Gate()
    assert await gate.password() is Shown.RIGHT
    gate.known = hashed({ID: "another-s3cret-s3cre"})
    assert await gate.password() is Shown.WRONG
    assert await gate.password("another-s3cret-s3cre") is Shown.RIGHT


async def test_what_was_proven_is_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    hashes: list[bytes] = []
    matches = HashedPassword.matches

    def counted(entry: HashedPassword, given: bytes) -> bool:
        hashes.append(given)
        return matches(entry, given)

    monkeypatch.setattr(HashedPassword, "matches", counted)
    for _ in range(5):
        assert await gate.password() is Shown.RIGHT
    assert hashes == [SECRET.encode()]


async def test_nothing_that_is_remembered_holds_the_password() -> None:
    gate = Gate()
    await gate.password()
    remembered = repr(vars(gate.doorman)).encode()
    assert SECRET.encode() not in remembered
    assert base64.b64encode(SECRET.encode()) not in remembered


async def test_who_does_not_wait_for_the_answer_has_guessed_nothing() -> None:
    gate = Gate()
    for _ in range(LOGINS.burst + 1):
        asking = asyncio.create_task(gate.password())
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
    assert await gate.password() is Shown.RIGHT


async def test_a_crowd_is_let_in_while_the_loop_goes_round_a_few_times() -> None:
    gate = Gate(known=hashed({f"CP{number}": SECRET for number in range(40)}))
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            time.sleep(0.02)  # noqa: ASYNC251 - a loop that is busy
            rounds += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    crowd = (
        gate.shown(basic(name, SECRET)["Authorization"], charger_id=name, source=name) for name in gate.known
    )
    assert set(await asyncio.gather(*crowd)) == {Shown.RIGHT}
    counting.cancel()
    assert rounds < 15
