"""``depot simulate``: simulated charge points with a night's vehicles, as separate clients of a gateway."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import yaml

from dispatch.address import parse_address
from dispatch.simulator.depot import chosen_personas, simulate
from dispatch.tls import TlsError, trusting
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem, load_depot, load_folder, night_containing
from optimiser.terminal import Terminal


def simulate_command(
    *, run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn]
) -> Callable[..., None]:
    """The command; ``run`` does something and ends with its exit code, errors included."""

    def command(
        folder: Folder,
        night: Annotated[
            str | None,
            typer.Option(metavar="DATE", help="Local date on which the night starts; else the one now."),
        ] = None,
        charger: Annotated[
            list[str] | None, typer.Option(metavar="ID", help="Only this charger; may be given again.")
        ] = None,
        arrival_soc: Annotated[
            list[str] | None,
            typer.Option(metavar="VEHICLE=PERCENT", help="Another SoC at arrival; may be given again."),
        ] = None,
        meter_interval_s: Annotated[
            float, typer.Option(min=0.1, help="Between two meter readings. [s]")
        ] = 60.0,
        *,
        persona: Annotated[
            list[str] | None,
            typer.Option(metavar="CHARGER=NAME", help="How this charger misbehaves; may be given again."),
        ] = None,
        passwords: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="The passwords, as depot credentials add --json printed them."),
        ] = None,
        certificates: Annotated[
            Path | None,
            typer.Option(metavar="DIR", help="Certificate and key of each charger in ID.pem (profile 3)."),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Run simulated charge points with the night's vehicles against the depot's gateway, until stopped."""
        terminal = Terminal(as_json=as_json)

        def work() -> ExitCode:
            depot, read = load_folder(
                folder, night or night_containing(load_depot(folder), datetime.now(UTC))
            )
            address = parse_address(depot.gateway.listen).from_here
            scheme = "wss" if depot.gateway.security_profile >= 2 else "ws"
            names = charger or [known.id for known in depot.chargers]
            running = simulate(
                depot,
                read,
                gateway_url=f"{scheme}://{address}",
                credentials=_passwords(depot, passwords),
                trust=_trust(depot, folder, names, certificates),
                charger_ids=charger or None,
                arrival_soc_percent=dict(_soc_option(text) for text in arrival_soc or ()),
                meter_interval_s=meter_interval_s,
                personas=chosen_personas(persona or ()),
            )
            terminal.say(f"simulating charge points of {depot.name} at {scheme}://{address}")
            terminal.document(
                {
                    "depot": depot.name,
                    "night": read.date.isoformat(),
                    "gateway": f"{scheme}://{address}",
                    "chargers": names,
                }
            )
            asyncio.run(running)
            return ExitCode.GOOD

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        run(terminal, folder, work)

    return command


def _passwords(depot: Depot, file: Path | None) -> Mapping[str, str]:
    """What the charge points show; only they have passwords, the depot's folder has their hashes."""
    if depot.gateway.security_profile not in {1, 2}:
        return {}
    allowed = "a file made by: depot credentials add DIR --json > FILE"
    if file is None:
        raise _wrong("--passwords", found="nothing", allowed=allowed)
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _wrong(
            str(file), found=f"what cannot be read: {type(error).__name__}", allowed=allowed
        ) from error
    found = document.get("passwords") if isinstance(document, dict) else None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise _wrong(str(file), found="no passwords", allowed=allowed)
    return {str(charger_id): text for charger_id, text in found.items()}


def _trust(
    depot: Depot, folder: Path, chargers: list[str], certificates: Path | None
) -> Mapping[str, ssl.SSLContext]:
    """How each charge point trusts the gateway, and what it shows itself; empty where nothing is encrypted."""
    settings = depot.gateway
    if settings.security_profile < 2 or settings.tls is None:
        return {}
    if settings.security_profile == 3 and certificates is None:
        raise _wrong("--certificates", found="nothing", allowed="a folder with ID.pem of each charger")
    shown = [folder / certificate for certificate, _ in settings.tls.pairs()]
    trust: dict[str, ssl.SSLContext] = {}
    problems: list[Problem] = []
    for charger_id in chargers:
        try:
            trust[charger_id] = trusting(*shown)
            if settings.security_profile == 3 and certificates is not None:
                trust[charger_id].load_cert_chain(certificates / f"{charger_id}.pem")
        except (TlsError, OSError) as error:
            problems.append(
                Problem(where=charger_id, found=str(error), allowed="certificates that can be read")
            )
    if problems:
        raise InputError(problems)
    return trust


def _soc_option(text: str) -> tuple[str, float]:
    vehicle_id, _, percent = text.rpartition("=")
    try:
        return vehicle_id, float(percent)
    except ValueError:
        raise _wrong("--arrival-soc", found=repr(text), allowed="VEHICLE=PERCENT, such as V001=12") from None


def _wrong(where: str, *, found: str, allowed: str) -> InputError:
    return InputError([Problem(where=where, found=found, allowed=allowed)])
