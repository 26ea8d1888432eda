"""Stories of orders: each check of what leaves for a broker, kept and broken."""

from collections import deque
from types import SimpleNamespace

from msgspec.structs import replace

from engine.messages.broker import OrderReport, OrderStatus, Outcome
from engine.messages.control import Ceiling
from engine.messages.market import Tick
from engine.messages.records import (
    IntentPlanned,
    OrderAccepted,
    OrderCancelled,
    OrderDoubled,
    OrderLost,
    OrderModified,
    OrderRejected,
    OrderTriggered,
    RequestRefused,
)
from engine.messages.supervision import TimerFired
from engine.messages.values import Action, Authority, Book, Leg, Mode, SessionPhase, Side
from engine.units import NS_PER_MINUTE, NS_PER_S
from scripts.simulation.checks.wire import EpochsInOrder
from scripts.simulation.observer import WireRequest
from tests.sim.forge import NAME, PRICE, Forge, story

LATE_S = 3
LONG_S = 1_000


@story("INV-03")
def a_request_has_its_record(forge: Forge, is_bad: bool) -> None:
    forge.view(Mode.LIVE)
    forge.open(Book.LIVE)
    entry = forge.place(Leg.ENTRY, book=Book.LIVE)
    forge.send(replace(entry, quantity=11) if is_bad else entry)


@story("INV-04")
def a_tag_leaves_once(forge: Forge, is_bad: bool) -> None:
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.send(stop)
    forge.boot()
    if is_bad:
        forge.send(stop)


@story("INV-05")
def attempts_stay_within_the_plan(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.send(stop)
    if not is_bad:
        forge.fact(OrderRejected, stop, reason="test")
    forge.send(forge.place(Leg.STOP, tag="P-stop-2"))


@story("INV-06")
def a_void_generation_is_silent(forge: Forge, is_bad: bool) -> None:
    forge.held()
    generation = 1 if is_bad else 2
    forge.send(forge.place(Leg.STOP, owner_generation=2))
    forge.send(forge.place(Leg.TARGET_1, owner_generation=generation))


@story("INV-07")
def epochs_do_not_mix(forge: Forge, is_bad: bool) -> None:
    assert isinstance(forge.check, EpochsInOrder)
    entry = forge.intent(Leg.ENTRY, book=Book.LIVE)
    for epoch in (1, 2, 1 if is_bad else 2):
        request = WireRequest(
            at_ns=1,
            epoch=epoch,
            intent=entry,
            outcome="acked",
            is_processed=True,  # type: ignore[arg-type]
        )
        forge.check.on_request(request)


@story("INV-08")
def an_entry_needs_full(forge: Forge, is_bad: bool) -> None:
    low = Ceiling(owner="account", scope="", authority=Authority.REDUCE, reason="")
    forge.view(Mode.LIVE, *((low,) if is_bad else ()))
    forge.open(Book.LIVE)
    forge.send(forge.place(Leg.ENTRY, book=Book.LIVE))


@story("INV-09")
def an_exit_cannot_flip(forge: Forge, is_bad: bool) -> None:
    forge.held(Book.LIVE)
    target = forge.place(Leg.TARGET_1, 5, book=Book.LIVE)
    forge.send(target)
    forge.fact(OrderAccepted, target)
    forge.send(forge.place(Leg.EXIT, 10 if is_bad else 5, book=Book.LIVE))


@story("INV-10")
def cancel_means_cancel(forge: Forge, is_bad: bool) -> None:
    forge.held()
    forge.view(Mode.HALTED)
    leg = Leg.TARGET_1 if is_bad else Leg.STOP
    forge.send(forge.place(leg, price_trigger_paise=90_000))


def a_halted_stop_trades_at_once(forge: Forge) -> None:
    forge.held()
    forge.view(Mode.HALTED)
    forge.send(forge.place(Leg.STOP))


def a_halted_stop_has_triggered(forge: Forge) -> None:
    forge.held()
    forge.view(Mode.HALTED)
    forge.fact(OrderTriggered, forge.place(Leg.STOP, 6))
    target = forge.place(Leg.TARGET_1, 4)
    forge.send(forge.place(Leg.TARGET_1, 4, intent_id="c", action=Action.CANCEL))
    forge.fact(OrderRejected, target, reason="test")
    forge.send(forge.place(Leg.EXIT, 4))


def a_halted_rest_is_more_than_is_left(forge: Forge) -> None:
    forge.held()
    forge.view(Mode.HALTED)
    forge.fact(OrderTriggered, forge.place(Leg.STOP, 6))
    forge.send(forge.place(Leg.EXIT, 5))


def a_halted_target_after_its_stop(forge: Forge) -> None:
    forge.held()
    forge.view(Mode.HALTED)
    forge.fact(OrderTriggered, forge.place(Leg.STOP, 6))
    forge.send(forge.place(Leg.TARGET_1, 4))


@story("INV-11")
def fenced_is_for_ever(forge: Forge, is_bad: bool) -> None:
    forge.held()
    forge.view(Mode.FENCED if is_bad else Mode.PAPER)
    forge.send(forge.place(Leg.STOP))


@story("INV-15")
def books_do_not_mix(forge: Forge, is_bad: bool) -> None:
    forge.held(Book.LIVE)
    tag = "P-stop" if is_bad else "L-stop"
    forge.send(forge.place(Leg.STOP, book=Book.LIVE, tag=tag))


@story("INV-16")
def exits_fit_the_position(forge: Forge, is_bad: bool) -> None:
    forge.held()
    forge.send(forge.place(Leg.STOP, 10))
    forge.send(forge.place(Leg.TARGET_1, 5))
    forge.send(forge.place(Leg.TARGET_2, 6 if is_bad else 5))


@story("INV-19")
def one_flight_each(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    if not is_bad:
        forge.fact(OrderAccepted, stop)
    forge.place(Leg.STOP, tag=stop.client_order_id, intent_id="m1", action=Action.MODIFY)


def a_lost_stop_works_after_all(forge: Forge, *, attempts: int = 1, is_sent: bool = False) -> None:
    """Both facts were owed and are told together; in between the group has planned another."""
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.send(stop, Outcome.UNKNOWN)
    forge.fact(OrderLost, stop, reason="absent")
    forge.fact(OrderAccepted, stop)
    for attempt in range(attempts):
        again = forge.place(Leg.STOP, book=Book.LIVE, tag=f"L-again-{attempt}")
        if is_sent:
            forge.send(again)


def its_next_attempt_leaves(forge: Forge) -> None:
    a_lost_stop_works_after_all(forge, is_sent=True)


def its_next_attempt_is_repeated(forge: Forge) -> None:
    a_lost_stop_works_after_all(forge, attempts=2)


def a_stop_goes_with_the_spool(forge: Forge) -> None:
    _planned_anew(forge, Book.LIVE, is_sent=False)


def a_paper_stop_goes_with_the_spool(forge: Forge) -> None:
    _planned_anew(forge, Book.PAPER, is_sent=True)


def a_stop_that_left_goes_with_the_spool(forge: Forge) -> None:
    _planned_anew(forge, Book.LIVE, is_sent=True)


def a_change_that_left_goes_with_the_spool(forge: Forge) -> None:
    """The next life, to which the stop is known, asks for the same change again."""
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.send(stop)
    seq = len(forge.records)
    change = {"tag": stop.client_order_id, "intent_id": "m1", "action": Action.MODIFY}
    forge.send(forge.place(Leg.STOP, 5, book=Book.LIVE, **change))
    forge.spool_gone(seq)
    forge.boot()
    forge.send(forge.place(Leg.STOP, 5, book=Book.LIVE, **change))


def _planned_anew(forge: Forge, book: Book, *, is_sent: bool) -> None:
    """The plan of a stop is gone with the spool, and the next life plans and sends it again."""
    forge.held(book)
    seq = len(forge.records)
    stop = forge.place(Leg.STOP, book=book)
    if is_sent:
        forge.send(stop)
    forge.spool_gone(seq)
    forge.boot()
    forge.send(forge.place(Leg.STOP, book=book))


def another_stop_beside_one_that_left(forge: Forge) -> None:
    """What left for the broker works there, though its plan went with the spool."""
    forge.held(Book.LIVE)
    seq = len(forge.records)
    forge.send(forge.place(Leg.STOP, book=Book.LIVE))
    forge.spool_gone(seq)
    forge.boot()
    forge.place(Leg.STOP, book=Book.LIVE, tag="L-stop-2")


def a_stop_that_never_came_to_the_broker(forge: Forge) -> None:
    """It was sent, nothing happened, and its plan went with the spool."""
    _sent_again(forge, Action.PLACE)


def a_cancel_goes_with_the_spool(forge: Forge) -> None:
    _sent_again(forge, Action.CANCEL)


def a_cancel_leaves_twice(forge: Forge) -> None:
    """Its plan is there still."""
    _sent_again(forge, Action.CANCEL, is_gone=False)


def _sent_again(forge: Forge, action: Action, *, is_gone: bool = True) -> None:
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    is_cancel = action is Action.CANCEL
    if is_cancel:
        forge.send(stop)
    seq = len(forge.records) - (not is_cancel)
    asked = replace(stop, intent_id="c1", action=action) if is_cancel else stop
    if is_cancel:
        forge.record(asked)
    forge.requested(asked, Outcome.UNKNOWN, is_processed=is_cancel)
    if is_gone:
        forge.spool_gone(seq)
    forge.boot()
    forge.record(asked)
    forge.send(asked)


def an_end_goes_with_the_spool(forge: Forge) -> None:
    """The next life reads in the books that the stop was cancelled."""
    _ended_again(forge, is_gone=True)


def an_end_that_is_left_comes_again(forge: Forge) -> None:
    _ended_again(forge, is_gone=False)


def _ended_again(forge: Forge, *, is_gone: bool) -> None:
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.fact(OrderAccepted, stop)
    _cancelled_row(forge, stop, 0)
    for life in range(2):
        seq = len(forge.records)
        forge.fact(OrderCancelled, stop, filled_total=0, is_asked=True, reason="")
        if life == 0:
            forge.spool_gone(seq + (not is_gone))
            forge.boot()


@story("INV-20")
def facts_go_forward(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.fact(OrderAccepted, stop)
    forge.fact(OrderTriggered, stop)
    if is_bad:
        forge.fact(OrderAccepted, stop)
    forge.fill(stop, 4)
    _cancelled_row(forge, stop, 4)
    forge.fact(OrderCancelled, stop, filled_total=4, is_asked=True, reason="")


def _cancelled_row(forge: Forge, stop: IntentPlanned, filled: int) -> None:
    row = OrderReport(
        client_order_id=stop.client_order_id,
        venue_order_id=stop.client_order_id,
        instrument=stop.instrument,
        side=stop.side,
        order_type=stop.order_type,
        product=stop.product,
        status=OrderStatus.CANCELLED,
        quantity=10,
        filled_quantity=filled,
        price_limit_paise=PRICE,
        price_trigger_paise=0,
        at_ns=forge.now_ns,
    )
    forge.handled("watcher", row)


def an_end_before_its_fills(forge: Forge) -> None:
    """The row of a cancelled stop counts four units, and none is booked when it ends."""
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.fact(OrderAccepted, stop)
    _cancelled_row(forge, stop, 4)
    forge.fact(OrderCancelled, stop, filled_total=0, is_asked=True, reason="")


def a_request_to_cancel_is_taken_for_its_effect(forge: Forge) -> None:
    """The venue has acknowledged the request; the order still works there."""
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.fact(OrderAccepted, stop)
    forge.fact(OrderCancelled, stop, filled_total=0, is_asked=True, reason="")


def a_refusal_ends_an_order(forge: Forge) -> None:
    """Said by the answer to its placement."""
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.answered(stop, Outcome.REFUSED)
    forge.fact(OrderRejected, stop, reason="no margin")


def silence_is_taken_for_a_refusal(forge: Forge) -> None:
    """The placement timed out: the order may well be there."""
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.answered(stop, Outcome.UNKNOWN)
    forge.fact(OrderRejected, stop, reason="timed out")


@story("INV-24")
def limits_hold(forge: Forge, is_bad: bool) -> None:
    forge.phase()
    forge.view(Mode.PAPER)
    forge.open(price_stop_paise=PRICE - (50_000 if is_bad else 1_000))
    forge.send(forge.place(Leg.ENTRY))


def an_entry_at_a_price_that_only_the_guard_heard(forge: Forge) -> None:
    _late_entry(forge, "guard")


def an_entry_far_from_the_writers_price(forge: Forge) -> None:
    _late_entry(forge, "writer")


def an_entry_far_from_an_old_price(forge: Forge) -> None:
    _late_entry(forge, "writer", wait_s=LONG_S)


def _late_entry(forge: Forge, room: str, wait_s: int = 0) -> None:
    """The market was told a price hundreds of times too low since the plan was approved."""
    forge.phase()
    forge.view(Mode.PAPER)
    forge.open()
    tick = Tick(
        instrument=NAME,
        price_paise=PRICE // 100,
        at_ns=forge.now_ns,
        received_at_ns=forge.now_ns,
    )
    forge.handled(room, tick)
    forge.wait(wait_s)
    forge.send(forge.place(Leg.ENTRY))


@story("INV-25")
def ten_in_a_second(forge: Forge, is_bad: bool) -> None:
    forge.view(Mode.PAPER)
    forge.open()
    for number in range(11 if is_bad else 10):
        forge.send(forge.place(Leg.TARGET_1, tag=f"P-{number}"))


def a_writer_stands_still(forge: Forge) -> None:
    _late_exit(forge, Book.PAPER, still="writer")


def a_watcher_stands_still(forge: Forge) -> None:
    """It is told late of a paper exit that left in time."""
    _late_exit(forge, Book.PAPER, still="watcher")


def a_watcher_stands_still_beside_a_live_exit(forge: Forge) -> None:
    _late_exit(forge, Book.LIVE, still="watcher")


def a_writer_stood_still_before(forge: Forge) -> None:
    forge.inboxes["writer"] = SimpleNamespace(is_still=True)
    forge.wait(LONG_S)
    _late_exit(forge, Book.PAPER, still="")


def a_target_lets_later_exits_pass(forge: Forge) -> None:
    _overtaken(forge, Leg.TARGET_1, Leg.EXIT)


def a_target_lets_later_targets_pass(forge: Forge) -> None:
    _overtaken(forge, Leg.TARGET_1, Leg.TARGET_2)


def an_exit_lets_later_exits_pass(forge: Forge) -> None:
    _overtaken(forge, Leg.EXIT, Leg.EXIT)


def a_target_waits_for_no_one(forge: Forge) -> None:
    """Those that came later still wait when it leaves."""
    _overtaken(forge, Leg.TARGET_1, Leg.EXIT, is_passed=False)


def _overtaken(forge: Forge, leg: Leg, later: Leg, *, is_passed: bool = True) -> None:
    """One waits three seconds; eight came after it, and went after the first of them."""
    forge.view(Mode.LIVE)
    forge.open(Book.LIVE)
    first = forge.place(leg, book=Book.LIVE)
    forge.taken(first)
    others = [forge.place(later, book=Book.LIVE, tag=f"L-{number}") for number in range(8)]
    for other in others:
        forge.taken(other)
    forge.wait(1)
    if is_passed:
        for other in others:
            forge.requested(other)
    forge.wait(LATE_S - 1)
    forge.requested(first)


def _late_exit(forge: Forge, book: Book, *, still: str) -> None:
    """An exit leaves three seconds after the writer took it; meanwhile a room serves nobody."""
    forge.view(Mode.LIVE)
    forge.open(book)
    leave = forge.place(Leg.EXIT, book=book)
    for name in ("writer", "watcher"):
        forge.inboxes[name] = SimpleNamespace(is_still=name == still)
    forge.taken(leave)
    forge.wait(LATE_S)
    forge.inboxes.clear()
    if book is Book.LIVE:
        forge.requested(leave)
    else:
        forge.answered(leave, Outcome.ACKED)


@story("INV-28")
def only_groups_send(forge: Forge, is_bad: bool) -> None:
    forge.open()
    forge.place(Leg.ENTRY, owner="reconciler" if is_bad else "oco/grp-1")


@story("INV-29")
def deadlines_are_kept(forge: Forge, is_bad: bool) -> None:
    forge.view(Mode.PAPER)
    forge.open()
    entry = forge.place(Leg.ENTRY, expires_at_ns=forge.now_ns + NS_PER_S)
    forge.now_ns += 2 * NS_PER_S if is_bad else 0
    forge.send(entry)


@story("INV-33")
def an_entry_has_the_present_mode(forge: Forge, is_bad: bool) -> None:
    forge.view(Mode.PAPER, mode_seq=2 if is_bad else 1)
    forge.open()
    forge.send(forge.place(Leg.ENTRY))


@story("INV-42")
def a_flatten_shrinks(forge: Forge, is_bad: bool) -> None:
    forge.held()
    forge.view(Mode.FLATTENING)
    leave = forge.place(Leg.EXIT)
    forge.fill(leave)
    if is_bad:
        again = forge.place(Leg.STOP, 20)
        forge.fill(again, 20)


def a_leg_from_before_flips(forge: Forge) -> None:
    """A target hangs at the exchange and fills beside the stop, after the flatten order."""
    forge.held()
    stop, target = forge.place(Leg.STOP), forge.place(Leg.TARGET_1)
    forge.view(Mode.FLATTENING)
    forge.fill(stop)
    forge.fill(target)


def a_leg_is_enlarged_while_flattening(forge: Forge) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.view(Mode.FLATTENING)
    changes = {"tag": stop.client_order_id, "intent_id": "m1", "action": Action.MODIFY}
    forge.place(Leg.STOP, 30, **changes)
    forge.fill(stop, 30)


@story("INV-43")
def cancels_have_a_pace(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.send(stop)
    for number in range(14):
        forge.now_ns += NS_PER_S * (1 if is_bad else 10)
        intent_id = f"c{number}"
        changes = {"tag": stop.client_order_id, "intent_id": intent_id, "action": Action.CANCEL}
        cancel = forge.place(Leg.STOP, **changes)
        forge.send(cancel)


def an_expired_session(forge: Forge) -> None:
    """An entry that leaves when the session is over."""
    forge.view(Mode.PAPER)
    forge.phase(SessionPhase.CLOSED)
    forge.open()
    forge.send(forge.place(Leg.ENTRY))


def a_plan_of_the_last_minutes(forge: Forge) -> None:
    """Approved when entries had ended and the session had not."""
    forge.view(Mode.PAPER)
    forge.phase()
    forge.now_ns += 58 * NS_PER_MINUTE
    forge.handled("guard", forge.proposal())
    forge.open(signal_id="sig-1")


def a_modify_that_grows(forge: Forge) -> None:
    """A stop that is made larger than the position."""
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.send(stop)
    forge.fact(OrderAccepted, stop)
    changes = {"tag": stop.client_order_id, "intent_id": "m1", "action": Action.MODIFY}
    forge.send(forge.place(Leg.STOP, 12, **changes))


def a_target_beside_a_doubled_one(forge: Forge, *, second: int = 5) -> None:
    """One request made two targets of five; another target leaves beside them."""
    forge.held()
    first = forge.place(Leg.TARGET_1, 5)
    forge.send(first)
    forge.fact(OrderAccepted, first)
    forge.fact(OrderDoubled, first, second_id="2", quantity=second)
    forge.send(forge.place(Leg.TARGET_2, 5))


def a_target_beside_one_whose_double_is_gone(forge: Forge) -> None:
    """The second of the two has ended without a fill."""
    a_target_beside_a_doubled_one(forge, second=0)


def _a_target_grows(forge: Forge, told: int, at_venue: int, *, is_ghost: bool = False) -> None:
    """The journal has the growth of both targets to five; the first is sent. The writer counts as
    many units of the second as `told`, and the venue has `at_venue`."""
    forge.held(Book.LIVE)
    first, second = (forge.place(leg, 4, book=Book.LIVE) for leg in (Leg.TARGET_1, Leg.TARGET_2))
    for target in (first, second):
        forge.send(target)
        forge.fact(OrderAccepted, target)
    grown = [
        forge.place(
            asked.leg,
            6,
            book=Book.LIVE,
            tag=asked.client_order_id,
            intent_id=f"{asked.leg}-m1",
            action=Action.MODIFY,
        )
        for asked in (first, second)
    ]
    tag = second.client_order_id
    forge.writes({tag: told})
    forge.broker.orders = (
        SimpleNamespace(tag_true=tag, remaining=at_venue, is_terminal=is_ghost, is_ghost=is_ghost),
    )
    forge.send(grown[0])


def a_growth_waits_behind_another(forge: Forge) -> None:
    _a_target_grows(forge, told=4, at_venue=4)


def a_growth_has_left_before_another(forge: Forge) -> None:
    _a_target_grows(forge, told=6, at_venue=4)


def a_growth_that_the_writer_forgot(forge: Forge) -> None:
    _a_target_grows(forge, told=4, at_venue=6)


def an_order_lives_on_that_the_venue_shows_as_over(forge: Forge) -> None:
    _a_target_grows(forge, told=0, at_venue=6, is_ghost=True)


def _a_target_beside_a_stop(forge: Forge, told: int, at_venue: int) -> None:
    """A target has filled two of ten; the stop's shrinking is asked for, and no record tells more.
    The next target is for the rest."""
    forge.held()
    stop, first = forge.place(Leg.STOP, 10), forge.place(Leg.TARGET_1, 2)
    for exit_ in (stop, first):
        forge.send(exit_)
        forge.fact(OrderAccepted, exit_)
    forge.fill(first, 2)
    asked = {"tag": stop.client_order_id, "intent_id": "m1", "action": Action.MODIFY}
    forge.send(forge.place(Leg.STOP, 8, **asked))
    forge.writes({stop.client_order_id: told}, {stop.client_order_id: at_venue})
    forge.send(forge.place(Leg.TARGET_1, 8, tag="P-target-1-2"))


def a_target_beside_a_stop_that_has_shrunk(forge: Forge) -> None:
    _a_target_beside_a_stop(forge, told=8, at_venue=8)


def a_target_beside_a_stop_that_stays_too_large(forge: Forge) -> None:
    _a_target_beside_a_stop(forge, told=8, at_venue=10)


def _wait_in_the_writer(forge: Forge, *intents: IntentPlanned) -> None:
    """There is no budget: the writer takes them and they wait."""
    forge.rooms["writer"]._waiting = deque(intents)
    for intent in intents:
        forge.taken(intent)


def _leave_the_writer(forge: Forge, *intents: IntentPlanned) -> None:
    """There is budget again."""
    forge.rooms["writer"]._waiting.clear()
    forge.handled("writer", TimerFired(key="rate"))
    for intent in intents:
        forge.answered(intent, Outcome.ACKED)


def _a_target_waits_behind_a_stop(forge: Forge, at_venue: int) -> None:
    """A target has filled two of ten; the stop's shrinking and the next target wait together."""
    forge.held()
    stop, first = forge.place(Leg.STOP, 10), forge.place(Leg.TARGET_1, 2)
    for exit_ in (stop, first):
        forge.send(exit_)
        forge.fact(OrderAccepted, exit_)
    forge.fill(first, 2)
    tag = stop.client_order_id
    forge.writes({tag: 10}, {tag: 10})
    writer = forge.rooms["writer"]
    shrink = forge.place(Leg.STOP, 8, tag=tag, intent_id="m1", action=Action.MODIFY)
    target = forge.place(Leg.TARGET_1, 8, tag="P-target-1-2")
    _wait_in_the_writer(forge, shrink, target)
    forge.writes({tag: at_venue}, {tag: at_venue})
    vars(writer).update(vars(forge.rooms["writer"]))
    forge.rooms["writer"] = writer
    _leave_the_writer(forge, shrink, target)


def a_target_waits_behind_a_stop_that_shrinks(forge: Forge) -> None:
    _a_target_waits_behind_a_stop(forge, at_venue=8)


def a_target_waits_behind_a_stop_that_does_not_shrink(forge: Forge) -> None:
    _a_target_waits_behind_a_stop(forge, at_venue=10)


def _a_target_waits(forge: Forge, left: Mode) -> None:
    """A target comes to the writer while CANCEL is left, and leaves it in another mode."""
    forge.held()
    forge.writes({}, {})
    forge.view(Mode.HALTED)
    target = forge.place(Leg.TARGET_1, 10)
    _wait_in_the_writer(forge, target)
    forge.view(left)
    _leave_the_writer(forge, target)


def a_target_waits_until_the_mode_rises(forge: Forge) -> None:
    _a_target_waits(forge, Mode.REDUCE)


def a_target_leaves_in_a_mode_that_does_not_rise(forge: Forge) -> None:
    _a_target_waits(forge, Mode.HALTED)


def a_target_leaves_after_the_mode_has_fallen(forge: Forge) -> None:
    """It came to the writer while all was allowed, and waited there."""
    forge.held()
    forge.writes({}, {})
    forge.view(Mode.REDUCE)
    target = forge.place(Leg.TARGET_1, 10)
    _wait_in_the_writer(forge, target)
    forge.view(Mode.HALTED)
    _leave_the_writer(forge, target)


def a_life_that_begins_live(forge: Forge) -> None:
    """The mode of the last life is taken up again."""
    forge.boot()
    forge.mode(Mode.STANDBY, Mode.RECOVERING, 1)
    forge.boot()
    forge.mode(Mode.LIVE, Mode.REDUCE, 2)


def an_entry_from_the_spool(forge: Forge) -> None:
    """The database was away when the entry was recorded."""
    forge.database.rows["simulation"] = []
    forge.view(Mode.LIVE)
    forge.open(Book.LIVE)
    forge.wait(2)
    forge.send(forge.place(Leg.ENTRY, book=Book.LIVE))


def asked_again_by_one_id(forge: Forge, first: Outcome, second: Outcome) -> None:
    """The journal owed, the group heard nothing and asked again, at another price."""
    forge.held()
    forge.view(Mode.PAPER)
    forge.fact(OrderAccepted, forge.place(Leg.STOP))
    modify = {"intent_id": "m1", "action": Action.MODIFY}
    asked = [forge.place(Leg.STOP, price_limit_paise=price, **modify) for price in (90_000, 80_000)]
    for intent in asked:
        forge.taken(intent)
    for intent, outcome in zip(asked, (first, second), strict=True):
        forge.answered(intent, outcome)


def the_first_of_one_id_leaves(forge: Forge) -> None:
    asked_again_by_one_id(forge, Outcome.ACKED, Outcome.DENIED)


def the_second_of_one_id_leaves(forge: Forge) -> None:
    asked_again_by_one_id(forge, Outcome.DENIED, Outcome.ACKED)


def an_entry_past_its_time(forge: Forge) -> None:
    """It rests, its plan has expired long ago, and nobody cancels it."""
    forge.phase()
    forge.view(Mode.PAPER)
    forge.open(entry_expires_at_ns=forge.now_ns + NS_PER_S)
    entry = forge.place(Leg.ENTRY)
    forge.send(entry)
    forge.fact(OrderAccepted, entry)
    for _ in range(3):
        forge.wait(60)


def a_growth_that_comes_too_late(forge: Forge) -> None:
    """An exit of a half is made larger while it fills: it is full, the rest is a new order."""
    forge.held()
    exit_ = forge.place(Leg.EXIT, 5)
    forge.send(exit_)
    forge.fact(OrderAccepted, exit_)
    forge.fill(exit_, 5)
    changes = {"tag": exit_.client_order_id, "intent_id": "m1", "action": Action.MODIFY}
    growth = forge.place(Leg.EXIT, 10, **changes)
    rest = forge.place(Leg.EXIT, 5, tag="P-exit-2")
    forge.send(growth)
    forge.send(rest)


def a_growth_given_up_too_early(forge: Forge) -> None:
    """The venue takes a growth after the engine has waited for it long enough."""
    _given_up(forge, was_at_venue=True)


def a_growth_that_never_was(forge: Forge) -> None:
    """More is booked than was ever asked for at the venue."""
    _given_up(forge, was_at_venue=False)


def _given_up(forge: Forge, *, was_at_venue: bool) -> None:
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, 5, book=Book.LIVE)
    forge.send(stop)
    forge.fact(OrderAccepted, stop)
    changes = {"tag": stop.client_order_id, "intent_id": "m1", "action": Action.MODIFY}
    growth = forge.place(Leg.STOP, 10, book=Book.LIVE, **changes)
    if was_at_venue:
        forge.send(growth, Outcome.UNKNOWN)
    refused = {"intent_id": "m1", "action": Action.MODIFY, "reason": "no effect at the venue"}
    forge.fact(RequestRefused, stop, **refused)
    forge.fill(stop, 10)


def a_stop_that_shrinks(forge: Forge) -> None:
    """A target fills, the stop follows: at no time is anything wrong."""
    forge.held()
    stop, target = forge.place(Leg.STOP), forge.place(Leg.TARGET_1, 5)
    for order in (stop, target):
        forge.send(order)
        forge.fact(OrderAccepted, order)
    forge.fill(target, 5)
    changes = {"tag": stop.client_order_id, "intent_id": "m1", "action": Action.MODIFY}
    modify = forge.place(Leg.STOP, 5, side=Side.SELL, **changes)
    forge.send(modify)
    forge.fact(
        OrderModified,
        stop,
        intent_id="m1",
        quantity=5,
        price_limit_paise=PRICE,
        price_trigger_paise=0,
    )
    forge.fill(stop, 5, order_quantity=5)
    forge.wait(200)
