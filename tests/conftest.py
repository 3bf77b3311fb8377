"""One PostgreSQL server for all tests of a process, and a store of either kind for each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.dispatch.postgresql_builders import PostgreSql, a_postgresql, programs


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    folder = programs()
    if folder is None:
        assert not os.environ.get("CI"), "PostgreSQL is to be installed where CI is set"
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with a_postgresql(folder) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a store that is not there yet, of the one kind and of the other."""
    if request.param == "sqlite":
        return "sqlite:///depot.db"
    server: PostgreSql = request.getfixturevalue("postgresql")
    return server.new_database()
