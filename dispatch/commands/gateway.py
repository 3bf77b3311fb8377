"""``depot gateway``: the endpoint that chargers dial in to, and its local API, until stopped."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer

from dispatch import api, gateway
from dispatch.alerts import teller_of
from dispatch.alerts.watching import CronWatch, DueNight
from dispatch.commands.logged import Format, terminal_for
from dispatch.journal import Journal, StoreAwayError
from dispatch.mqtt import BrokerSettingsError, broker_of, listen
from dispatch.operations.logs import LogFormat, begin_logging
from dispatch.tls import spare_memory
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.horizon import TimeError, parse_instant
from optimiser.inputs import InputError, Problem, horizon_containing, load_depot, nights_in
from optimiser.terminal import Terminal

log = logging.getLogger(__name__)

FILES_BESIDE_SOCKETS = 256
"""Open files that a gateway needs beside two sockets for every charger: store, API, listeners."""


def gateway_command(
    *,
    run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn],
    with_known_chargers: Callable[[Depot], Depot],
    open_journal: Callable[[Depot, Path], Journal],
) -> Callable[..., None]:
    """The command; ``run`` does something and ends with its exit code, errors included."""

    def command(
        folder: Folder,
        as_of: Annotated[
            str | None,
            typer.Option(metavar="INSTANT", help="Begin at this time instead of now: a rehearsal."),
        ] = None,
        *,
        log_format: Format = LogFormat.TEXT,
        as_json: AsJson = False,
    ) -> None:
        """Run the endpoint that chargers dial in to, and its local API, until stopped."""
        begin_logging(log_format)
        terminal = terminal_for(log_format, as_json=as_json, log=log)

        def work() -> ExitCode:
            depot = with_known_chargers(load_depot(folder))
            clock = _clock(depot, as_of)
            # What is encrypted is so in the world's time, also in a rehearsal.
            entrance = gateway.entrance_of(depot, folder, now=datetime.now(UTC), warn=log.warning)
            tokens = _tokens(depot, folder)
            journal = open_journal(depot, folder)
            try:
                companions = _companions(depot, folder, journal, clock)
                return _serve(
                    terminal,
                    depot,
                    journal,
                    entrance=entrance,
                    tokens=tokens,
                    clock=clock,
                    companions=companions,
                )
            finally:
                journal.close()

        run(terminal, folder, work)

    return command


def _serve(
    terminal: Terminal,
    depot: Depot,
    journal: Journal,
    *,
    entrance: gateway.Entrance,
    tokens: api.ApiTokens,
    clock: Callable[[], datetime],
    companions: Sequence[gateway.Companion],
) -> ExitCode:
    # A twentieth of a second that no other command needs.
    from dispatch.gateway.metrics import GatewayMetrics  # noqa: PLC0415
    from dispatch.operations.metrics import Exporter  # noqa: PLC0415

    settings = depot.gateway
    spare_memory()
    _allow_files(2 * len(depot.chargers) + FILES_BESIDE_SOCKETS)
    terminal.say(
        f"{depot.name}: chargers dial in at {entrance.scheme}://{settings.listen}/<charger id>, "
        f"it is {clock():%F %T} UTC"
    )
    if settings.security_profile < 2 and not entrance.listen.is_loopback:
        harm = (
            "anybody can say to be a charger" if settings.security_profile == 0 else "passwords can be read"
        )
        terminal.say(f"not encrypted: {harm} on the network of {settings.listen}")
    terminal.document(
        {
            "depot": depot.name,
            "listen": settings.listen,
            "api": settings.api,
            "security_profile": settings.security_profile,
            "now": clock().isoformat(),
        }
    )
    try:
        metrics = GatewayMetrics()
        asyncio.run(
            gateway.serve(
                depot,
                journal,
                entrance=entrance,
                api_tokens=tokens,
                clock=clock,
                counting=metrics,
                expose=Exporter(depot=depot, journal=journal, counted=metrics),
                companions=companions,
            )
        )
    except StoreAwayError:
        raise
    except OSError as error:
        terminal.say(f"cannot listen on {settings.listen} and {settings.api}: {error}")
        return ExitCode.UNREACHABLE
    return ExitCode.GOOD


def _companions(
    depot: Depot, folder: Path, journal: Journal, clock: Callable[[], datetime]
) -> list[gateway.Companion]:
    """What runs beside the sockets: somebody who watches over cron, and somebody who listens to the broker."""
    watch = CronWatch(
        teller=teller_of(depot, folder, journal),
        due=partial(_due_night, depot, folder),
        clock=clock,
        begun_at=clock(),
    )
    companions: list[gateway.Companion] = [lambda _listener: watch.run()]
    settings = depot.gateway.mqtt
    if settings is not None:
        try:
            broker = broker_of(settings, folder)
        except BrokerSettingsError as error:
            where, allowed = "depot.yaml gateway.mqtt", "a password and an authority that can be read"
            raise InputError([Problem(where=where, found=str(error), allowed=allowed)]) from error
        companions.append(partial(listen, broker=broker, depot=depot, clock=clock))
    return companions


def _due_night(depot: Depot, folder: Path, now: datetime) -> DueNight | None:
    """The night that is on; None by day, and where the folder has none: then no tick is to be expected."""
    try:
        horizon = horizon_containing(depot, now)
        night = horizon.local(horizon.start).date()
        return DueNight(night=night, since=horizon.start) if night in nights_in(folder) else None
    except InputError:
        return None


def _allow_files(needed: int) -> None:
    """Let this process have as many files open as it needs; systems begin with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    granted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    if granted < needed:
        log.warning(
            "%d files may be open at once, %d are needed: raise the limit (ulimit -n)", granted, needed
        )


def _tokens(depot: Depot, folder: Path) -> api.ApiTokens:
    try:
        return api.tokens_of(depot, folder)
    except OSError as error:
        raise InputError(
            [
                Problem(
                    where="depot.yaml gateway.api_token_file",
                    found=str(error),
                    allowed="files for the API's tokens",
                )
            ]
        ) from error


def _clock(depot: Depot, as_of: str | None) -> Callable[[], datetime]:
    if as_of is None:
        return lambda: datetime.now(UTC)
    try:
        start = parse_instant(as_of, ZoneInfo(depot.timezone))
    except TimeError as error:
        raise InputError([Problem(where="--as-of", found=str(error), allowed="an instant")]) from error
    begun = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - begun)
