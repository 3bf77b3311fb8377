from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispatch.credentials import write_credentials
from dispatch.gateway import Entrance, GatewaySettingsError, entrance_of
from optimiser.depot import Depot
from tests.dispatch.gateway_builders import CREDENTIALS, a_listening_depot, hashed, passwords

NOW = datetime(2025, 11, 10, tzinfo=UTC)


def entrance(folder: Path, depot: Depot | None = None) -> Entrance:
    return entrance_of(depot or a_listening_depot(), folder, now=NOW)


def problems(folder: Path, depot: Depot | None = None) -> tuple[str, ...]:
    with pytest.raises(GatewaySettingsError) as caught:
        entrance(folder, depot)
    return caught.value.problems


def test_a_missing_credentials_file_is_said(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path)
    assert problem == (
        f"gateway.credentials: {tmp_path / CREDENTIALS} is not there; make it with: depot credentials add"
    )


def test_a_credentials_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / CREDENTIALS).mkdir()
    (problem,) = problems(tmp_path)
    assert problem == f"gateway.credentials: {tmp_path / CREDENTIALS}: cannot be read: Is a directory"


def test_chargers_without_password_are_named(tmp_path: Path) -> None:
    write_credentials(tmp_path / CREDENTIALS, hashed({"CP1": "password-of-CP1"}))
    (problem,) = problems(tmp_path)
    assert "no password for CP2" in problem
    assert "depot credentials add" in problem


def test_a_depot_whose_chargers_need_no_password_needs_no_file(tmp_path: Path) -> None:
    depot = a_listening_depot(security_profile=0)
    assert entrance(tmp_path, depot).credentials() == {}


def test_nobody_who_says_nothing_is_let_in_from_elsewhere_unless_depot_yaml_says_so(tmp_path: Path) -> None:
    depot = a_listening_depot(security_profile=0, listen="0.0.0.0:9000")
    assert "allow_unauthenticated" in problems(tmp_path, depot)[0]
    allowed = replace(depot, gateway=replace(depot.gateway, allow_unauthenticated=True))
    assert entrance(tmp_path, allowed).listen.host == "0.0.0.0"


def test_names_for_chargers_that_are_not_there_are_said(tmp_path: Path) -> None:
    depot = a_listening_depot(security_profile=0)
    named = replace(depot, gateway=replace(depot.gateway, certificate_names={"CP9": "SN-1"}))
    assert problems(tmp_path, named) == (
        "gateway.certificate_names: found CP9, which is no charger of this depot",
    )


def test_a_password_that_was_rotated_counts_at_once(tmp_path: Path) -> None:
    depot = a_listening_depot()
    write_credentials(tmp_path / CREDENTIALS, hashed(passwords(depot)))
    credentials = entrance(tmp_path, depot).credentials
    write_credentials(tmp_path / CREDENTIALS, hashed(passwords(depot) | {"CP1": "another-password"}))
    assert credentials()["CP1"].matches(b"another-password")
    assert credentials()["CP2"].matches(b"password-of-CP2")


def test_a_credentials_file_that_is_damaged_later_leaves_the_passwords_known_before(tmp_path: Path) -> None:
    depot = a_listening_depot()
    path = tmp_path / CREDENTIALS
    write_credentials(path, hashed(passwords(depot)))
    warnings: list[str] = []
    credentials = entrance_of(depot, tmp_path, now=NOW, warn=warnings.append).credentials
    path.write_text("CP1: plain-password-of-somebody\n")
    assert credentials()["CP1"].matches(b"password-of-CP1")
    path.unlink()
    assert credentials()["CP2"].matches(b"password-of-CP2")
    assert len(warnings) == 2
    assert "plain-password" not in "".join(warnings)
