"""What can go wrong with the processes of a night: gateway, dispatcher and cron."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dispatch.rehearsal.faults.base import Fault, Minutes, TimeOfDay


class Silent(Fault):
    """Nobody ticks: cron is silent for so many of its turns."""

    word: ClassVar[str] = "silent"
    at: TimeOfDay
    ticks: int = Field(default=3, ge=1, le=96)


class GatewayDies(Fault):
    """The gateway is killed, without a good-bye, and started anew after a while."""

    word: ClassVar[str] = "gateway-killed"
    at: TimeOfDay
    minutes: Minutes = 1


class DispatcherDies(Fault):
    """The dispatcher is killed while it waits for the answer to its so-many-th request from a time on."""

    word: ClassVar[str] = "dispatcher-killed"
    at: TimeOfDay
    request: int = Field(default=1, ge=1, le=10_000)


KINDS: tuple[type[Fault], ...] = (Silent, GatewayDies, DispatcherDies)
