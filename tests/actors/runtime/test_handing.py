"""What is handed on is handled on the way, what is left waits; order and isolation stay."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import VirtualClock
from actors.runtime.inbox import Inbox, Left
from actors.runtime.roomspec import RoomSpec
from actors.runtime.runtime import Runtime, SeededHosts
from actors.runtime.seeded import SeededPool
from engine.messages.base import Message
from engine.messages.market import MarketFrame, Tick
from engine.messages.supervision import StopOrdered


class House:
    """Rooms on a seeded host: `market` hands each tick of a frame to `a` and `b` and leaves it
    with `mark`; `b` fails at price 13."""

    def __init__(self, choose: bool = False) -> None:
        self.log: list[tuple[str, int]] = []
        self.pool = SeededPool(VirtualClock(), choose=(lambda _: 0) if choose else None)
        self.runtime = Runtime(SeededHosts(self.pool))
        for name, kind in {"market": Market, "a": Feed, "b": Feed, "mark": Feed}.items():
            spec = RoomSpec(name=name, generation=1, supervisor="", factory=lambda k=kind: k(self))
            self.runtime.start(spec)
        self.pool.run_idle()

    def give(self, target: str, *messages: Message) -> None:
        for message in messages:
            self.runtime.directory.deliver(target, message)
        self.pool.run_idle()

    def end(self) -> None:
        for name in self.runtime.directory.names():
            self.give(name, StopOrdered(reason="over"))

    def heard(self, name: str) -> list[int]:
        return [price for who, price in self.log if who == name]


class Market(Behaviour):
    def __init__(self, house: House) -> None:
        self.house = house

    def receive(self, message: Message) -> None:
        assert isinstance(message, MarketFrame)
        for one in message.ticks:
            for name in ("a", "b"):
                self.ctx.hand(name, one)
            self.ctx.leave(("mark",), one)
            self.house.log.append(("market", one.price_paise))


class Feed(Behaviour):
    def __init__(self, house: House) -> None:
        self.house = house

    def receive(self, message: Message) -> None:
        assert isinstance(message, Tick)
        self.house.log.append((self.ctx.name, message.price_paise))
        if self.ctx.name == "b" and message.price_paise == 13:
            raise RuntimeError("bug")
        if (self.ctx.name, message.price_paise) == ("a", 7):  # an answer, and to oneself
            self.ctx.hand("market", MarketFrame(ticks=(priced(8),)))
            self.ctx.hand(self.ctx.name, priced(9))


def priced(price: int) -> Tick:
    return Tick(instrument="NSE:X", price_paise=price, at_ns=price, received_at_ns=price)


def a_frame(*prices: int) -> MarketFrame:
    return MarketFrame(ticks=tuple(priced(price) for price in prices))


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.end()


def test_when_a_message_is_handed_on_then_it_is_handled_on_the_way(house: House) -> None:
    house.give("market", a_frame(1, 2))
    line = [(name, price) for price in (1, 2) for name in ("a", "b", "market")]
    assert house.log == line
    assert house.pool.served_count == 5


def test_when_a_seed_chooses_then_nothing_is_handled_on_the_way() -> None:
    house = House(choose=True)
    house.give("market", a_frame(1, 2))
    assert house.log[:2] == [("market", 1), ("market", 2)]
    assert house.heard("a") == house.heard("b") == [1, 2]
    house.end()


def test_when_one_feed_fails_in_a_shared_turn_then_the_others_go_on(house: House) -> None:
    house.give("market", a_frame(12, 13, 14), a_frame(15))
    assert house.heard("a") == house.heard("market") == [12, 13, 14, 15]
    assert house.heard("b") == [12, 13]
    assert set(house.runtime.directory.names()) == {"market", "a", "mark"}
    counts = house.runtime.directory.dead_letters.counts()
    assert counts["b", "Tick", "absent"] == 2


def test_when_a_receiver_is_in_the_middle_of_a_message_then_the_next_waits(house: House) -> None:
    house.give("market", a_frame(7))
    assert house.heard("market") == [7, 8]
    assert house.heard("a") == [7, 9, 8], "its own word to itself came first"


def test_when_something_waits_then_what_is_handed_queues_behind_it(house: House) -> None:
    for message in (priced(1), priced(2)):
        house.runtime.directory.deliver("a", message)
    house.give("market", a_frame(3))
    assert house.heard("a") == [1, 2, 3]


def test_when_ticks_are_left_then_the_latest_is_read_before_the_next_message(house: House) -> None:
    house.give("market", a_frame(1, 2, 3))
    assert house.heard("mark") == [], "nobody woke it"
    house.give("mark", replace(priced(4), instrument="NSE:Y"))
    assert house.heard("mark") == [3, 4]


def test_when_data_waits_then_nothing_is_left_in_front_of_it(house: House) -> None:
    house.runtime.directory.deliver("market", a_frame(5))
    house.runtime.directory.deliver("mark", priced(4))
    house.pool.run_idle()
    assert house.heard("mark") == [4, 5]


def test_when_only_left_ticks_are_there_then_the_inbox_has_nothing_to_serve() -> None:
    inbox = Inbox(data_max=4, conflate_after=2)
    inbox.leave(Left(("mark",), "x", priced(1)))
    assert inbox.take(with_data=True) is None
    assert len(inbox) == 0
    inbox.offer(replace(priced(2), instrument="NSE:Y"))
    assert inbox.take(with_data=False) is None, "a room that recovers is served control only"
    taken = [inbox.take(with_data=True) for _ in range(3)]
    assert [one.price_paise for one in taken if isinstance(one, Tick)] == [1, 2]


def test_when_something_is_sent_behind_what_was_left_then_newer_ticks_queue_behind_it(
    house: House,
) -> None:
    house.give("market", a_frame(1))
    house.runtime.directory.deliver("market", a_frame(2, 3))
    house.runtime.directory.deliver("mark", replace(priced(4), instrument="NSE:Y"))
    assert house.heard("mark") == []
    house.pool.run_idle()
    assert house.heard("mark") == [1, 4, 2, 3]


def test_when_a_tick_is_sent_then_an_older_one_that_was_left_is_not_read(house: House) -> None:
    house.give("market", a_frame(1, 2))
    house.give("mark", priced(3))
    assert house.heard("mark") == [3]
    house.give("market", a_frame(4))
    house.give("mark", replace(priced(5), instrument="NSE:Y"))
    assert house.heard("mark") == [3, 4, 5]
