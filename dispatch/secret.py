"""Secrets as they are named in ``depot.yaml``: read when they are needed, from a file or the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from optimiser.links import Secret


class SecretError(Exception):
    """A secret is not where it is said to be. The message never has the secret itself."""


def read_secret(secret: Secret, folder: Path, *, environ: Mapping[str, str] = os.environ) -> str:
    """The secret, without what surrounds it; a file's path is relative to the folder. Raises :class:`SecretError`."""
    if secret.env is not None:
        found, where = environ.get(secret.env, ""), f"the variable {secret.env} of the environment"
    else:
        assert secret.file is not None, "a secret is named by a file or a variable"
        where = str(folder / secret.file)
        try:
            found = (folder / secret.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(
                f"{where} cannot be read: {getattr(error, 'strerror', 'it is no text')}"
            ) from error
    if not found.strip():
        raise SecretError(f"{where} is empty")
    return found.strip()
