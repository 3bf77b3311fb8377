"""``depot chargers``: the models that are known, and what will be sent to one of them and why. Knows these two pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from dispatch.charger import Capabilities, CapabilityError
from dispatch.evidence import Layer
from dispatch.identity import Identity
from dispatch.known import Known, Origin, identity_of, known_of
from dispatch.layers import Target, layer_profiles
from dispatch.models import KnownModel, shipped_models
from dispatch.ocpp16.requests import set_charging_profile
from dispatch.safety import Place
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Charger, Connector, Depot
from optimiser.inputs import InputError, Problem, load_depot
from optimiser.profiles import ChargingProfile, Period
from optimiser.terminal import Terminal

EXAMPLE_STARTS = datetime(2025, 11, 10, 22, 0, tzinfo=UTC)
EXAMPLE = ((16.0, 2.0), (7.3, 2.0), (0.0, 4.0))
"""The plan that is shown in a charger's words: current on three phases [A] and for how long [h]."""
EXAMPLE_FLOOR_A = 6.0
EXAMPLE_CONNECTOR = Connector(id=1, phases=3, max_current_a=16.0, min_current_a=6.0)
KW_PER_A = 0.69
"""Three phases at 230 V. [kW per A]"""

chargers_app = typer.Typer(
    help="The charger models that are known, what will be sent to each and why.", invoke_without_command=True
)


@chargers_app.callback()
def list_command(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the charger models that are known."""
    if context.invoked_subcommand is not None:
        return
    terminal = Terminal(as_json=as_json)
    models = shipped_models()
    terminal.table(("vendor", "model", "firmware", "what differs from the rule"), map(_row, models))
    terminal.say(
        f"{len(models)} entries. What a charger itself reports goes before them, what its answers have taught before "
        "that, and what depot.yaml says before all. One that is not named here gets the defaults."
    )
    terminal.document({"models": [_model_document(model) for model in models]})


@chargers_app.command("show")
def show_command(
    vendor: Annotated[
        str, typer.Argument(help="Maker, as in depot.yaml or BootNotification.", show_default=False)
    ],
    model: Annotated[str, typer.Argument(help="Model, likewise.", show_default=False)],
    firmware: Annotated[str | None, typer.Option(help="Firmware; without it all are meant.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Explain what will be sent to a charger, and why."""
    terminal = Terminal(as_json=as_json)
    identity = Identity(vendor=vendor, model=model, firmware=firmware)
    known = known_of(Charger(id="example", vendor=vendor, model=model), identity=identity)
    payloads = example_payloads(known.capabilities)
    _say(terminal, known, payloads)
    terminal.document(document(known, payloads))


@chargers_app.command("site")
def site_command(
    folder: Folder,
    charger: Annotated[str | None, typer.Option(metavar="ID", help="Only this charger.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what counts for the chargers of a depot folder, and where each value comes from; no charger is asked."""
    terminal = Terminal(as_json=as_json)
    try:
        chargers = _chosen(load_depot(folder), charger)
        found = {one.id: known_of(one, identity=_with_its_firmware(one)) for one in chargers}
    except InputError as error:
        terminal.complain(f"with {folder}", error.problems)
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    except CapabilityError as error:
        terminal.complain(f"with {folder}", [Problem(**vars(fault)) for fault in error.faults])
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    rows = [
        (charger_id, lever, json.dumps(getattr(known.capabilities, lever)), source.detail)
        for charger_id, known in found.items()
        for lever, source in known.sources.items()
        if source.origin is not Origin.DEFAULT
    ]
    terminal.table(("charger", "lever", "value", "because"), rows)
    plain = [charger_id for charger_id in found if charger_id not in {row[0] for row in rows}]
    if plain:
        terminal.say(f"By default, until they report and learn: {', '.join(plain)}.")
    terminal.document({"chargers": {name: document(known, ()) for name, known in found.items()}})


def _with_its_firmware(charger: Charger) -> Identity:
    """Which charger it is, if it still has the firmware with which it was commissioned."""
    firmware = None if charger.commissioned is None else charger.commissioned.firmware or None
    return replace(identity_of(charger), firmware=firmware)


def _chosen(depot: Depot, charger_id: str | None) -> Sequence[Charger]:
    if charger_id is None:
        return depot.chargers
    names = [charger.id for charger in depot.chargers]
    if charger_id not in names:
        allowed = f"a charger of depot.yaml: {', '.join(names)}"
        raise InputError([Problem(where="--charger", found=repr(charger_id), allowed=allowed)])
    return (depot.charger(charger_id),)


def document(known: Known, payloads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All that is known of a charger, for programs: every lever, also those that are left as they are by default."""
    values = known.capabilities.model_dump(mode="json")
    return {
        "vendor": known.identity.vendor,
        "model": known.identity.model,
        "firmware": known.identity.firmware,
        "models": [_model_document(model) for model in known.models],
        "levers": [
            {
                "lever": lever,
                "value": value,
                "origin": known.sources[lever].origin.value,
                "because": known.sources[lever].detail,
                "sources": list(known.sources[lever].urls),
                "does": Capabilities.model_fields[lever].description,
            }
            for lever, value in values.items()
        ],
        "notes": [{"says": note.says, "sources": list(note.source)} for note in known.notes],
        "example": list(payloads),
    }


def example_payloads(capabilities: Capabilities) -> list[dict[str, Any]]:
    """The calls that put one small plan on one connector of a charger; none where it takes no profiles."""
    if not capabilities.smart_charging:
        return []
    is_degraded = capabilities.is_degraded(1)
    words = dict.fromkeys(Layer, capabilities)
    stack = layer_profiles(_example_target(), words, is_degraded=is_degraded)
    requests = [(wanted.layer, set_charging_profile(wanted.profile)) for wanted in stack]
    return [
        {"layer": layer.value, "action": request.action, "payload": request.payload}
        for layer, request in requests
    ]


def _example_target() -> Target:
    periods: list[Period] = []
    start = EXAMPLE_STARTS
    for current_a, hours in EXAMPLE:
        end = start + timedelta(hours=hours)
        periods.append(_period(current_a, start, end))
        start = end
    return Target(
        place=Place("example", EXAMPLE_CONNECTOR.id),
        connector=EXAMPLE_CONNECTOR,
        plan=ChargingProfile(charger_id="example", connector_id=EXAMPLE_CONNECTOR.id, periods=tuple(periods)),
        floor=_period(EXAMPLE_FLOOR_A, EXAMPLE_STARTS, start),
        is_alone=True,
    )


def _period(current_a: float, start: datetime, end: datetime) -> Period:
    kw = round(current_a * KW_PER_A, 3)
    return Period(start=start, end=end, limit_kw=kw, limit_a=current_a, phases=EXAMPLE_CONNECTOR.phases)


def _say(terminal: Terminal, known: Known, payloads: Sequence[dict[str, Any]]) -> None:
    terminal.say(f"{known.identity}")
    if not known.models:
        terminal.say(
            "No model file knows it: it gets the defaults, what it reports and what its answers teach."
        )
    values = known.capabilities.model_dump(mode="json")
    told = [lever for lever in values if known.sources[lever].origin is not Origin.DEFAULT]
    for lever in told:
        source = known.sources[lever]
        terminal.say()
        terminal.say(f"{lever}: {json.dumps(values[lever])}, because {source.detail}")
        terminal.say(f"  {Capabilities.model_fields[lever].description}")
        for url in source.urls:
            terminal.say(f"  {url}")
    terminal.say()
    left = [f"{lever} {json.dumps(value)}" for lever, value in values.items() if lever not in told]
    terminal.say(f"By default: {', '.join(left)}.")
    for note in known.notes:
        terminal.say()
        terminal.say(f"Note: {note.says}")
        for url in note.source:
            terminal.say(f"  {url}")
    terminal.say()
    if not payloads:
        terminal.say("Nothing is sent to it; it counts at full power.")
        return
    shown = ", ".join(f"{current_a:g} A for {hours:g} h" for current_a, hours in EXAMPLE)
    terminal.say(f"A plan of {shown} over a floor of {EXAMPLE_FLOOR_A:g} A goes out as:")
    for call in payloads:
        terminal.say(f"{call['layer']}: {call['action']} {json.dumps(call['payload'])}")


def _row(model: KnownModel) -> tuple[str, ...]:
    levers = ", ".join(f"{lever} {json.dumps(cited.value)}" for lever, cited in model.entry.levers.items())
    return (model.vendor[0].rstrip("*"), model.entry.name, model.entry.firmware or "", levers or "notes only")


def _model_document(model: KnownModel) -> dict[str, Any]:
    entry = model.entry
    return {
        "file": model.file,
        "vendor": list(model.vendor),
        "name": entry.name,
        "model": list(entry.model),
        "firmware": entry.firmware,
        "levers": {
            lever: {"value": cited.value, "because": cited.because, "sources": list(cited.source)}
            for lever, cited in entry.levers.items()
        },
        "notes": [{"says": note.says, "sources": list(note.source)} for note in entry.notes],
    }
