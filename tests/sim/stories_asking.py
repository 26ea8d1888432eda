"""Stories of what a group asks for and what the watcher calls wrong: more twists of checks."""

from types import SimpleNamespace

from engine.messages.journal import Journaled
from engine.messages.records import OrderAccepted, OrderDoubled, OrderRejected, OrderUnknown
from engine.messages.values import Action, Book, Leg, Mode
from tests.sim.forge import Forge


def an_exit_is_asked_beside_a_target(forge: Forge) -> None:
    """It never leaves: the gate would say no, and the position has no exit."""
    forge.held()
    target = forge.place(Leg.TARGET_1, 10)
    forge.send(target)
    forge.fact(OrderAccepted, target)
    forge.place(Leg.EXIT, 10)


def _a_stop_after_a_fill(forge: Forge, *, waits_s: int) -> None:
    """A target has filled four of ten, its group hears it, and a stop of ten is durable later."""
    forge.held()
    target = forge.place(Leg.TARGET_1, 5)
    forge.send(target)
    forge.fact(OrderAccepted, target)
    forge.fill(target, 4)
    seq, fill = forge.records[-1]
    group = f"oco/{target.group_id}"
    forge.handled(group, Journaled(seq=seq, record=fill))
    forge.wait(waits_s)
    forge.place(Leg.STOP, 10)


def a_stop_crosses_a_fill(forge: Forge) -> None:
    _a_stop_after_a_fill(forge, waits_s=2)


def a_stop_ignores_a_fill(forge: Forge) -> None:
    _a_stop_after_a_fill(forge, waits_s=60)


def a_booked_trade_is_called_too_much(forge: Forge) -> None:
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.fill(stop, 10)
    forge.alert("overfilled", subject=stop.client_order_id)


def an_order_trades_more_than_it_can(forge: Forge) -> None:
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.trade(stop, 12)
    forge.alert("overfilled", subject=stop.client_order_id)


def a_target_is_asked_beside_a_stop_that_is_too_large(forge: Forge) -> None:
    """The stop cannot be made smaller just now. The target takes its place in it, and no more."""
    forge.held()
    stop, first = forge.place(Leg.STOP, 10), forge.place(Leg.TARGET_1, 5)
    for exit_ in (stop, first):
        forge.send(exit_)
        forge.fact(OrderAccepted, exit_)
    forge.fill(first, 5)
    seq, fill = forge.records[-1]
    forge.handled(f"oco/{first.group_id}", Journaled(seq=seq, record=fill))
    forge.wait(60)
    forge.place(Leg.TARGET_2, 5)


def _a_second_stop(forge: Forge, units: int, *, is_known: bool = False) -> None:
    """A stop of four went out, and nobody knows whether it came there; ten are held."""
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, 4, book=Book.LIVE)
    forge.send(stop)
    forge.fact(OrderUnknown, stop, reason="no answer")
    if is_known:
        forge.fact(OrderAccepted, stop)
    forge.place(Leg.STOP, units, book=Book.LIVE, tag="L-stop-2")


def a_second_stop_for_the_rest(forge: Forge) -> None:
    _a_second_stop(forge, 6)


def a_second_stop_for_more_than_the_rest(forge: Forge) -> None:
    _a_second_stop(forge, 7)


def a_second_stop_beside_one_that_works(forge: Forge) -> None:
    _a_second_stop(forge, 6, is_known=True)


def _a_second_is_called_back(forge: Forge, *, is_rejected: bool) -> None:
    forge.held(Book.LIVE)
    target = forge.place(Leg.TARGET_1, book=Book.LIVE)
    forge.send(target)
    if is_rejected:
        forge.fact(OrderRejected, target, reason="test")
    forge.fact(OrderDoubled, target, second_id="V-2", quantity=10)
    changes = {"tag": target.client_order_id, "intent_id": "c1", "action": Action.CANCEL}
    forge.place(Leg.TARGET_1, book=Book.LIVE, **changes)


def the_second_of_a_rejected_target_is_called_back(forge: Forge) -> None:
    _a_second_is_called_back(forge, is_rejected=True)


def a_second_is_called_back_while_the_first_is_open(forge: Forge) -> None:
    _a_second_is_called_back(forge, is_rejected=False)


def _an_exit_beside_a_second(forge: Forge, *, is_full: bool, is_called_back: bool = False) -> None:
    """Of two orders that one request made one has filled, or not, when a record tells of both."""
    forge.held(Book.LIVE)
    leave = forge.place(Leg.EXIT, 4, book=Book.LIVE)
    forge.send(leave)
    if is_full:
        forge.fill(leave, 4)
    forge.fact(OrderDoubled, leave, second_id="V-2", quantity=4)
    if is_called_back:
        changes = {"tag": leave.client_order_id, "intent_id": "c1", "action": Action.CANCEL}
        forge.place(Leg.EXIT, 4, book=Book.LIVE, **changes)
    forge.place(Leg.EXIT, 2, book=Book.LIVE, tag="L-exit-2")


def an_exit_crosses_the_news_of_a_second(forge: Forge) -> None:
    _an_exit_beside_a_second(forge, is_full=True)


def an_exit_beside_a_second_that_was_called_back(forge: Forge) -> None:
    _an_exit_beside_a_second(forge, is_full=True, is_called_back=True)


def an_exit_beside_two_that_are_open(forge: Forge) -> None:
    _an_exit_beside_a_second(forge, is_full=False)


def _a_target_grows_in_halted(forge: Forge, at_venue: int) -> None:
    """A growth to six was called refused, and is asked for again after the halt."""
    forge.held(Book.LIVE)
    target = forge.place(Leg.TARGET_1, 4, book=Book.LIVE)
    forge.send(target)
    forge.fact(OrderAccepted, target)
    tag = target.client_order_id
    forge.broker.orders = (SimpleNamespace(tag_true=tag, quantity=at_venue, is_terminal=False),)
    forge.view(Mode.HALTED)
    changes = {"tag": tag, "intent_id": "m2", "action": Action.MODIFY}
    forge.send(forge.place(Leg.TARGET_1, 6, book=Book.LIVE, **changes))


def a_target_that_has_grown_at_its_venue(forge: Forge) -> None:
    _a_target_grows_in_halted(forge, at_venue=6)


def a_target_that_has_not_grown_at_its_venue(forge: Forge) -> None:
    _a_target_grows_in_halted(forge, at_venue=4)
