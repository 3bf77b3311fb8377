"""Alerts on their way, to a real web server and a real mail server."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal

import pytest

from dispatch.alerts.ways import Email, Patience, UndeliveredError, Webhook, Writing, deliver, ways_of
from optimiser.links import EmailSettings, Secret
from tests.builders import a_depot
from tests.dispatch.alerts.receivers import PASSWORD, QUICK, USER, a_mail_server, a_web_server
from tests.dispatch.gateway.tls_builders import an_authority

Encryption = Literal["starttls", "none"]
WRITING = Writing(
    subject="parcel-12: V003 will not be ready", text="Why: …\nWhat to do: …\n", document={"alerts": [1]}
)


def a_hook(folder: Path, url: str) -> Webhook:
    (folder / "hook").write_text(f"{url}\n")
    return Webhook(url=Secret(file="hook"), folder=folder)


def mail_to(
    port: int, *, folder: Path, encryption: Encryption = "none", password: str | None = None
) -> Email:
    if password is not None:
        (folder / "mail-password").write_text(password)
    settings = EmailSettings(
        host="127.0.0.1",
        port=port,
        encryption=encryption,
        ca=None if encryption == "none" else "ca.pem",
        sender="depot@example.org",
        to=("night@example.org", "boss@example.org"),
        user=None if password is None else USER,
        password=None if password is None else Secret(file="mail-password"),
    )
    return Email(settings=settings, folder=folder)


def tls_of(folder: Path) -> ssl.SSLContext:
    authority = an_authority("of the mail server")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_webhook_gets_the_document_as_json(tmp_path: Path) -> None:
    async with a_web_server(204) as server:
        assert await deliver(a_hook(tmp_path, server.url()), WRITING, patience=QUICK) == "answered 204"
    assert server.posted == [{"alerts": [1]}]


async def test_what_may_pass_is_tried_again_and_there_is_an_end(tmp_path: Path) -> None:
    async with a_web_server(500, 429, 200) as server:
        await deliver(a_hook(tmp_path, server.url()), WRITING, patience=QUICK)
        assert len(server.posted) == 3
    async with a_web_server(503) as server:
        with pytest.raises(UndeliveredError, match="answered 503"):
            await deliver(a_hook(tmp_path, server.url()), WRITING, patience=QUICK)
        assert len(server.posted) == QUICK.tries


async def test_what_will_not_pass_is_tried_once(tmp_path: Path) -> None:
    async with a_web_server(404) as server:
        with pytest.raises(UndeliveredError, match="answered 404"):
            await deliver(a_hook(tmp_path, server.url()), WRITING, patience=QUICK)
        assert len(server.posted) == 1


async def test_who_never_answers_is_given_up(tmp_path: Path) -> None:
    patience = Patience(tries=2, try_s=0.1, pause_s=0.0)
    async with a_web_server(None) as server:
        with pytest.raises(UndeliveredError, match=r"no answer within 0\.1 s"):
            await deliver(a_hook(tmp_path, server.url()), WRITING, patience=patience)
        assert len(server.posted) == 2


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.org/secret", "https beyond this machine"),
        ("ftp://127.0.0.1/secret", "no URL of http"),
        ("secret", "no URL of http"),
        ("http://127.0.0.1:1/secret", "cannot be reached"),
        ("http://127.0.0.1:port/secret", "no URL"),
    ],
)
async def test_the_address_of_a_webhook_is_a_secret_also_where_it_cannot_be_used(
    tmp_path: Path, url: str, why: str
) -> None:
    with pytest.raises(UndeliveredError, match=why) as caught:
        await deliver(a_hook(tmp_path, url), WRITING, patience=QUICK)
    assert "secret" not in str(caught.value)


async def test_a_secret_that_is_not_there_is_told_as_that(tmp_path: Path) -> None:
    hook = Webhook(url=Secret(env="NO_SUCH_VARIABLE_OF_DEPOTS"), folder=tmp_path)
    with pytest.raises(UndeliveredError, match="NO_SUCH_VARIABLE_OF_DEPOTS"):
        await deliver(hook, WRITING, patience=QUICK)


async def test_mail_goes_to_everybody_who_is_named(tmp_path: Path) -> None:
    async with a_mail_server() as server:
        await deliver(mail_to(server.port, folder=tmp_path), WRITING, patience=QUICK)
    (mail,) = server.mails
    assert mail["Subject"] == WRITING.subject
    assert mail["To"] == "night@example.org, boss@example.org"
    assert server.recipients == [["night@example.org", "boss@example.org"]]
    assert mail.get_content().splitlines() == WRITING.text.splitlines()


async def test_mail_is_encrypted_before_the_password_is_shown(tmp_path: Path) -> None:
    async with a_mail_server(tls=tls_of(tmp_path)) as server:
        way = mail_to(server.port, folder=tmp_path, encryption="starttls", password=PASSWORD)
        await deliver(way, WRITING, patience=QUICK)
        assert len(server.mails) == 1
        wrong = mail_to(server.port, folder=tmp_path, encryption="starttls", password="another")
        with pytest.raises(UndeliveredError, match="refuses user or password"):
            await deliver(wrong, WRITING, patience=QUICK)
    an_authority("of somebody else").cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with a_mail_server(tls=tls_of(tmp_path)) as server:
        an_authority("of somebody else").cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        with pytest.raises(UndeliveredError):
            await deliver(
                mail_to(server.port, folder=tmp_path, encryption="starttls", password=PASSWORD),
                WRITING,
                patience=Patience(tries=1),
            )
        assert server.mails == []


async def test_a_mail_server_without_encryption_gets_nothing_where_it_is_wanted(tmp_path: Path) -> None:
    an_authority("of the mail server").cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with a_mail_server() as server:
        with pytest.raises(UndeliveredError, match="STARTTLS"):
            await deliver(
                mail_to(server.port, folder=tmp_path, encryption="starttls"),
                WRITING,
                patience=Patience(tries=1),
            )
    assert server.mails == []


async def test_mail_that_is_put_off_is_tried_again(tmp_path: Path) -> None:
    async with a_mail_server(refusals=2) as server:
        await deliver(mail_to(server.port, folder=tmp_path), WRITING, patience=QUICK)
    assert len(server.mails) == 1


def test_a_depot_that_names_nobody_tells_nobody(tmp_path: Path) -> None:
    assert ways_of(a_depot(), tmp_path) == {}
