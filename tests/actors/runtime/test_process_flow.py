"""The process host: what passes between a parent and its children, and when."""

from actors.runtime.clock import LapseClock, VirtualClock, boot_ns
from actors.runtime.room import Room, RoomSpec
from actors.runtime.runtime import HostKind, Runtime, SeededHosts
from actors.runtime.seeded import SeededPool
from actors.runtime.target import ProcessTarget
from engine.messages.base import Message
from engine.messages.control import CommandDone
from engine.messages.market import BarClosed, Tick
from engine.messages.supervision import ChildReady, ExitKind, StopOrdered, TimerFired
from tests.actors.runtime.hosting import Listener, ProcessHouse, nothing_left, wait_until
from tests.actors.runtime.misbehaving import alert, tick


def bar(number: int) -> BarClosed:
    return BarClosed(
        instrument="NSE:INFY",
        interval_s=60,
        start_at_ns=number,
        end_at_ns=number + 1,
        open_paise=1,
        high_paise=1,
        low_paise=1,
        close_paise=1,
        volume=0,
        tick_count=1,
    )


def test_when_a_child_is_ordered_to_stop_then_it_closes_first(house: ProcessHouse) -> None:
    room = house.start_ready()
    room.offer(StopOrdered(reason="end of day"))
    exited = house.exit()
    assert (exited.kind, exited.reason) == (ExitKind.SHUTDOWN, "end of day")
    assert house.desk.next().text == "closed: end of day"


def test_when_a_deferred_child_recovers_then_data_waits_for_ready(house: ProcessHouse) -> None:
    room = house.start(arguments={"opening": "deferred"})
    room.offer(alert("data"))
    room.offer(CommandDone(request_id="1", is_done=True, text="recovered"))
    assert house.boss.next() == ChildReady(name="ema", generation=1)
    assert house.desk.next().text == "data"


def test_when_many_messages_pass_then_they_keep_their_order(house: ProcessHouse) -> None:
    room = house.start_ready()
    sent = [bar(number) for number in range(1_000)]
    for message in sent:
        assert room.offer(message)
    assert [house.desk.next() for _ in sent] == sent


def test_when_a_generation_is_fenced_then_nothing_of_it_arrives_any_more(
    house: ProcessHouse,
) -> None:
    room = house.start_ready()
    house.tell(room, "flood 200000")
    house.desk.next()
    room.fence(ExitKind.FENCED, "revoked")
    again = house.start(arguments={"reply_to": "boss"})
    assert house.exit().generation == 1
    assert house.boss.next() == ChildReady(name="ema", generation=2)
    while not house.desk.is_silent:
        house.desk.next()
    again.offer(alert("new"))
    assert house.boss.next() == alert("new")
    assert house.desk.is_silent


def test_when_a_child_lags_then_ticks_conflate_and_orders_are_kept(house: ProcessHouse) -> None:
    room = house.start_ready(inbox_max=5_000, conflate_after=100)
    house.tell(room, "block 0.5")
    for number in range(20_000):
        assert room.offer(tick(number))
    for number in range(2_000):
        assert room.offer(TimerFired(key="tell pid") if number % 2 else tick(number, "NSE:TCS"))
    room.offer(TimerFired(key="tell who"))
    answers: list[Message] = []
    prices: list[int] = []
    while len(answers) <= 1_000 or prices[-1:] != [19_999]:
        heard = house.desk.next()
        if not isinstance(heard, Tick):
            answers.append(heard)
        elif heard.instrument == "NSE:INFY":
            prices.append(heard.price_paise)
    assert answers[-1] == alert("ema 1 boss", "who")
    assert len(prices) < 15_000
    assert prices == sorted(prices)


def test_when_a_backlog_of_orders_grows_without_bound_then_the_child_is_ended(
    house: ProcessHouse,
) -> None:
    room = house.start_ready(inbox_max=100, conflate_after=10)
    house.tell(room, "block 2")
    for _ in range(10_000):
        house.tell(room, "tell pid")
    exited = house.exit()
    assert exited.kind is ExitKind.RESOURCE
    assert "backlog" in exited.reason


def test_when_a_thread_of_the_child_sends_then_it_arrives(house: ProcessHouse) -> None:
    house.tell(house.start_ready(), "thread")
    assert house.desk.next().text == "from a thread"


def test_when_a_child_sets_a_timer_then_it_fires_in_the_child(house: ProcessHouse) -> None:
    house.tell(house.start_ready(), "timer")
    assert house.desk.next().text == "timer"


def test_when_a_child_sends_to_nobody_then_the_parent_counts_it(house: ProcessHouse) -> None:
    room = house.start_ready(arguments={"reply_to": "nobody"})
    room.offer(bar(1))
    letters = house.runtime.directory.dead_letters
    wait_until(lambda: letters.total == 1, "a dead letter")
    assert letters.counts() == {("nobody", "BarClosed", "absent"): 1}


def test_when_market_time_lapses_then_parent_and_child_agree() -> None:
    with nothing_left():
        house = ProcessHouse(LapseClock(start_ns=10**18, speed=50, origin_ns=boot_ns()))
        room = house.start_ready()
        before_ns = house.runtime.clock.now_ns()
        house.tell(room, "tell now")
        told_ns = int(house.desk.next().text)
        assert before_ns <= told_ns <= house.runtime.clock.now_ns()
        house.end()


def test_when_the_clock_is_virtual_then_no_process_is_started() -> None:
    with nothing_left():
        house = ProcessHouse(VirtualClock())
        house.start()
        assert house.exit().kind is ExitKind.START_FAILED
        house.end()


def test_when_frames_are_malformed_then_they_are_counted_and_a_storm_kills(
    house: ProcessHouse,
) -> None:
    room = house.start_ready(factory="tests.actors.runtime.misbehaving:babbler")
    room.offer(TimerFired(key="3"))
    room.offer(alert("still understood"))
    assert house.desk.next().text == "still understood"
    room.offer(TimerFired(key="200"))
    assert house.exit().reason == "100 malformed frames"


def test_when_the_host_is_seeded_then_the_same_target_runs_in_place() -> None:
    pool = SeededPool(VirtualClock())
    runtime = Runtime(SeededHosts(pool))
    desk = Listener()
    target = ProcessTarget(
        factory="tests.actors.runtime.misbehaving:echo",
        arguments={"reply_to": "desk", "values": (1, "two")},
    )
    runtime.start(RoomSpec(name="desk", generation=1, supervisor="", factory=lambda: desk))
    room: Room = runtime.start(
        RoomSpec(name="ema", generation=1, supervisor="boss", factory=target), HostKind.PROCESS
    )
    room.offer(TimerFired(key="tell values"))
    pool.run_idle()
    assert desk.next().text == "[1, 'two']"
    for name in ("desk", "ema"):
        runtime.directory.deliver(name, StopOrdered(reason="end"))
    pool.run_idle()
