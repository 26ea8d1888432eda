"""The child's end of the wire: it never blocks, whatever the parent does."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from actors.runtime.childwire import BACKLOG_MAX, Wire
from actors.runtime.codec import Beat, Deliver, Sent, decode_from_child, encode
from engine.messages.base import Message
from engine.messages.supervision import TimerFired
from tests.actors.runtime.hosting import nothing_left
from tests.actors.runtime.misbehaving import alert, tick


class Parent:
    """A parent that reads only when told."""

    def __init__(self, folder: Path) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.PAIR)
        self.socket.set(zmq.RCVHWM, 10)
        self.socket.set(zmq.LINGER, 0)
        self.socket.bind(f"ipc://{folder}/w")
        self.pipe = os.pipe()
        self.wire = Wire(f"ipc://{folder}/w", parent_fd=self.pipe[0])

    def read_all(self) -> list[Message]:
        messages = []
        for _ in range(100_000):
            self.wire.poll(0)
            if self.socket.poll(200 if not self.wire._backlog else 1):
                frame = decode_from_child(self.socket.recv())
                assert isinstance(frame, Sent)
                messages.append(frame.message)
            elif not self.wire._backlog:
                break
        return messages

    def close(self) -> None:
        self.wire.close()
        self.socket.close()
        self.context.term()
        for descriptor in self.pipe:
            os.close(descriptor)


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Parent]:
    with nothing_left():
        parent = Parent(tmp_path)
        yield parent
        parent.close()


def test_when_the_parent_does_not_read_then_orders_are_kept_and_ticks_conflate(
    parent: Parent,
) -> None:
    for number in range(30_000):
        assert parent.wire.send(Sent("guard", TimerFired(key=str(number))))
        assert parent.wire.send(Sent("guard", tick(number)))
        assert parent.wire.send(Sent("guard", tick(number, "NSE:TCS")))
    assert len(parent.wire._backlog) <= 30_002
    heard = parent.read_all()
    keys = [message.key for message in heard if isinstance(message, TimerFired)]
    assert keys == [str(number) for number in range(30_000)]
    assert {tick(29_999), tick(29_999, "NSE:TCS")} <= set(heard)


def test_when_the_backlog_is_full_then_what_may_be_lost_is_refused(parent: Parent) -> None:
    refused_count = sum(
        not parent.wire.send(Sent("desk", alert(str(number)))) for number in range(30_000)
    )
    assert refused_count > 10_000
    assert len(parent.wire._backlog) == BACKLOG_MAX
    assert not parent.wire.send(Beat(1, 0, 0))
    assert parent.wire.send(Sent("guard", TimerFired(key="still taken")))


def test_when_a_message_cannot_be_encoded_then_it_is_refused(parent: Parent) -> None:
    assert not parent.wire.send(Sent("guard", tick(2**70)))


def test_when_the_parent_babbles_then_it_is_counted(parent: Parent) -> None:
    parent.socket.send(b"\x00nonsense")
    parent.socket.send(encode(Deliver(alert("sense"))))
    assert parent.wire.poll(1_000) == [Deliver(alert("sense"))] or parent.wire.poll(1_000)
    assert parent.wire.malformed_count == 1
