"""A clock that jumps: an event loop in which time passes only when everybody in it waits for time to pass.

It alone knows how a loop waits. Everything that sleeps, times out or asks ``loop.time()`` lives in this time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

GRACE_S = 0.0002
"""How long, in real time, sockets are listened to before the clock jumps. Loopback delivers at once: what is sent
within this process can be read before the sender goes on, but for a kernel that is busy with something else. [s]"""

Result = TypeVar("Result")


class _JumpingSelector(selectors.BaseSelector):
    """Waits for sockets only as long as they may have something to say; for the rest the clock jumps."""

    def __init__(self) -> None:
        self.inner = selectors.DefaultSelector()
        self.jumped_s = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self.inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.inner.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # nobody waits for time: whoever is waited for is outside
            return self.inner.select(None)
        has_sockets = len(self.inner.get_map()) > 1  # the loop's own pipe to itself is always there
        found = self.inner.select(0 if timeout <= 0 or not has_sockets else GRACE_S)
        if not found and timeout > 0:
            self.jumped_s += timeout
        return found

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self.inner.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self.inner.get_key(fileobj)

    def close(self) -> None:
        self.inner.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at 0 s; while there is something to do its clock stands still."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made, in the time that it jumps through."""
        return self._jumping.jumped_s


def run_virtually(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run something to its end in virtual time. Threads are not waited for: nothing in it may use one."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


def virtual_clock(begin: datetime) -> Callable[[], datetime]:
    """A clock that shows ``begin`` at the running loop's 0, exact to the microsecond."""
    loop = asyncio.get_running_loop()
    return lambda: begin + timedelta(seconds=loop.time())
