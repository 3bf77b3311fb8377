"""A broker of the tests' own: mosquitto from Debian's package, on a free port of loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_S = 20.0
FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
"""Where it lies beside the path of users."""


@dataclass(kw_only=True)
class Mosquitto:
    """A broker that can be stopped and started again at the same port."""

    program: str
    folder: Path
    port: int
    settings: Sequence[str] = ()
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        configuration = self.folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", *self.settings]
        configuration.write_text("\n".join(lines) + "\n")
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen([self.program, "-c", str(configuration)], stdout=log, stderr=log)
        self._running.append(server)
        end = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
            except OSError:
                said = (self.folder / "log").read_text()
                assert server.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        for server in self._running:
            server.terminate()
            server.wait(timeout=START_S)
        self._running.clear()


def program() -> str | None:
    """mosquitto itself; None where it is not installed."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))


@contextmanager
def a_mosquitto(
    found: str, *, settings: Sequence[str] = ("allow_anonymous true",), files: Sequence[Path] = ()
) -> Iterator[Mosquitto]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="depot-mosquitto-") as name:
        # Started by root it becomes another user, who must be able to read its files.
        folder = Path(name)
        folder.chmod(0o755)
        for file in files:
            shutil.copy(file, folder / file.name)
            (folder / file.name).chmod(0o644)
        lines = [line.replace("{folder}", name) for line in settings]
        broker = Mosquitto(program=found, folder=folder, port=port, settings=lines)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()
