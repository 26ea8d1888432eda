"""Stories of liveness: what must come right, and what did not."""

from types import SimpleNamespace

from actors.runtime.board import ChildRow
from engine.messages.control import Ceiling, FlattenOrdered, Reconciled
from engine.messages.records import OrderAccepted, OrderUnknown
from engine.messages.values import Authority, Leg, Mode, SessionPhase
from tests.sim.forge import Forge, story

LONG_S = 1_000


def flatten(forge: Forge, reason: str, *, is_bad: bool) -> None:
    forge.held()
    forge.handled("custodian", FlattenOrdered(scope="", reason=reason, at_ns=forge.now_ns))
    leave = forge.place(Leg.EXIT)
    if not is_bad:
        forge.fill(leave)
        forge.close(forge.picture.groups["grp-1"].plan)
    forge.wait(LONG_S)


@story("LIV-01")
def a_kill_ends_flat(forge: Forge, is_bad: bool) -> None:
    flatten(forge, "kill: test", is_bad=is_bad)


@story("LIV-02")
def a_flatten_ends_flat(forge: Forge, is_bad: bool) -> None:
    flatten(forge, "operator", is_bad=is_bad)


@story("LIV-03")
def the_unknown_is_resolved(forge: Forge, is_bad: bool) -> None:
    forge.open()
    entry = forge.place(Leg.ENTRY)
    forge.fact(OrderUnknown, entry, reason="time-out")
    if not is_bad:
        forge.fact(OrderAccepted, entry)
    forge.wait(LONG_S)
    forge.end()


@story("LIV-04")
def the_books_agree(forge: Forge, is_bad: bool) -> None:
    reconciled = Reconciled(
        is_clean=not is_bad, differences=("order_vanished x",), at_ns=forge.now_ns
    )
    forge.handled("authority", reconciled)
    forge.wait(LONG_S)
    forge.end()


@story("LIV-06")
def children_come_back(forge: Forge, is_bad: bool) -> None:
    forge.exit("book")
    row = ChildRow(
        name="book",
        supervisor="core",
        kind="worker",
        host="pooled",
        state="restarting",
        generation=1,
        restarts=1,
    )
    forge.board.append(row)
    if not is_bad:
        forge.ready("book", 2)
    forge.wait(LONG_S)
    forge.end()


@story("LIV-07")
def recovery_ends(forge: Forge, is_bad: bool) -> None:
    forge.mode(Mode.STANDBY, Mode.RECOVERING, 1)
    if not is_bad:
        forge.mode(Mode.RECOVERING, Mode.PAPER, 2)
    forge.wait(LONG_S)
    forge.end()


@story("LIV-07")
def a_stranger_holds_it_up(forge: Forge, is_bad: bool) -> None:
    """A difference of an instrument in which a stranger traded is no fault; any other is."""
    alien = SimpleNamespace(is_alien=True, tag="", tag_true="", instrument="NSE:INFY")
    alien.venue_order_id = "900"
    forge.broker.ledger.orders["900"] = alien
    state = SimpleNamespace(_parts=set(), parts_done=set(), clean_count=0)
    forge.rooms["authority"] = SimpleNamespace(state=state)
    name = "NSE:TCS" if is_bad else "NSE:INFY"
    line = f"position_differs {name}/MIS {name}: journal 0, broker 10"
    differs = Reconciled(is_clean=False, differences=(line,), at_ns=forge.now_ns)
    forge.handled("authority", differs)
    forge.mode(Mode.STANDBY, Mode.RECOVERING, 1)
    forge.wait(LONG_S)
    forge.end()


@story("LIV-08")
def ceilings_rise_again(forge: Forge, is_bad: bool) -> None:
    low = Ceiling(owner="journal", scope="", authority=Authority.REDUCE, reason="away")
    state = SimpleNamespace(
        _ceilings={("journal", ""): low} if is_bad else {}, is_journal_back=True
    )
    forge.rooms["authority"] = SimpleNamespace(state=state)
    forge.end()


@story("LIV-09")
def an_alarm_is_no_protection(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    if not is_bad:
        forge.fact(OrderAccepted, stop)
    forge.rest()
    forge.alert("protect_failed", subject="grp-1")
    forge.wait(LONG_S)


@story("LIV-10")
def nothing_is_left_lying(forge: Forge, is_bad: bool) -> None:
    parked = [(1, "hearsay")] if is_bad else []
    forge.rooms["watcher"] = SimpleNamespace(truth=SimpleNamespace(parked=parked))
    forge.end()


@story("LIV-11")
def the_close_is_flat(forge: Forge, is_bad: bool) -> None:
    forge.held()
    if not is_bad:
        forge.fill(forge.place(Leg.EXIT))
    forge.wait(LONG_S)
    forge.phase(SessionPhase.CLOSED)


@story("LIV-12")
def alarms_end(forge: Forge, is_bad: bool) -> None:
    forge.alert("not_flat")
    forge.wait(LONG_S)
    if is_bad:
        forge.alert("not_flat")
    forge.end()
