"""A room whose behaviour lives in a child process.

Decides nothing of its own: it keeps the name, the generation, the inbox and the single report of
an end, and leaves messages, beats and signals to the hub. It never blocks its pool, so a watchdog
over the pool never sees it stuck; a stuck child is found by its silence and killed.
"""

import os
from typing import TYPE_CHECKING

from pykka._envelope import Envelope

from actors.runtime.codec import Open, clock_spec
from actors.runtime.environment import named
from actors.runtime.inbox import Item
from actors.runtime.room import Room, RoomSpec, poison_digest
from actors.runtime.target import ProcessTarget
from engine.messages.base import Message
from engine.messages.supervision import ChildExited, ChildReady, ExitKind

if TYPE_CHECKING:
    from actors.runtime.directory import Directory
    from actors.runtime.hub import ProcessHub
    from actors.runtime.link import Link
    from actors.runtime.pool import Pool


class ProcessRoom(Room):
    """Forwards to a child process. `spec.factory` must be a `ProcessTarget`."""

    def __init__(
        self, spec: RoomSpec, pool: "Pool", directory: "Directory", hub: "ProcessHub"
    ) -> None:
        super().__init__(spec, pool, directory)
        self._hub = hub
        self._link: Link | None = None

    def fence(self, kind: ExitKind, reason: str) -> None:
        """Void this generation and kill its process."""
        super().fence(kind, reason)
        self._release()

    def end(
        self,
        kind: ExitKind,
        reason: str,
        *,
        message_type: str = "",
        poison: str = "",
        trace: str = "",
    ) -> None:
        """End this generation once; its process, if it is still there, is killed."""
        super().end(kind, reason, message_type=message_type, poison=poison, trace=trace)
        self._release()

    def _release(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._hub.release(link)

    def _open(self) -> None:
        self._is_open = True
        try:
            self._link = self._hub.open(self, self._order())
        except Exception as error:  # noqa: BLE001 the host's one door for failures
            self._fail(error, ExitKind.START_FAILED)

    def _order(self) -> Open:
        target = self.spec.factory
        if not isinstance(target, ProcessTarget):
            raise TypeError("a process needs a ProcessTarget, not a closure")
        return Open(
            name=self.name,
            generation=self.spec.generation,
            supervisor=self.spec.supervisor,
            factory=target.factory,
            arguments=target.packed(),
            inbox_max=self.spec.inbox_max,
            conflate_after=self.spec.conflate_after,
            memory_mb_max=target.memory_mb_max,
            clock=clock_spec(self.pool.clock),
            environ=named(os.environ, target.environ),
        )

    def _handle(self, item: Item) -> None:
        if isinstance(item, Envelope):
            super()._handle(item)
            return
        self.served_count += 1
        if isinstance(item, ChildReady) and item.name == self.name:
            self.become_ready()
        elif isinstance(item, ChildExited) and item.name == self.name:
            self._end_as(item)
        elif self.spec.poison and poison_digest(item) in self.spec.poison:
            self.parked_count += 1
            self.directory.dead_letters.add(self.name, item, "", "parked")
        else:
            self._forward(item)

    def _forward(self, message: Message) -> None:
        # StopOrdered goes the same way: the child closes in order, and its end is reported here.
        link = self._link
        try:
            if link is None or not self._hub.send(link, message):
                self.directory.dead_letters.add(self.name, message, "", "full")
        except Exception as error:  # noqa: BLE001 the host's one door for failures
            self._fail(error, None, message)

    def _end_as(self, exited: ChildExited) -> None:
        if exited.generation == self.spec.generation:
            self.end(
                exited.kind,
                exited.reason,
                message_type=exited.message_type,
                poison=exited.poison,
                trace=exited.trace,
            )
