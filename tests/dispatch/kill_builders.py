"""A depot whose gateway and dispatcher are processes that can be killed at any frame of a push, over real WebSockets.

The charge points live in the test's own process, so that their true power and every frame that they hear is known.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from dispatch.api import Role, stations_of
from dispatch.cli import app
from dispatch.connection import Frame
from dispatch.journal import Journal, open_journal
from dispatch.rehearsal.site import Plug, Watch
from dispatch.simulator.charge_point import ChargePoint, Timing, websocket_dial
from dispatch.simulator.depot import machines
from dispatch.station import StationsUnreachableError
from optimiser.depot import Depot
from optimiser.inputs import load_folder
from optimiser.night import Night
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import a_plan
from tests.dispatch.overnight_builders import a_free_address
from tests.optimiser.folder_builders import write_depot_folder

EVENING = datetime(2025, 11, 10, 20, 0, tzinfo=UTC)
QUICK = Timing(tick_s=0.1, reconnect_s=0.05, reconnect_max_s=0.1)
CHARGERS = ("CP1", "CP2", "CP3", "CP4")
ROOM_KW = 24.0
"""What the transformer leaves for charging: two of four vans at 11 kW."""
PUSHING = frozenset({"GetCompositeSchedule", "SetChargingProfile"})
SOON_S = 90.0

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["dispatch.cli", "dispatch.api.client", "dispatch.api.server"])

DEPOT_YAML = """\
name: four vans
timezone: Europe/Berlin
currency: EUR
horizon: {{start: "12:00", end: "12:00", step_minutes: 15}}
site: {{transformer_limit_kw: 26, base_load_kw: 2}}
chargers:
{chargers}
tariff: {{bands: [{{days: all, from: "00:00", to: "24:00", price_per_kwh: 0.3}}]}}
policy: {{settle_s: 0}}
gateway: {{listen: "{listen}", api: "{api}", security_profile: 0}}
store: sqlite:///depot.db
"""


def write_folder(path: Path) -> Path:
    """Four vans on four chargers, all plugged in with half a battery and in need of nothing."""
    wired = "connectors: [{id: 1, phases: 3, max_current_a: 16}]"
    chargers = "\n".join(f'  - {{id: {name}, ocpp: "1.6", {wired}}}' for name in CHARGERS)
    numbers = range(1, len(CHARGERS) + 1)
    vehicles = [f"V{n},75,16,3,0,0.9,TAG{n}" for n in numbers]
    visits = [f"V{n},CP{n},1,2025-11-10T17:50,50,2025-11-11T07:00,50" for n in numbers]
    return write_depot_folder(
        path,
        files={
            "depot.yaml": DEPOT_YAML.format(chargers=chargers, listen=a_free_address(), api=a_free_address()),
            "vehicles.csv": "\n".join(
                [
                    "vehicle_id,battery_kwh,max_ac_current_a,ac_phases,max_dc_kw,charge_efficiency,id_tag",
                    *vehicles,
                ]
            ),
            "charge_curves.csv": None,
            f"nights/{NIGHT}/visits.csv": "\n".join(
                [
                    "vehicle_id,charger_id,connector_id,arrival,arrival_soc_percent,departure,required_soc_percent",
                    *visits,
                ]
            ),
        },
    )


def run_command(arguments: Sequence[str], output: str) -> None:
    """A ``depot`` command in a process of its own, its words in files."""
    for number, name in ((1, f"{output}.out"), (2, f"{output}.err")):
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
    app(list(arguments))


@dataclass(kw_only=True)
class Yard:
    """The depot, its two processes, and what its charge points have heard and let through.

    ``deadline``: after how many frames of a push from now on ``victim`` is killed.
    """

    folder: Path
    depot: Depot
    night: Night
    journal: Journal
    dice: random.Random
    watch: Watch
    gateway: BaseProcess | None = None
    frames: int = 0
    heard: set[tuple[str, str, str]] = field(default_factory=set)
    set_profiles: Counter[str] = field(default_factory=Counter)
    waiting: tuple[str, ...] = ("V1", "V2")
    deadline: int | None = None
    victim: BaseProcess | None = None
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def hears(self, charger_id: str, frame: Frame) -> None:
        """Note what a charge point hears and says, and kill whoever is to die at this frame."""
        if frame.direction == "in" and frame.message_id is not None:
            self.heard.add((charger_id, "out", frame.message_id))
            if not frame.text.startswith("[2"):
                self.heard.add((charger_id, "in", frame.message_id))
            self.set_profiles[charger_id] += frame.action == "SetChargingProfile"
        if frame.action in PUSHING:
            self.frames += 1
            if self.deadline is not None and self.frames >= self.deadline and self.victim is not None:
                self.deadline = None
                # Half of the time here and now, else before the next frame, or after it.
                delay_s = self.dice.choice([0.0, self.dice.uniform(0.0, 0.02)])
                asyncio.get_running_loop().call_later(delay_s, self.victim.kill)

    def now(self) -> datetime:
        """The depot's time."""
        return EVENING + (datetime.now(UTC) - self.began_at)

    def start(self, *arguments: str, name: str | None = None) -> BaseProcess:
        output = str(self.folder / (name or arguments[0]))
        command = [arguments[0], str(self.folder), *arguments[1:]]
        process = PROCESSES.Process(target=run_command, args=(command, output))
        process.start()
        return process

    def start_gateway(self) -> None:
        self.gateway = self.start("gateway", "--as-of", self.now().isoformat())

    def start_dispatcher(self) -> BaseProcess:
        return self.start("dispatch", "--night", NIGHT.isoformat(), "--json")

    async def dispatch(self) -> dict[str, Any]:
        """A whole run of the dispatcher, and its document; tried again until the gateway and all chargers are there."""
        async with asyncio.timeout(SOON_S):
            while True:
                process = self.start_dispatcher()
                await ended(process)
                if process.exitcode == 0:
                    return dict(json.loads((self.folder / "dispatch.out").read_text()))
                assert process.exitcode in {1, 3}, (self.folder / "dispatch.err").read_text()

    def plan_for_others(self) -> None:
        """A new plan, in which the two vans that have waited charge at full power and the others wait."""
        vehicles = {visit.vehicle_id for visit in self.night.visits}
        chosen = self.waiting
        self.waiting = tuple(sorted(vehicles - set(chosen)))
        always = dict.fromkeys(range(self.night.horizon.steps), 11.04)
        self.journal.save_plan(
            a_plan(self.depot, self.night, power_kw=dict.fromkeys(chosen, always), created_at=self.now())
        )

    async def until_all_are_there(self) -> None:
        """Wait until the gateway has all charge points."""
        async with asyncio.timeout(SOON_S), stations_of(self.depot, self.folder, role=Role.READ) as stations:
            while True:
                with suppress(StationsUnreachableError):
                    live = await stations.live()
                    if all(live.charger(charger_id).connected_since for charger_id in CHARGERS):
                        return
                await asyncio.sleep(0.02)

    def highest_kw(self, since: datetime) -> float:
        """The highest true power of all charge points together."""
        record = self.watch.record()
        plugs = [Plug(charger_id, 1) for charger_id in CHARGERS]
        first_s = (since - record.begin).total_seconds()
        edges = np.array(sorted({first_s} | {edge for edge in record.edges_s(plugs) if edge > first_s}))
        first_kw, last_kw = record.power_kw(plugs, edges)
        return float(max(first_kw.max(), last_kw.max()))


async def ended(process: BaseProcess) -> None:
    while process.is_alive():  # noqa: ASYNC110 - a process sets no event
        await asyncio.sleep(0.01)
    process.join()


@asynccontextmanager
async def a_yard(path: Path, *, seed: int) -> AsyncIterator[Yard]:
    """The depot with its gateway and charge points, dispatched for the first time."""
    folder = write_folder(path)
    depot, night = load_folder(folder, NIGHT)
    journal = open_journal(depot.store, folder)
    yard = Yard(
        folder=folder,
        depot=depot,
        night=night,
        journal=journal,
        dice=random.Random(seed),
        watch=Watch(begin=EVENING),
    )
    yard.start_gateway()
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(point.run()) for point in charge_points(yard)]
            await yard.until_all_are_there()
            yard.plan_for_others()
            await yard.dispatch()
            yield yard
            for task in running:
                task.cancel()
    finally:
        journal.close()
        if yard.gateway is not None:
            yard.gateway.kill()
            yard.gateway.join()


def ahead(point: ChargePoint) -> timedelta:
    return point.ahead


def charge_points(yard: Yard) -> Sequence[ChargePoint]:
    points = []
    for machine in machines(yard.depot, yard.night, meter_interval_s=0.2):
        charger_id = machine.charger.id
        point = ChargePoint(
            machine,
            dial=websocket_dial(
                machine, gateway_url=f"ws://{yard.depot.gateway.listen}", password=None, timeout_s=5.0
            ),
            clock=yard.now,
            timing=QUICK,
            on_frame=partial(yard.hears, charger_id),
        )
        machine.on_charge = yard.watch.on_charge(charger_id, partial(ahead, point))
        points.append(point)
    return points


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A push that was broken off: who died, at which frame, and what it left: commands answered, and unanswered."""

    was_gateway: bool
    frame: int
    answered: int
    unanswered: int


async def kill(yard: Yard, *, frames_of_a_push: int) -> Killed:
    """Kill gateway or dispatcher at a random frame of a push, and start the gateway again."""
    before = len(yard.journal.commands())
    was_gateway = yard.dice.random() < 0.4
    frame = yard.dice.randrange(1, frames_of_a_push + 1)
    dispatcher = yard.start_dispatcher()
    yard.victim = yard.gateway if was_gateway else dispatcher
    yard.deadline = yard.frames + frame
    await ended(dispatcher)
    yard.deadline = None
    outcomes = [command.outcome for command in yard.journal.commands()[before:]]
    if was_gateway:
        assert yard.gateway is not None
        yard.gateway.kill()  # where the push had fewer frames than expected
        await ended(yard.gateway)
        yard.start_gateway()
        await yard.until_all_are_there()
    unanswered = outcomes.count(None)
    return Killed(
        was_gateway=was_gateway, frame=frame, answered=len(outcomes) - unanswered, unanswered=unanswered
    )


async def recover(yard: Yard) -> None:
    """Dispatch to the end: everything is proven again."""
    document = await yard.dispatch()
    proven = [row["rungs"]["read_back"] for row in document["connectors"]]
    assert proven == ["confirmed"] * len(CHARGERS), document


async def kill_again_and_again(path: Path, *, pushes: int, kills: int, seed: int) -> list[Killed]:
    """So many pushes, each killed so many times before it may come to its end.

    Asserts that everything is proven after each of them, and at the end that nothing was exceeded and nothing is
    missing.
    """
    killed: list[Killed] = []
    async with a_yard(path, seed=seed) as yard:
        since, before = yard.now(), yard.frames
        yard.plan_for_others()
        await yard.dispatch()
        frames = yard.frames - before
        for _ in range(pushes):
            yard.plan_for_others()
            killed += [await kill(yard, frames_of_a_push=frames) for _ in range(kills)]
            await recover(yard)
        assert ROOM_KW / 2 < yard.highest_kw(since) <= ROOM_KW
        # What charge points have heard is in the journal, and of every profile that was sent to them a command.
        assert yard.heard - yard.journal.frames_known() == set()
        for charger_id in CHARGERS:
            assert yard.set_profiles[charger_id] <= len(yard.journal.commands(charger_id=charger_id))
    return killed
