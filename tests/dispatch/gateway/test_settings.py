from __future__ import annotations

import base64
from pathlib import Path

import pytest

from dispatch.gateway import GatewaySettingsError, load_credentials
from dispatch.gateway.settings import is_authenticated, listen_addresses
from tests.dispatch.gateway_builders import a_listening_depot, basic


def a_file(folder: Path, text: str) -> Path:
    path = folder / "credentials.yaml"
    path.write_text(text, "utf-8")
    return path


def test_passwords_are_read_by_charger(tmp_path: Path) -> None:
    path = a_file(tmp_path, 'CP1: secret\n"2": "0123456789012345"\n')
    assert load_credentials(path) == {"CP1": "secret", "2": "0123456789012345"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "found nothing"),
        ("- CP1", "found a list"),
        ("CP1: [", "is no YAML"),
        ("CP1:", "CP1: the password must be a text"),
        ("CP1: ''", "CP1: the password must be a text"),
        ("CP1: 1234567890", "in quotes"),
        ("2: secret", "a charger id must be a text"),
    ],
)
def test_what_is_wrong_with_a_credentials_file_is_said(tmp_path: Path, text: str, problem: str) -> None:
    path = a_file(tmp_path, text)
    with pytest.raises(GatewaySettingsError, match=problem) as caught:
        load_credentials(path)
    assert str(path) in str(caught.value)


def test_all_problems_of_a_credentials_file_are_told_at_once_and_no_password(tmp_path: Path) -> None:
    with pytest.raises(GatewaySettingsError) as caught:
        load_credentials(a_file(tmp_path, "CP1:\nCP2: 123456\nCP3: fine\n"))
    assert len(caught.value.problems) == 2
    assert "123456" not in str(caught.value)


def test_a_missing_credentials_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(GatewaySettingsError, match="cannot be read"):
        load_credentials(tmp_path / "none.yaml")


def test_chargers_without_password_are_named() -> None:
    with pytest.raises(GatewaySettingsError, match="no password for CP2"):
        listen_addresses(a_listening_depot(), {"CP1": "x", "CP2": ""})


def authenticated(header: str | None, *, password: str = "s3cret") -> bool:
    return is_authenticated(header, charger_id="CP:1", password=password)


def test_user_and_password_must_both_be_right() -> None:
    assert authenticated(basic("CP:1", "s3cret")["Authorization"])
    assert authenticated(basic("CP:1", "s3cret")["Authorization"].replace("Basic", "basic "))
    assert not authenticated(basic("CP:1", "s3cre")["Authorization"])
    assert not authenticated(basic("CP:2", "s3cret")["Authorization"])
    assert not authenticated(basic("CP", "1:s3cret!")["Authorization"])


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic !!", "Bearer s3cret", "Basic " + "é" * 4, "Basic YQ"]
)
def test_a_header_of_another_form_is_not_authenticated(header: str | None) -> None:
    assert not authenticated(header)


def test_a_key_in_hexadecimal_digits_may_come_as_the_bytes_it_stands_for() -> None:
    key = "00ff" * 10
    header = "Basic " + base64.b64encode(b"CP:1:" + bytes.fromhex(key)).decode()
    assert authenticated(header, password=key)
    assert authenticated(basic("CP:1", key)["Authorization"], password=key)
    assert not authenticated(header, password="z" * 40)
