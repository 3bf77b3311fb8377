"""The secret of the local API: a file that its owner alone can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def read_or_create_token(path: Path) -> str:
    """The API's token from a file; made, readable by its owner alone, if there is none. Raises OSError.

    Several processes may ask for the same file at once: all of them get the same token.
    """
    if not path.exists():
        made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
            _link_unless_there(made, path)
        finally:
            made.unlink()
    token = path.read_text("utf-8").strip()
    if not token:
        raise OSError(f"{path}: is empty, must hold a token; remove it to have a new one made")
    return token


def _link_unless_there(made: Path, path: Path) -> None:
    try:
        os.link(made, path)
    except FileExistsError:
        return
