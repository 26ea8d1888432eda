"""Fakes that tests of actors share: a context with manual clocks that records everything."""

from collections.abc import Callable
from typing import TypeVar

from actors.runtime.behaviour import Behaviour, Opening
from engine.messages.base import Message
from engine.messages.journal import Append, Journaled, Replayed
from engine.messages.records import Record

M = TypeVar("M", bound=Message)


class FakeContext:
    """Records sends and timers; time moves only when told."""

    def __init__(self, name: str = "room", *, generation: int = 1, now_ns: int = 0) -> None:
        self.name = name
        self.generation = generation
        self.supervisor = "core"
        self.sent: list[tuple[str, Message]] = []
        self.left: list[tuple[str, Message]] = []
        self.timers: dict[str, tuple[int, Message]] = {}
        self.is_ready = False
        self.stop_reason = ""
        self.is_given_up = False
        self._now_ns = now_ns
        self._mono_ns = 0

    def send(self, target: str, message: Message) -> None:
        self.sent.append((target, message))

    def hand(self, target: str, message: Message) -> None:
        self.send(target, message)

    def leave(self, targets: tuple[str, ...], message: Message) -> None:
        self.left += [(target, message) for target in targets]

    def skip_to(self, at_ns: int) -> bool:
        return False

    def now_ns(self) -> int:
        return self._now_ns

    def mono_ns(self) -> int:
        return self._mono_ns

    def timer_at(self, key: str, at_ns: int, message: Message) -> None:
        self.timers[key] = (self._mono_ns + at_ns - self._now_ns, message)

    def timer_after(self, key: str, delay_ns: int, message: Message) -> None:
        self.timers[key] = (self._mono_ns + delay_ns, message)

    def timer_cancel(self, key: str) -> None:
        self.timers.pop(key, None)

    def awaits(self, is_wanted: Callable[[Message], bool]) -> bool:
        return False

    def is_void(self) -> bool:
        return self.is_given_up

    def ready(self) -> None:
        self.is_ready = True

    def stop(self, reason: str) -> None:
        self.stop_reason = reason

    # -- for the test ---------------------------------------------------------------------

    def advance(self, behaviour: Behaviour, delay_ns: int) -> None:
        """Move both clocks and deliver the timers that fall due, in order."""
        end_ns = self._mono_ns + delay_ns
        while due := sorted((at, key) for key, (at, _) in self.timers.items() if at <= end_ns):
            at_ns, key = due[0]
            _, message = self.timers.pop(key)
            self._move(max(at_ns, self._mono_ns))
            behaviour.receive(message)
        self._move(end_ns)

    def step(self, by_ns: int) -> None:
        """The wall clock is set; the boot clock goes on."""
        self._now_ns += by_ns

    def _move(self, mono_ns: int) -> None:
        self._now_ns += mono_ns - self._mono_ns
        self._mono_ns = mono_ns

    def of(self, kind: type[M], target: str | None = None) -> list[M]:
        """All sent messages of a type, in order, optionally to one name."""
        return [m for to, m in self.sent if isinstance(m, kind) and target in (None, to)]

    def records(self) -> list[Record]:
        """All records that were appended, in order."""
        return [record for append in self.of(Append) for record in append.records]

    def forget(self) -> None:
        self.sent.clear()


def opened(
    behaviour: Behaviour, ctx: FakeContext, records: tuple[Record, ...] = (), seq: int = 0
) -> FakeContext:
    """Open a behaviour; if it defers, give it its past."""
    if behaviour.open(ctx) is Opening.DEFERRED and not ctx.is_ready:
        behaviour.receive(
            Replayed(reader_generation=ctx.generation, records=records, seq=max(seq, len(records)))
        )
    return ctx


def journaled(first_seq: int = 1) -> Callable[[Record], Journaled]:
    """A numbering of records as the journal would deliver them."""
    seq = first_seq - 1

    def number(record: Record) -> Journaled:
        nonlocal seq
        seq += 1
        return Journaled(seq=seq, record=record)

    return number
