"""What may be counted of a gateway's work, by somebody who wants to know; by default by nobody."""

from __future__ import annotations


class Counting:
    """Counts nothing. Whoever counts takes its place, and answers at once."""

    def frame(self, direction: str) -> None:
        """A frame has come or gone."""

    def call_ended(self, action: str, ending: str, *, after_s: float) -> None:
        """A call of ours has ended; ``after_s`` from when it was asked for, waiting for its turn included."""

    def call_refused(self, code: str) -> None:
        """A charger's call was answered with an error."""

    def socket_served(self) -> None:
        """A charger has come in."""

    def turned_away(self, reason: str) -> None:
        """Somebody was not let in; ``reason`` is one of a few words of ours."""

    def store_failed(self) -> None:
        """Something could not be written."""
