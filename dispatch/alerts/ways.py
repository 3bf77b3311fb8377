"""The ways to a person: a webhook and mail. It alone sends; each try ends, and nothing secret is in an error."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiosmtplib

from dispatch.address import Address
from dispatch.alert import Channel
from dispatch.secret import SecretError, read_secret
from optimiser.depot import Depot
from optimiser.links import EmailSettings, Secret

PASSING = frozenset({408, 425, 429})
"""Refusals of a web server that may pass by themselves, beside all that begin with 5."""


class UndeliveredError(Exception):
    """Nothing was delivered. ``may_pass``: another try may have more luck."""

    def __init__(self, why: str, *, may_pass: bool = True) -> None:
        super().__init__(why)
        self.may_pass = may_pass


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What is sent: a line that is read first, a text for people, a document for programs."""

    subject: str
    text: str
    document: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often something is tried, how long a try may take, and how long it is waited between two of them. [s]

    By default a way is given up after 34 s, and tried again at the next tick.
    """

    tries: int = 3
    try_s: float = 10.0
    pause_s: float = 2.0


class Way(Protocol):
    """One way to a person."""

    async def send(self, writing: Writing) -> str:
        """Send once and return what was answered. Raises :class:`UndeliveredError`; may take for ever."""


async def deliver(way: Way, writing: Writing, *, patience: Patience) -> str:
    """Send, and try again where that may help. Raises :class:`UndeliveredError` after the last try."""
    for left in reversed(range(patience.tries)):
        try:
            async with asyncio.timeout(patience.try_s):
                return await way.send(writing)
        except TimeoutError:
            failure = UndeliveredError(f"no answer within {patience.try_s:g} s")
        except UndeliveredError as error:
            failure = error
        if not left or not failure.may_pass:
            break
        await asyncio.sleep(patience.pause_s)
    raise failure


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Posts the document as JSON. Beyond this machine only encrypted; a redirection is not followed."""

    url: Secret
    folder: Path

    async def send(self, writing: Writing) -> str:
        """Post once."""
        url = _secret(self.url, self.folder)
        is_here = _check(url)
        # A tenth of a second that nobody else needs who only knows of alerts.
        import httpx  # noqa: PLC0415

        try:
            async with httpx.AsyncClient(trust_env=not is_here, timeout=None) as client:  # noqa: S113 - each try has its end in deliver
                response = await client.post(url, json=dict(writing.document))
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            OSError,
        ) as error:  # their words may have the address in them
            raise UndeliveredError(f"cannot be reached ({type(error).__name__})") from None
        if not response.is_success:
            may_pass = response.is_server_error or response.status_code in PASSING
            raise UndeliveredError(f"answered {response.status_code}", may_pass=may_pass)
        return f"answered {response.status_code}"


@dataclass(frozen=True, kw_only=True)
class Email:
    """Sends the text by mail."""

    settings: EmailSettings
    folder: Path
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    async def send(self, writing: Writing) -> str:
        """Send once."""
        settings = self.settings
        password = None if settings.password is None else _secret(settings.password, self.folder)
        context = None
        if settings.encryption != "none":
            context = _trusting(None if settings.ca is None else self.folder / settings.ca)
        try:
            refused, said = await aiosmtplib.send(
                self._message(writing),
                sender=settings.sender,
                recipients=list(settings.to),
                hostname=settings.host,
                port=settings.port,
                username=settings.user,
                password=password,
                timeout=None,
                use_tls=settings.encryption == "tls",
                start_tls=settings.encryption == "starttls",
                tls_context=context,
            )
        except aiosmtplib.SMTPAuthenticationError:
            raise UndeliveredError("the mail server refuses user or password", may_pass=False) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise UndeliveredError(f"{type(error).__name__}: {error}") from None
        if refused:
            raise UndeliveredError(f"the mail server refuses {', '.join(refused)}", may_pass=False)
        return said

    def _message(self, writing: Writing) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = writing.subject
        message["From"] = self.settings.sender
        message["To"] = ", ".join(self.settings.to)
        message["Date"] = format_datetime(self.clock())
        message["Message-ID"] = make_msgid(domain=self.settings.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        message.set_content(writing.text)
        return message


def ways_of(depot: Depot, folder: Path) -> dict[Channel, Way]:
    """The ways that ``depot.yaml`` names; secrets are read when something is sent."""
    ways: dict[Channel, Way] = {}
    if depot.alerts.webhook is not None:
        ways[Channel.WEBHOOK] = Webhook(url=depot.alerts.webhook, folder=folder)
    if depot.alerts.email is not None:
        ways[Channel.EMAIL] = Email(settings=depot.alerts.email, folder=folder)
    return ways


def _secret(secret: Secret, folder: Path) -> str:
    try:
        return read_secret(secret, folder)
    except SecretError as error:
        raise UndeliveredError(str(error), may_pass=False) from error


def _check(url: str) -> bool:
    """Whether an address is on this machine. Raises :class:`UndeliveredError` for one that must not be used."""
    try:
        parts = urlsplit(url)
        address = Address(host=parts.hostname or "", port=parts.port or 443)
    except ValueError:
        raise UndeliveredError("its address is no URL", may_pass=False) from None
    if parts.scheme not in {"http", "https"} or not address.host:
        raise UndeliveredError("its address is no URL of http or https", may_pass=False)
    if parts.scheme == "http" and not address.is_loopback:
        raise UndeliveredError("its address is not encrypted: https beyond this machine", may_pass=False)
    return address.is_loopback


def _trusting(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise UndeliveredError(f"{authority} cannot be read as a certificate", may_pass=False) from error
