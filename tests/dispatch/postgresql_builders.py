"""A PostgreSQL server of the tests' own: from the programs of Debian's package, on a free port of loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

START_S = 30.0


@dataclass(frozen=True, kw_only=True)
class PostgreSql:
    """A server that runs; whoever comes from this machine is let in."""

    port: int
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new_database(self) -> str:
        """The URL of a database with nothing in it."""
        name = f"depot_{next(self._numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.address(name)

    def address(self, database: str) -> str:
        return f"postgresql://depot@127.0.0.1:{self.port}/{database}"


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``; None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def a_postgresql(bin_folder: Path) -> Iterator[PostgreSql]:
    # Its owner must not be root, nor can that owner look into pytest's own folders.
    user = "postgres" if os.geteuid() == 0 else None
    group = None if user is None else pwd.getpwnam(user).pw_gid
    others: list[int] | None = None if user is None else []
    with tempfile.TemporaryDirectory(prefix="depot-postgresql-", ignore_cleanup_errors=True) as name:
        if user is not None:
            shutil.chown(name, user)
        data = f"{name}/data"
        made = subprocess.run(
            [bin_folder / "initdb", "-D", data, "-U", "depot", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"],
            cwd=name, capture_output=True, text=True, check=False,
            user=user, group=group, extra_groups=others,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with Path(name, "log").open("w") as log:
            server = subprocess.Popen(
                [bin_folder / "postgres", "-D", data, *options],
                cwd=name, stdout=log, stderr=log, user=user, group=group, extra_groups=others,
            )  # fmt: skip
        try:
            found = PostgreSql(port=port)
            _wait_for(found, server, Path(name, "log"))
            yield found
        finally:
            server.send_signal(signal.SIGQUIT)  # its word for: stop at once; nobody needs what it has written
            server.wait(timeout=START_S)


def _wait_for(found: PostgreSql, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(found.address("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        else:
            return
