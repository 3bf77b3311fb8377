"""Secrets that depot.yaml names."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch.secret import SecretError, read_secret
from optimiser.links import Secret


def test_a_secret_is_read_from_its_file_or_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    assert read_secret(Secret(file="secret"), tmp_path) == "from a file"
    assert read_secret(Secret(env="S"), tmp_path, environ={"S": "from a variable"}) == "from a variable"


def test_a_secret_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for secret, where in [
        (Secret(file="none"), "none cannot be read: No such file"),
        (Secret(file="empty"), "empty is empty"),
        (Secret(file="bytes"), "bytes cannot be read: it is no text"),
        (Secret(env="S"), "the variable S of the environment is empty"),
    ]:
        with pytest.raises(SecretError, match=where):
            read_secret(secret, tmp_path, environ={})
