"""How many charge points a gateway serves, what each costs, and how little bad ones harm: ``depot gateway`` itself,
with its store on disk, and the load in processes of their own. ``BENCHMARK_SHARE=0.1`` runs a tenth of the chargers.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from dispatch import api
from optimiser.inputs import load_depot
from tests.benchmarks.measuring import share_of
from tests.dispatch.gateway.tls_builders import CERTIFICATE, write_gateway_files

STEADY_S = 90.0
"""How long the steady load is measured: one and a half readings of each."""
MOST_HEARTBEAT_S, MOST_STORM_S, MOST_MEMORY_BYTES = 1.0, 60.0, 100_000
DEPOT = [sys.executable, "-c", "from dispatch.cli import main; main()"]
GENERATOR = [sys.executable, "-m", "tests.benchmarks.load_generator"]
VEHICLES = "vehicle_id,battery_kwh,max_ac_current_a,ac_phases,max_dc_kw,charge_efficiency,id_tag\nV1,64,16,3,0,0.9,T1\n"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A gateway that runs, what it listens on, and the chargers' passwords."""

    process: subprocess.Popen[bytes]
    port: int
    passwords: dict[str, str]
    certificate: Path | None

    def memory_bytes(self) -> int:
        """What it holds in memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def cpu_s(self) -> float:
        """The time of a processor that it has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def order(self, names: list[str], **more: Any) -> dict[str, Any]:
        """What a load generator is told."""
        passwords = {name: self.passwords[name] for name in names}
        certificate = None if self.certificate is None else str(self.certificate)
        where = {"host": "127.0.0.1", "port": self.port, "certificate": certificate}
        return {**where, "passwords": passwords, "bad": False, **more}


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def write_folder(folder: Path, chargers: int, *, security_profile: int) -> tuple[int, Path | None]:
    """A depot of so many chargers; returns the port that its gateway will listen on."""
    port = a_free_port()
    certificate = None
    gateway = [
        f'  listen: "127.0.0.1:{port}"',
        f'  api: "127.0.0.1:{a_free_port()}"',
        f"  security_profile: {security_profile}",
        "  credentials: credentials.yaml",
    ]
    if security_profile == 2:
        tls = write_gateway_files(folder)
        gateway.append(f"  tls: {{certificate: {tls.certificate}, key: {tls.key}}}")
        certificate = folder / CERTIFICATE
    lines = [
        "name: load",
        "timezone: Europe/Berlin",
        "currency: EUR",
        f"site: {{transformer_limit_kw: {chargers * 11}, base_load_max_kw: 0}}",
        "chargers:",
        *(
            f"  - {{id: CP{number:05}, connectors: [{{id: 1, phases: 3, max_current_a: 16}}]}}"
            for number in range(chargers)
        ),
        "gateway:",
        *gateway,
        "",
    ]
    (folder / "depot.yaml").write_text("\n".join(lines))
    (folder / "vehicles.csv").write_text(VEHICLES)
    return port, certificate


@contextmanager
def a_gateway(folder: Path, chargers: int, *, security_profile: int = 1) -> Iterator[Running]:
    port, certificate = write_folder(folder, chargers, security_profile=security_profile)
    made = subprocess.run(
        [*DEPOT, "credentials", "add", folder, "--json"], check=True, stdout=subprocess.PIPE
    )
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen([*DEPOT, "gateway", folder], stdout=log, stderr=log)
        try:
            until_up(folder, process)
            passwords = json.loads(made.stdout)["passwords"]
            yield Running(process=process, port=port, passwords=passwords, certificate=certificate)
        finally:
            process.terminate()
            process.wait(60)


def until_up(folder: Path, process: subprocess.Popen[bytes]) -> None:
    depot = load_depot(folder)
    token = api.tokens_of(depot, folder).of[api.Role.READ]
    while True:
        assert process.poll() is None, (folder / "gateway.log").read_text()
        try:
            headers = {"Authorization": f"Bearer {token}"}
            httpx.get(f"http://{depot.gateway.api}/v1/live", headers=headers, timeout=60).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return


@contextmanager
def a_load(order: dict[str, Any]) -> Iterator[IO[str]]:
    """A load generator with its order; yields what it has to say."""
    process = subprocess.Popen(GENERATOR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        yield process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def told(said: IO[str], phase: str) -> dict[str, Any]:
    line = said.readline()
    assert line, f"the load generator ended before {phase}"
    found: dict[str, Any] = json.loads(line)
    assert found["phase"] == phase
    print(
        f"  {phase}: "
        + ", ".join(f"{name} {show(value)}" for name, value in found.items() if name != "phase")
    )
    return found


def show(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def measure(gateway: Running, names: list[str], *, again: bool, steady_s: float) -> dict[str, Any]:
    """Storm, steady load and storm again, and what a connection costs."""
    empty_bytes, idle_s = gateway.memory_bytes(), gateway.cpu_s()
    with a_load(gateway.order(names, steady_s=steady_s, again=again)) as said:
        first = told(said, "first")
        stormed_s = gateway.cpu_s()
        steady = told(said, "steady")
        per_connection_bytes = (gateway.memory_bytes() - empty_bytes) / len(names)
        lived_s = gateway.cpu_s() - stormed_s
        print(
            f"  gateway: {empty_bytes / 1e6:.0f} MB empty, {per_connection_bytes / 1e3:.0f} kB per connection, "
            f"{stormed_s - idle_s:.1f} s of a core for the storm, {lived_s:.1f} s for {steady_s:.0f} s of load"
        )
        second = told(said, "again") if again else first
    return {"first": first, "steady": steady, "again": second, "per_connection_bytes": per_connection_bytes}


def hold(found: dict[str, Any]) -> None:
    assert found["steady"]["p99_s"] <= MOST_HEARTBEAT_S
    assert found["steady"]["lost"] == 0
    assert found["per_connection_bytes"] <= MOST_MEMORY_BYTES
    assert max(found["first"]["all_s"], found["again"]["all_s"]) <= MOST_STORM_S


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("full", "security_profile"), [(5000, 1), (1000, 2)], ids=["passwords", "TLS"])
def test_a_fleet_of_charge_points(tmp_path: Path, full: int, security_profile: int) -> None:
    chargers = share_of(full)
    print(f"\n{chargers} charge points, security profile {security_profile}")
    with a_gateway(tmp_path, chargers, security_profile=security_profile) as gateway:
        hold(measure(gateway, list(gateway.passwords), again=True, steady_s=STEADY_S))


@pytest.mark.timeout(900)
def test_bad_ones_harm_no_other(tmp_path: Path) -> None:
    good, bad = share_of(1000), 4 * share_of(100)
    print(f"\n{good} charge points beside {bad} that are slow, silent, flooding or half-open")
    with a_gateway(tmp_path, good + bad) as gateway:
        names = list(gateway.passwords)
        with a_load(gateway.order(names[good:], bad=True)) as said:
            told(said, "begun")
            found = measure(gateway, names[:good], again=False, steady_s=STEADY_S)
    assert found["steady"]["p99_s"] <= MOST_HEARTBEAT_S
    assert found["steady"]["lost"] == 0
