"""The secrets of the local API: a file for each role, that its owner alone can read."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path


class Role(IntEnum):
    """What a token allows; each role allows what those below it do.

    ``READ``: the live state, and questions that change nothing on a charger. ``DISPATCH``: what a night needs, writing
    profiles and beginning sessions. ``ADMIN``: clearing what others have installed, configuration, a reset, closing a socket.
    """

    READ = 1
    DISPATCH = 2
    ADMIN = 3


@dataclass(frozen=True, kw_only=True)
class ApiTokens:
    """The token of each role."""

    of: Mapping[Role, str] = field(repr=False)

    def role_of(self, token: str) -> Role | None:
        """The role that a token has; in constant time."""
        given = token.encode()
        matches = [role for role, known in self.of.items() if hmac.compare_digest(given, known.encode())]
        return max(matches, default=None)


def token_file(dispatch_file: Path, role: Role) -> Path:
    """Where the token of a role lies: beside the dispatcher's, which has the name that ``depot.yaml`` gives."""
    ending = "" if role is Role.DISPATCH else f"-{role.name.lower()}"
    return dispatch_file.with_name(dispatch_file.name + ending)


def read_or_create_tokens(dispatch_file: Path) -> ApiTokens:
    """The tokens of all roles, made where there are none. Raises OSError."""
    return ApiTokens(of={role: read_or_create_token(token_file(dispatch_file, role)) for role in Role})


def read_or_create_token(path: Path) -> str:
    """An API token from a file; made, readable by its owner alone, if there is none. Raises OSError.

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
