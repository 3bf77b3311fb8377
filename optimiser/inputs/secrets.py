"""How depot.yaml names a secret: by a file or a variable of the environment, never by its value."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from optimiser.inputs.keys import wrong
from optimiser.links import Secret

FileName = Annotated[str, Field(min_length=1)] | None
EnvName = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] | None


def secret_of(name: str, *, file: str | None, env: str | None) -> Secret | None:
    """Where the secret of this name is found, if it is named; by both ways it is a complaint."""
    if file is not None and env is not None:
        raise wrong(found=f"{name}_file beside {name}_env", allowed="one of the two")
    return None if file is None and env is None else Secret(file=file, env=env)
