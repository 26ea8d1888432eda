"""The recorder: takes events from all threads and writes them from one of its own.

Decides when a capture is given up: rather than slow, stop or fill anything, it ends, says so once,
and the session is marked incomplete by having no end. Refuses to know rooms. A room pays for the
making of an event and an append; messages are frozen, so they are encoded later, here.
"""

import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec

from actors.capture.blocks import Pace, Packer
from actors.capture.events import Ended, Entered, Event
from actors.capture.files import SegmentWriter
from actors.runtime.log import log_event
from engine.limits import (
    CAPTURE_BLOCK_EVENTS_MAX,
    CAPTURE_EVENTS_WAITING_MAX,
    CAPTURE_SESSION_BYTES_MAX,
)

PERIOD_S = 0.1


class Recorder:
    """Writes one session.

    Args:
        folder: the session's, empty.
        header: the first block.
        on_stop: called once, on the recorder's thread, with the reason the capture was given up.

    Raises:
        OSError: the header cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        header: bytes,
        pace: Pace,
        *,
        on_stop: Callable[[str], None] = lambda _: None,
        waiting_max: int = CAPTURE_EVENTS_WAITING_MAX,
        writer: SegmentWriter | None = None,
    ) -> None:
        self._writer = writer or SegmentWriter(folder)
        self._writer.write(header)
        self._packer = Packer(pace)
        self._on_stop = on_stop
        # Full means that the oldest went: memory is bounded even if the thread is stuck in a write.
        self._events: deque[Event] = deque(maxlen=waiting_max)
        self._keys = count(1)
        self._instances = count(1)
        self._closing = threading.Event()
        self._thread = threading.Thread(  # noqa: TID251 - its own thread
            target=self._run, name="capture", daemon=True
        )
        self.append: Callable[[Event], None] = self._events.append
        self.is_on = True
        self.events_count = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def enter(self, name: str, generation: int) -> int:
        """The key of a new generation of a room."""
        key = next(self._keys)
        self.append(Entered(key, name, generation))
        return key

    def instance(self, port: str) -> str:
        """The name of a new instance of a port, numbered in the order in which they are made."""
        return f"{port}/{next(self._instances)}"

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits and the end; idempotent. Only after all rooms have ended."""
        self.append(Ended(""))
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def bytes_count(self) -> int:
        """Bytes written so far."""
        return self._writer.bytes_count

    def _run(self) -> None:
        reason = "its thread died"
        try:
            while not self._closing.wait(PERIOD_S):
                self._drain()
            self._drain()
            self._writer.close()
            self.append, self.is_on, reason = _ignore, False, ""
        except (OSError, _Overrun) as error:
            reason = str(error)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            reason = f"an event cannot be written: {error}"
        finally:
            if reason:
                self._give_up(reason)

    def _drain(self) -> None:
        waiting = self._events
        while waiting:
            if len(waiting) == waiting.maxlen:
                raise _Overrun("more events than can be written")
            if self._writer.bytes_count > CAPTURE_SESSION_BYTES_MAX:
                raise _Overrun("the session's bytes are used up")
            number = min(len(waiting), CAPTURE_BLOCK_EVENTS_MAX)
            events = [waiting.popleft() for _ in range(number)]
            self._writer.write(self._packer.pack(events))
            self.events_count += number

    def _give_up(self, reason: str) -> None:
        self.append, self.is_on = _ignore, False
        self._events.clear()
        log_event("capture_stopped", "ERROR", reason=reason)
        try:
            self._writer.close()
        except OSError as error:
            log_event("capture_unclosed", "ERROR", reason=str(error))
        self._on_stop(reason)


class _Overrun(Exception):
    """A bound of the capture is reached."""


def _ignore(_: Event) -> None:
    return None
