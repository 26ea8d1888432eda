"""From a thread of a third party into an actor's turn.

Decides how what happens on a thread that is not ours (a websocket client's) reaches the behaviour:
as events in order, within its own turn, and a failure as the failure of the behaviour. Refuses to
know what the events are. Stands alone because such a thread has nobody to report to: an exception
there ends in a library's log, and the actor would look healthy for ever.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

from actors.runtime.behaviour import Context
from engine.messages.base import Message

EVENTS_MAX = 10_000

Event = TypeVar("Event")
P = ParamSpec("P")


class Overrun(RuntimeError):
    """Events come faster than the behaviour takes them."""


class Mailslot(Generic[Event]):
    """Events of foreign threads for one behaviour.

    Args:
        wake: sent to the behaviour itself when there is something to `take`.
        events_max: more that wait are a failure of the behaviour, not a growing heap.
    """

    def __init__(self, ctx: Context, wake: Message, events_max: int = EVENTS_MAX) -> None:
        self._ctx = ctx
        self._wake = wake
        self._events_max = events_max
        self._events: deque[Event | BaseException] = deque()
        self._is_woken = False

    def post(self, event: Event) -> None:
        """Hand over an event. From any thread."""
        if len(self._events) < self._events_max:
            self._put(event)
        else:
            self._fail(Overrun(f"{self._events_max} events of another thread wait"))

    def guarded(self, call: Callable[P, None]) -> Callable[P, None]:
        """The same callback, whose failure becomes the behaviour's and never the library's."""

        def safe(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                call(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 the host's one door for failures
                self._fail(error)

        return safe

    def take(self) -> list[Event]:
        """What has come, in order. In the behaviour's turn only.

        Raises:
            Exception: a guarded callback's, where it stands in the order; the host ends the actor.
        """
        self._is_woken = False  # before the look: what comes after it wakes again
        found: list[Event] = []
        while self._events:
            event = self._events.popleft()
            if isinstance(event, BaseException):
                raise event
            found.append(event)
        return found

    def _fail(self, error: Exception) -> None:
        if not (self._events and isinstance(self._events[-1], BaseException)):
            self._put(error)

    def _put(self, event: Event | BaseException) -> None:
        self._events.append(event)
        if not self._is_woken:
            self._is_woken = True
            self._ctx.send(self._ctx.name, self._wake)
