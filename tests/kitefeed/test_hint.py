"""A hint of the stream makes the watcher read the live books, soon but not each time."""

from actors.watcher import WatcherActor, WatcherSettings
from engine.messages.broker import SnapshotRequested, StreamHinted
from engine.messages.values import Book
from engine.units import NS_PER_MS, NS_PER_S
from tests.fakes import FakeContext, opened


def test_when_hints_come_in_a_burst_then_the_books_are_read_at_once_and_not_each_time() -> None:
    watcher = WatcherActor({}, WatcherSettings())
    ctx = opened(watcher, FakeContext("watcher", now_ns=NS_PER_S))
    for _ in range(50):
        watcher.receive(StreamHinted(body='{"type":"order"}', at_ns=NS_PER_S))
    asked = ctx.of(SnapshotRequested, "writer")
    assert [(request.reason, request.book) for request in asked] == [("stream", Book.LIVE)]
    ctx.advance(watcher, 300 * NS_PER_MS)
    watcher.receive(StreamHinted(body="", at_ns=2 * NS_PER_S))
    assert len(ctx.of(SnapshotRequested, "writer")) >= 2
