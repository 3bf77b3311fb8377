"""A broker for each test that asks for one; where CI is set there has to be one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.dispatch.mqtt.mosquitto_builders import Mosquitto, a_mosquitto, program


@pytest.fixture(scope="session")
def mosquitto_program() -> str:
    found = program()
    if found is None:
        assert not os.environ.get("CI"), "mosquitto is to be installed where CI is set"
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    return found


@pytest.fixture
def mosquitto(mosquitto_program: str) -> Iterator[Mosquitto]:
    with a_mosquitto(mosquitto_program) as broker:
        yield broker
