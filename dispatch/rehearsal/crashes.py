"""What is left of a part of the product that has ended by an error of its own: its last words."""

from __future__ import annotations

import traceback
from pathlib import Path


def last_words(error: BaseException) -> str:
    """What an error says, and where it comes from; of several at once, the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
