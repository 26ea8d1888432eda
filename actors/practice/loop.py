"""The practice exchange's one thread: Twisted's reactor, and time as the exchange needs it.

Decides when a callback runs. Refuses to know what it does. A failure inside a callback is written
to stderr and makes the exit code 1: a practice exchange with a bug must not look like a broker.
"""

import sys
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import LoopingCall
from twisted.logger import globalLogBeginner

from actors.runtime.clock import Clock
from engine.units import NS_PER_S

LOOPBACK = "127.0.0.1"
reactor: Any = _reactor
"""Twisted makes it at import; its type has no attributes."""


class Loop:
    """See the module."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.failure_count = 0
        self._beats: list[LoopingCall] = []
        observer: Any = self._logged
        globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)

    def call_at(self, market_ns: int, callback: Callable[[], object]) -> None:
        """Call back at an instant of the market's clock; at the next turn if that is past."""
        delay_ns = self._clock.mono_at(market_ns) - self._clock.mono_ns()
        reactor.callLater(max(0, delay_ns) / NS_PER_S, callback)

    def after_real(self, delay_ns: int, callback: Callable[[], object]) -> None:
        """Call back after a while of real time."""
        reactor.callLater(delay_ns / NS_PER_S, callback)

    def each_second(self, callback: Callable[[], object]) -> None:
        """Call back each second of real time."""
        beat = LoopingCall(callback)
        beat.clock = reactor
        self._beats.append(beat)
        beat.start(1.0, now=False).addErrback(self._failed)

    def listen(self, port: int, factory: object) -> int:
        """Listen on loopback; the port, which is a free one for 0."""
        return int(reactor.listenTCP(port, factory, interface=LOOPBACK).getHost().port)

    def when_running(self, callback: Callable[[], object]) -> None:
        """Call back once signals are handled and sockets are served."""
        reactor.callWhenRunning(callback)

    def run(self) -> int:
        """Until SIGTERM or SIGINT; the exit code."""
        reactor.run()
        return 1 if self.failure_count else 0

    def _failed(self, failure: object) -> None:
        self.failure_count += 1
        sys.stderr.write(f"{failure}\n")

    def _logged(self, event: Any) -> None:  # noqa: ANN401 Twisted's event is a dictionary of all
        failure = event.get("log_failure")
        if failure is not None:
            self.failure_count += 1
            sys.stderr.write(f"{failure.getTraceback()}\n")
            sys.stderr.flush()
