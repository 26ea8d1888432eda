"""Stories of what a group asks for and what the watcher calls wrong: more twists of checks."""

from engine.messages.journal import Journaled
from engine.messages.records import OrderAccepted
from engine.messages.values import Book, Leg
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
