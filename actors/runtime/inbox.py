"""A bounded inbox with two lanes and a policy per message type.

Decides what is taken, conflated, dropped or refused, and in which order it is served: control
first, then data in order, then what was conflated while the reader lagged. Refuses to know who
reads. Producers on any thread; one consumer. Never blocks.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from pykka._envelope import Envelope

from engine.messages.base import Delivery, Message

CONTROL = Delivery.CONTROL
CRITICAL = Delivery.CRITICAL
CONFLATE = Delivery.CONFLATE
DROP_OLDEST = Delivery.DROP_OLDEST

Item = Message | Envelope[Any]


class Left:
    """The latest message of a key, left with several readers at once.

    While it is `whole`, all of `targets` hold it and nothing is ordered behind it, so the sender
    may exchange the message in place. A reader that takes it, or that is sent something else, ends
    that first (`part`) and only then reads.
    """

    __slots__ = ("is_whole", "key", "message", "targets")

    def __init__(self, targets: tuple[str, ...], key: str, message: Message) -> None:
        self.targets = targets
        self.key = key
        self.message = message
        self.is_whole = True


class Inbox:
    """Lanes of one room.

    `left` holds the latest of each key that a sender left here without waking the reader
    (`Context.leave`); nobody may leave what is newer than something that waits in `data`, and what
    is sent under the same key takes its place.

    Args:
        data_max: data messages held before QUEUE is refused; CRITICAL is still taken.
        conflate_after: data messages held before CONFLATE keeps only the latest per key.
    """

    __slots__ = (
        "_conflate_after",
        "_is_parted",
        "_on_put",
        "control",
        "data",
        "data_max",
        "dropped_count",
        "late",
        "left",
    )

    def __init__(
        self, *, data_max: int, conflate_after: int, on_put: Callable[[], None] = lambda: None
    ) -> None:
        assert 0 < conflate_after <= data_max
        self.control: deque[Item] = deque()
        self.data: deque[Item] = deque()
        self.late: dict[str, Item] = {}
        self.left: dict[str, Left] = {}
        self._is_parted = True
        self.dropped_count = 0
        self.data_max = data_max
        self._conflate_after = conflate_after
        self._on_put = on_put

    def offer(self, message: Message) -> bool:
        """Take a message by its type's policy. False: refused, the bound is reached."""
        delivery = message.delivery
        data = self.data
        if delivery is CONTROL:
            self.control.append(message)
            return True
        if not self._is_parted:
            self._part()
        if delivery is CRITICAL:
            data.append(message)
        elif delivery is CONFLATE:
            late = self.late
            if self.left and not data:  # else what waits must still find it
                self.left.pop(message.conflation_key, None)
            if len(data) >= self._conflate_after or (late and message.conflation_key in late):
                late[message.conflation_key] = message  # never overtaken by a newer one in data
            else:
                data.append(message)
        elif len(data) < self.data_max:
            data.append(message)
        elif delivery is DROP_OLDEST:
            self.dropped_count += 1
        else:
            return False
        return True

    def leave(self, left: Left) -> None:
        """Hold what a sender leaves; nothing waits in `data`."""
        self.left[left.key] = left
        self._is_parted = False

    def supersedes(self, message: Message) -> bool:
        """Whether a message that is about to be handled takes the place of all that was left."""
        if message.delivery is CONFLATE:
            left = self.left.pop(message.conflation_key, None)
            if left is not None:
                left.is_whole = False
        return not self.left

    def _part(self) -> None:
        """What is left stays as it is: something else waits behind it now."""
        self._is_parted = True
        for left in tuple(self.left.values()):
            left.is_whole = False

    def put(self, envelope: Envelope[Any], /) -> None:
        """pykka's door (`ref.tell`, `ref.ask`): tests and the edge of scripts only."""
        self._part()
        if isinstance(envelope.message, Message):
            lane = self.control if envelope.message.delivery is CONTROL else self.data
            lane.append(envelope)
        else:
            self.control.append(envelope)
        self._on_put()

    def get(self) -> Envelope[Any]:
        """pykka's door; rooms are served by `take`, never by pykka's own loop."""
        raise TypeError("rooms are served by their host")

    def take(self, with_data: bool, is_all_wanted: bool = False) -> Item | None:
        """The next message, or None. `with_data` False serves control only (recovering). What was
        left comes in front of what woke the reader, and not without it unless all is wanted."""
        try:
            if with_data:
                if self.left and (self.control or self.data or self.late or is_all_wanted):
                    left = self.left.popitem()[1]
                    left.is_whole = False
                    return left.message
                if self.control:
                    return self.control.popleft()
                if self.data:
                    return self.data.popleft()
                if self.late:
                    return self.late.popitem()[1]
            elif self.control:
                return self.control.popleft()
        except (IndexError, KeyError):  # a fence emptied the lanes from its own thread
            return None
        return None

    def empty(self) -> bool:
        return not (self.control or self.data or self.late)

    def waits(self, *, with_data: bool) -> bool:
        """True if `take` would return something."""
        return bool(self.control) or (with_data and bool(self.data or self.late))

    def __len__(self) -> int:
        return len(self.control) + len(self.data) + len(self.late)

    @property
    def is_over(self) -> bool:
        """The data lane is beyond its bound: critical messages pile up."""
        return len(self.data) > self.data_max
