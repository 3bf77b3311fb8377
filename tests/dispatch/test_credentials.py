from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.credentials import (
    COST_OF_MADE,
    MAX_COST,
    CredentialsError,
    HashedPassword,
    canonical,
    given_password,
    new_password,
    read_credentials,
    write_credentials,
)

PASSWORD = b"a-password-to-hash"


def an_entry(password: bytes = PASSWORD) -> HashedPassword:
    return HashedPassword.of(password, cost=2)


def a_file(folder: Path, text: str) -> Path:
    path = folder / "credentials.yaml"
    path.write_text(text, "utf-8")
    return path


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(CredentialsError) as caught:
        read_credentials(path)
    return caught.value.problems


def test_an_entry_of_the_first_version_is_understood() -> None:
    entry = "scrypt:1024:MDEyMzQ1Njc4OWFiY2RlZg==:ZMx2Vw0xLlZrzz5A4UtREF5IA3rNPDbuFKwJUne8JAo="
    assert HashedPassword.parse(entry).matches(PASSWORD)
    assert str(HashedPassword.of(PASSWORD, cost=1024, salt=b"0123456789abcdef")) == entry


def test_zeros_at_the_end_of_a_key_count() -> None:
    assert not an_entry(b"a-key-of-the-charger").matches(b"a-key-of-the-charger\0")
    assert not an_entry(b"").matches(b"\0")


def test_two_hashes_of_one_password_have_nothing_in_common() -> None:
    one, other = an_entry(), an_entry()
    assert one.salt != other.salt
    assert one.digest != other.digest
    assert one.matches(PASSWORD)
    assert other.matches(PASSWORD)


@given(st.binary(min_size=1, max_size=60), st.binary(max_size=60))
def test_an_entry_that_was_written_and_read_matches_its_password_alone(password: bytes, other: bytes) -> None:
    entry = HashedPassword.parse(str(an_entry(password)))
    assert entry.matches(password)
    assert entry.matches(other) == (other == password)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret-password",
        "scrypt",
        "scrypt:1024:AAAA",
        "scrypt:1024:AAAA:!",
        "scrypt:1000:AAAA:" + "A" * 43 + "=",
        f"scrypt:{2 * MAX_COST}:AAAA:" + "A" * 43 + "=",
        "scrypt:1024::" + "A" * 43 + "=",
        "scrypt:²:AAAA:" + "A" * 43 + "=",
        "argon2:1024:AAAA:" + "A" * 43 + "=",
    ],
)
def test_what_is_no_entry_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="hash") as caught:
        HashedPassword.parse(text)
    assert not text or text not in str(caught.value)


def test_a_made_password_can_be_had_by_both_versions_and_each_is_another() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert {len(password) for password in made} == {20}
    assert all(password.isascii() and password.isalnum() for password in made)


@pytest.mark.parametrize(
    "text", ["too-short", "x" * 41, "with-an-umlaut-äöüß", " begins-with-a-space", "has-a-tab\tin-it-here"]
)
def test_a_password_that_chargers_cannot_have_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(CredentialsError, match="16 to 40") as caught:
        given_password(text)
    assert text not in str(caught.value)


def test_forty_hexadecimal_digits_stand_for_twenty_bytes() -> None:
    assert given_password("00ff" * 10) == bytes.fromhex("00ff" * 10)
    assert canonical(b"z" * 40) == b"z" * 40
    assert canonical(b"0" * 39 + b"\xff") == b"0" * 39 + b"\xff"
    assert canonical(b"00ff" * 5) == b"00ff" * 5


def test_a_file_is_read_as_it_was_written_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = a_file(tmp_path, "")
    path.chmod(0o644)
    written = {"CP:1 ä": an_entry(), "2": an_entry()}
    write_credentials(path, written)
    assert read_credentials(path) == written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert PASSWORD.decode() not in path.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only an administrator may give files away")
def test_a_file_that_an_administrator_writes_stays_its_owners(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    path = tmp_path / "credentials.yaml"
    write_credentials(path, {"CP1": an_entry()})
    assert path.stat().st_uid == 1234
    os.chown(path, 4321, 4321)
    write_credentials(path, {"CP1": an_entry()})
    assert (path.stat().st_uid, path.stat().st_gid) == (4321, 4321)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "found nothing"),
        ("- CP1", "found a list"),
        ("CP1: [", "is no YAML"),
        ("CP1:", "CP1: is no hash"),
        ("CP1: plain-password-1234", "CP1: is no hash"),
        # Named by hand: each process that runs tests makes another salt, and all have to have the same tests.
        pytest.param(
            f"2: {HashedPassword.of(PASSWORD, cost=2)}", "a charger id must be a text", id="a number"
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, problem: str) -> None:
    path = a_file(tmp_path, text)
    (found,) = problems(path)
    assert problem in found
    assert str(path) in found


def test_all_problems_of_a_file_are_told_at_once_and_no_password(tmp_path: Path) -> None:
    path = a_file(tmp_path, f"CP1:\nCP2: plain-password-1234\nCP3: {an_entry()}\n")
    found = problems(path)
    assert [text.split(": ")[1] for text in found] == ["CP1", "CP2"]
    assert "depot credentials add" in found[1]
    assert "plain-password" not in "".join(found)


def test_a_password_in_a_broken_file_is_not_repeated(tmp_path: Path) -> None:
    for text in ("CP1: 'plain-password-1234", "CP1: plain: password-1234: [", "\x00plain-password-1234"):
        assert "password-1234" not in "".join(problems(a_file(tmp_path, text)))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path / "none.yaml")[0]


def test_an_entry_shows_nothing_of_itself_where_it_is_printed() -> None:
    entry = an_entry()
    assert repr(entry) == "HashedPassword(cost=2)"
    assert COST_OF_MADE < MAX_COST
