"""A block of events as bytes, and back.

Decides the compact form: one msgpack array an event, times as differences, a message that was
handled as a digest (its content is on record where it came in, or comes out of the replay). Refuses
to know files. Writer and reader keep the same running state, so blocks are read in order.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from actors.capture.events import (
    DIGEST_BYTES,
    Called,
    Dropped,
    Ended,
    Entered,
    Event,
    Exited,
    Fired,
    Flushed,
    Handled,
    Inbound,
    Opened,
    digest_of,
    encoded,
)
from engine.errors import CaptureDamaged
from engine.messages.base import Message
from engine.messages.supervision import ChildExited

KNOWN_MAX: Final = 8_192
_HANDLED, _INBOUND, _OPENED, _FLUSHED, _FIRED, _ENTERED, _EXITED, _DROPPED, _CALLED, _ENDED = range(
    10
)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Where both clocks stood at the start, and how many market seconds pass in a real one: what
    makes most differences vanish."""

    now_ns: int
    mono_ns: int
    speed: int = 1


class Seen(NamedTuple):
    """One event read back. Unused fields are empty; `step`, `sends` and the flags as in `Exited`;
    `body` is a message from outside, `digest` and `kind` stand for one from inside."""

    event: type[Event]
    key: int = 0
    name: str = ""
    kind: str = ""
    digest: bytes = b""
    body: bytes = b""
    now_ns: int = 0
    mono_ns: int = 0
    generation: int = 0
    exit: Exited | None = None
    call: Called | None = None


class Packer:
    """The writer's side."""

    def __init__(self, pace: Pace) -> None:
        self._speed = pace.speed
        self._now_ns, self._mono_ns = pace.now_ns, pace.mono_ns
        self._kinds: dict[type[Message], int] = {}
        self._fresh: list[str] = []
        self._known: dict[int, tuple[Message, bytes]] = {}
        self._digests = bytearray()

    def pack(self, events: Sequence[Event]) -> bytes:
        """The events as one payload."""
        self._fresh, self._digests = [], bytearray()
        rows = [
            self._handled(event) if type(event) is Handled else self._row(event) for event in events
        ]
        return msgspec.msgpack.encode((rows, bytes(self._digests), self._fresh))

    def _handled(self, event: Handled) -> tuple[int, int, int, int, int]:
        """By far the most frequent event."""
        kind = self._identify(event.message)
        mono, now = event.mono_ns - self._mono_ns, event.now_ns - self._now_ns
        self._mono_ns, self._now_ns = event.mono_ns, event.now_ns
        return _HANDLED, event.key, kind, mono, now - mono * self._speed

    def _row(self, event: Event) -> tuple[object, ...]:
        match event:
            case Inbound(target, message):
                return (_INBOUND, target, encoded(message))
            case Fired(key, timer):
                return (_FIRED, key, timer)
            case Opened(key, now_ns, mono_ns):
                return (_OPENED, key, *self._apart(now_ns, mono_ns))
            case Flushed(key, now_ns, mono_ns):
                return (_FLUSHED, key, *self._apart(now_ns, mono_ns))
            case Entered(key, name, generation):
                return (_ENTERED, key, name, generation)
            case Dropped(target, message):
                return (_DROPPED, target, self._identify(message))
            case Called():
                return (_CALLED, *msgspec.structs.astuple(event))
            case Exited(key, step, sends, is_fence, is_cut, exited):
                return (_EXITED, key, step, sends, is_fence, is_cut, encoded(exited))
            case Ended(reason):
                return (_ENDED, reason)
            case _:
                raise TypeError(type(event).__name__)

    def _apart(self, now_ns: int, mono_ns: int) -> tuple[int, int]:
        mono, now = mono_ns - self._mono_ns, now_ns - self._now_ns
        self._mono_ns, self._now_ns = mono_ns, now_ns
        return mono, now - mono * self._speed

    def _identify(self, message: Message) -> int:
        """Put down the digest; the number of the type. One tick goes to many rooms: the digest of
        an object is kept, with the object, so that its address is not used anew."""
        known = self._known.get(id(message))
        if known is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            known = self._known[id(message)] = (message, digest_of(encoded(message)))
        self._digests += known[1]
        kind = self._kinds.get(type(message))
        if kind is None:
            kind = self._kinds[type(message)] = len(self._kinds)
            self._fresh.append(type(message).__name__)
        return kind


class Unpacker:
    """The reader's side; `pace` as the packer's."""

    def __init__(self, pace: Pace) -> None:
        self._speed = pace.speed
        self._now_ns, self._mono_ns = pace.now_ns, pace.mono_ns
        self._kinds: list[str] = []

    def unpack(self, payload: bytes) -> Iterator[Seen]:
        """The events of one payload.

        Raises:
            CaptureDamaged: not what a packer of this version writes.
        """
        try:
            rows, digests, fresh = msgspec.msgpack.decode(payload)
            self._kinds.extend(fresh)
            at = 0
            for row in rows:
                if row[0] in (_HANDLED, _DROPPED):
                    yield self._seen(row, digests[at : at + DIGEST_BYTES])
                    at += DIGEST_BYTES
                else:
                    yield self._seen(row, b"")
        except (msgspec.DecodeError, ValueError, TypeError, IndexError, KeyError) as error:
            raise CaptureDamaged(f"unreadable events: {error}") from error

    def _seen(self, row: list[Any], digest: bytes) -> Seen:
        match row:
            case [int(tag), key, kind, mono, now] if tag == _HANDLED:
                now_ns, mono_ns = self._together(mono, now)
                name = self._kinds[kind]
                return Seen(
                    Handled, key=key, kind=name, digest=digest, now_ns=now_ns, mono_ns=mono_ns
                )
            case [int(tag), target, body] if tag == _INBOUND:
                return Seen(Inbound, name=target, body=body)
            case [int(tag), key, timer] if tag == _FIRED:
                return Seen(Fired, key=key, name=timer)
            case [int(tag), key, mono, now] if tag in (_OPENED, _FLUSHED):
                now_ns, mono_ns = self._together(mono, now)
                event = Opened if tag == _OPENED else Flushed
                return Seen(event, key=key, now_ns=now_ns, mono_ns=mono_ns)
            case [int(tag), key, name, generation] if tag == _ENTERED:
                return Seen(Entered, key=key, name=name, generation=generation)
            case [int(tag), target, kind] if tag == _DROPPED:
                return Seen(Dropped, name=target, kind=self._kinds[kind], digest=digest)
            case [int(tag), port, operation, error, text, value] if tag == _CALLED:
                return Seen(Called, name=port, call=Called(port, operation, error, text, value))
            case [int(tag), key, step, sends, is_fence, is_cut, body] if tag == _EXITED:
                exited = msgspec.msgpack.decode(body, type=ChildExited)
                ending = Exited(key, step, sends, is_fence, is_cut, exited)
                return Seen(Exited, key=key, name=exited.name, exit=ending)
            case [int(tag), reason] if tag == _ENDED:
                return Seen(Ended, name=reason)
            case _:
                raise ValueError(f"unknown event {row[:1]}")

    def _together(self, mono: int, now: int) -> tuple[int, int]:
        self._mono_ns += mono
        self._now_ns += now + mono * self._speed
        return self._now_ns, self._mono_ns
