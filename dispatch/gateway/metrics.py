"""What the gateway counts as it goes, for Prometheus. Cheap: a frame costs one addition, and nothing is worked out.

Labels take a few fixed values; what OCPP calls an action is counted under its name only where we ask for it.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from dispatch.gateway.counting import Counting

CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Most chargers answer within a second; none is waited for longer than thirty. [s]"""


class GatewayMetrics(Counting):
    """The counters of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        frames = Counter(
            "depot_messages",
            "Frames on chargers' sockets, by direction as seen by the gateway.",
            ["direction"],
            registry=self.registry,
        )
        self._frames = {direction: frames.labels(direction) for direction in ("in", "out")}
        self._calls = Counter(
            "depot_calls",
            "Calls that the gateway has made to chargers, by action and by how they ended.",
            ["action", "ending"],
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "depot_call_seconds",
            "How long chargers took to answer the gateway's calls.",
            buckets=CALL_SECONDS,
            registry=self.registry,
        )
        self._refused = Counter(
            "depot_calls_refused",
            "Calls of chargers that were answered with an error.",
            ["code"],
            registry=self.registry,
        )
        self._sockets = Counter(
            "depot_sockets",
            "Sockets of chargers that were served from their handshake on.",
            registry=self.registry,
        )
        self._turned_away = Counter(
            "depot_turned_away",
            "Handshakes and sockets that were turned away, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self._store_errors = Counter(
            "depot_store_errors",
            "Writes to the store that failed; what they held was not answered.",
            registry=self.registry,
        )

    def frame(self, direction: str) -> None:
        """A frame has come or gone."""
        self._frames[direction].inc()

    def call_ended(self, action: str, ending: str, *, after_s: float) -> None:
        """A call of ours has ended; ``after_s`` from when it was asked for, waiting for its turn included."""
        self._calls.labels(action, ending).inc()
        self._call_seconds.observe(after_s)

    def call_refused(self, code: str) -> None:
        """A charger's call was answered with an error."""
        self._refused.labels(code).inc()

    def socket_served(self) -> None:
        """A charger has come in."""
        self._sockets.inc()

    def turned_away(self, reason: str) -> None:
        """Somebody was not let in; ``reason`` is one of a few words of ours."""
        self._turned_away.labels(reason).inc()

    def store_failed(self) -> None:
        """Something could not be written."""
        self._store_errors.inc()
