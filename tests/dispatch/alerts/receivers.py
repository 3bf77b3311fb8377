"""Those whom alerts reach: a real web server and a real mail server, on loopback."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from dispatch.alerts.ways import Patience

QUICK = Patience(tries=3, try_s=5.0, pause_s=0.0)
USER, PASSWORD = "depot", "a-password-of-mail"


@dataclass(kw_only=True)
class WebServer:
    """What was posted, and what is answered to each post: a status, or None for never; the last one goes on."""

    port: int
    answers: list[int | None]
    posted: list[dict[str, Any]] = field(default_factory=list)

    def url(self, path: str = "hook/secret-of-the-hook") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@asynccontextmanager
async def a_web_server(*answers: int | None) -> AsyncIterator[WebServer]:
    found = WebServer(port=0, answers=list(answers or (200,)))
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.decode().lower().split("\r\n") if line.startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0].partition(":")[2]))
        found.posted.append(json.loads(body))
        answer = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
        if answer is None:
            await reader.read()  # until the other one has had enough
        else:
            writer.write(f"HTTP/1.1 {answer} Word\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found
        await asyncio.gather(*serving)


@dataclass(kw_only=True)
class MailServer:
    """What mail has come, after ``refusals`` that pass by themselves."""

    port: int = 0
    refusals: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[Sequence[str]] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        if self.refusals:
            self.refusals -= 1
            return "451 try again later"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(envelope.rcpt_tos)
        return "250 taken"


@asynccontextmanager
async def a_mail_server(*, tls: ssl.SSLContext | None = None, refusals: int = 0) -> AsyncIterator[MailServer]:
    """A mail server; with ``tls`` only after STARTTLS and with the right password."""
    found = MailServer(refusals=refusals)

    def knows(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)

    def session() -> SMTP:
        return SMTP(
            found,
            hostname="localhost",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=tls is not None,
            authenticator=knows if tls is not None else None,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
