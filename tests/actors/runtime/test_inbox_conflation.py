"""Conflation keeps the order of time for each key."""

from actors.runtime.inbox import Inbox
from tests.actors.runtime.misbehaving import tick


def test_when_a_lagging_reader_catches_up_then_no_tick_is_older_than_the_one_before() -> None:
    inbox = Inbox(data_max=4, conflate_after=2)
    for number in range(4):
        inbox.offer(tick(number))
    assert inbox.take(with_data=True) == tick(0)
    inbox.offer(tick(4))
    assert [inbox.take(with_data=True) for _ in range(3)] == [tick(1), tick(4), None]
