"""Stories of liveness: what must come right, and what did not."""

from types import SimpleNamespace

from actors.runtime.board import ChildRow
from engine.messages.control import Ceiling, FlattenOrdered, Reconciled, RecoveryDone
from engine.messages.records import LatchChanged, OrderAccepted, OrderUnknown
from engine.messages.values import Authority, Book, Leg, Mode, SessionPhase, Side
from engine.risk.account import LOSS_LATCH
from engine.units import NS_PER_S
from scripts.simulation.operators import KILL_CLEARED
from tests.sim.forge import NAME, Forge, story

LONG_S = 1_000


def flatten(forge: Forge, reason: str, *, is_bad: bool) -> None:
    forge.held()
    forge.handled("custodian", FlattenOrdered(scope="", reason=reason, at_ns=forge.now_ns))
    leave = forge.place(Leg.EXIT)
    if not is_bad:
        forge.fill(leave)
        forge.close(forge.picture.groups["grp-1"].plan)
    forge.rest()
    forge.market.tick_counts[NAME] += 10
    forge.wait(LONG_S)


def a_silent_market(forge: Forge) -> None:
    """Nothing trades, so the paper venue fills nothing."""
    forge.held()
    forge.handled("custodian", FlattenOrdered(scope="", reason="operator", at_ns=forge.now_ns))
    forge.place(Leg.EXIT)
    forge.market.tick_counts[NAME] += 9
    forge.wait(LONG_S)


def a_kill_is_cleared_before_an_entry_fills(forge: Forge) -> None:
    _killed_with_an_entry(forge, KILL_CLEARED)


def a_killed_life_dies_before_an_entry_fills(forge: Forge) -> None:
    _killed_with_an_entry(forge, "FLT-73")


def a_kill_is_cleared_on_the_way_out(forge: Forge) -> None:
    forge.held()
    order = FlattenOrdered(scope="", reason="kill: test", at_ns=forge.now_ns)
    forge.handled("custodian", order)
    forge.place(Leg.EXIT, reason="exit:kill: test")
    forge.death(KILL_CLEARED)
    _goes_on(forge)


def _killed_with_an_entry(forge: Forge, why: str) -> None:
    """The entry hangs at the exchange while the order lasts, and fills in the next life."""
    forge.open()
    entry = forge.place(Leg.ENTRY)
    order = FlattenOrdered(scope="", reason="kill: test", at_ns=forge.now_ns)
    forge.handled("custodian", order)
    forge.rest()
    forge.death(why)
    forge.fill(entry)
    _goes_on(forge)


def a_loss_that_no_latch_tells(forge: Forge) -> None:
    """The journal led no more when the guard measured it."""
    _died_with_a_loss(forge)
    _goes_on(forge)


def a_loss_that_is_latched(forge: Forge) -> None:
    _died_with_a_loss(forge, is_latched=True)
    _goes_on(forge)


def a_loss_that_the_next_life_finds_too(forge: Forge) -> None:
    _died_with_a_loss(forge)
    _ordered(forge, LOSS_LATCH)
    _goes_on(forge)


def a_persons_flatten_before_a_death(forge: Forge) -> None:
    forge.held()
    _ordered(forge, "operator")
    forge.rest()
    forge.death("kill -9")
    _goes_on(forge)


def _died_with_a_loss(forge: Forge, *, is_latched: bool = False) -> None:
    forge.held()
    _ordered(forge, LOSS_LATCH)
    if is_latched:
        latch = LatchChanged(
            at_ns=forge.now_ns, latch=LOSS_LATCH, is_set=True, reason="", by="guard"
        )
        forge.record(latch)
    forge.rest()
    forge.death("kill -9")
    forge.boot()


def _ordered(forge: Forge, reason: str) -> None:
    forge.handled("custodian", FlattenOrdered(scope="", reason=reason, at_ns=forge.now_ns))


def _goes_on(forge: Forge) -> None:
    forge.rest()
    forge.market.tick_counts[NAME] += 10
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


def a_clean_look_just_before_the_healing(forge: Forge) -> None:
    """A machine wakes two minutes before the end."""
    _looked_and_healed(forge, is_clean=True)


def an_unclean_look_just_before_the_healing(forge: Forge) -> None:
    _looked_and_healed(forge, is_clean=False)


def no_look_for_long(forge: Forge) -> None:
    _looked_and_healed(forge, is_clean=True)
    forge.wait(LONG_S)
    forge.end()


def _looked_and_healed(forge: Forge, *, is_clean: bool) -> None:
    forge.heals_at_ns = forge.now_ns + NS_PER_S
    lines = () if is_clean else ("order_vanished x",)
    found = Reconciled(is_clean=is_clean, differences=lines, at_ns=forge.now_ns)
    forge.handled("authority", found)
    forge.wait(120)
    forge.end()


def a_stranger_stands_in_the_book(forge: Forge) -> None:
    stranger = SimpleNamespace(instrument=NAME, is_alien=True, tag_true="")
    forge.broker.orders = (stranger,)
    lines = (f"order_alien x {NAME}: journal 0, broker 5",)
    forge.handled("authority", Reconciled(is_clean=False, differences=lines, at_ns=forge.now_ns))
    forge.wait(LONG_S)
    forge.end()


def a_stranger_and_more(forge: Forge) -> None:
    """A difference that no stranger explains."""
    stranger = SimpleNamespace(instrument=NAME, is_alien=True, tag_true="")
    forge.broker.orders = (stranger,)
    lines = (f"order_alien x {NAME}: journal 0, broker 5", "order_vanished y NSE:OTHER: journal 1")
    forge.handled("authority", Reconciled(is_clean=False, differences=lines, at_ns=forge.now_ns))
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


@story("LIV-08")
def ceilings_rise_again(forge: Forge, is_bad: bool) -> None:
    low = Ceiling(owner="journal", scope="", authority=Authority.REDUCE, reason="away")
    ceilings = {("journal", ""): low} if is_bad else {}
    forge.rooms["authority"] = _authority(ceilings)
    forge.wait(LONG_S)
    forge.end()


def the_database_is_back_at_the_very_end(forge: Forge) -> None:
    low = Ceiling(owner="journal", scope="", authority=Authority.REDUCE, reason="away")
    forge.rooms["authority"] = _authority({("journal", ""): low})
    forge.heals_at_ns = forge.now_ns
    forge.end()


def the_database_is_not_found_again(forge: Forge) -> None:
    low = Ceiling(owner="journal", scope="", authority=Authority.REDUCE, reason="away")
    forge.rooms["authority"] = _authority({("journal", ""): low})
    forge.heals_at_ns = forge.now_ns
    forge.wait(6)
    forge.end()


def a_room_is_down_at_the_very_end(forge: Forge) -> None:
    low = Ceiling(owner="down/book", scope="", authority=Authority.CANCEL, reason="crashed")
    forge.rooms["authority"] = _authority({("down/book", ""): low})
    forge.heals_at_ns = forge.now_ns
    forge.end()


def _authority(ceilings: dict[tuple[str, str], Ceiling]) -> SimpleNamespace:
    return SimpleNamespace(state=SimpleNamespace(_ceilings=ceilings, is_journal_back=False))


@story("LIV-09")
def an_alarm_is_no_protection(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    if not is_bad:
        forge.fact(OrderAccepted, stop)
    forge.rest()
    forge.alert("protect_failed", subject="grp-1")
    forge.wait(LONG_S)


def an_alarm_before_the_healing(forge: Forge) -> None:
    forge.heals_at_ns = forge.now_ns + NS_PER_S
    forge.held()
    forge.rest()
    forge.alert("protect_failed", subject="grp-1")
    forge.wait(LONG_S)
    forge.wait(LONG_S)


def no_start_without_the_database(forge: Forge) -> None:
    """Nobody knows of the position, and an alarm says why."""
    forge.held()
    forge.boot()
    forge.alert("journal_unavailable", subject="journal")
    forge.wait(LONG_S)


def no_start_and_no_alarm(forge: Forge) -> None:
    forge.held()
    forge.boot()
    forge.wait(LONG_S)


def an_alarm_of_the_start_only(forge: Forge) -> None:
    no_start_without_the_database(forge)
    forge.handled("authority", RecoveryDone(part="custodian", at_ns=forge.now_ns))
    forge.wait(LONG_S)


def an_alarm_as_a_life_begins(forge: Forge) -> None:
    """A group starts, sees that its stop does not work, and says so at once."""
    held = forge.held()
    forge.boot()
    forge.handled("authority", RecoveryDone(part="custodian", at_ns=forge.now_ns))
    forge.alert("protect_failed", subject=held.group_id)
    forge.wait(LONG_S)


def no_start_with_an_old_entry(forge: Forge) -> None:
    """An entry whose time is over, and an alarm that says why nobody could cancel it."""
    _old_entry(forge)
    forge.alert("journal_unavailable", subject="journal")
    forge.wait(2)
    forge.wait(LONG_S)


def no_start_with_an_old_entry_and_no_alarm(forge: Forge) -> None:
    _old_entry(forge)
    forge.wait(2)
    forge.wait(LONG_S)


def an_old_entry_after_the_start(forge: Forge) -> None:
    no_start_with_an_old_entry(forge)
    forge.handled("authority", RecoveryDone(part="custodian", at_ns=forge.now_ns))
    forge.rest()
    forge.wait(LONG_S)


def _old_entry(forge: Forge) -> None:
    forge.phase()
    forge.open(entry_expires_at_ns=forge.now_ns + NS_PER_S)
    forge.fact(OrderAccepted, forge.place(Leg.ENTRY))
    forge.boot()


def a_room_stands_still_at_the_very_end(forge: Forge) -> None:
    forge.inboxes["writer"] = SimpleNamespace(inbox=("one",), is_still=True)
    forge.end()


def a_room_stood_still_for_long(forge: Forge) -> None:
    forge.inboxes["writer"] = SimpleNamespace(inbox=("one",), is_still=True)
    forge.wait(LONG_S)
    forge.end()


def a_room_that_goes_leaves_messages(forge: Forge) -> None:
    forge.inboxes["writer"] = SimpleNamespace(inbox=("one",), is_still=False)
    forge.end()


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
    forge.wait(3_555)
    _shows(forge, 10)
    forge.wait(45)
    forge.phase(SessionPhase.CLOSED)


def less_depth_than_was_held(forge: Forge) -> None:
    """What the market shows after the broker's own square-off is for no order of ours."""
    _to_the_close(forge, before=9, after=100)


def as_much_depth_as_was_held(forge: Forge) -> None:
    _to_the_close(forge, before=10, after=0)


def depth_until_the_close_of_paper(forge: Forge) -> None:
    """The paper venue has no square-off of its own."""
    _to_the_close(forge, before=9, after=1, book=Book.PAPER)


def depth_for_who_buys(forge: Forge) -> None:
    """It is no use to whoever sells."""
    _to_the_close(forge, before=100, after=100, side=Side.BUY)


def _to_the_close(
    forge: Forge, before: int, after: int, book: Book = Book.LIVE, side: Side = Side.SELL
) -> None:
    forge.held(book)
    forge.wait(3_555)
    _shows(forge, before, side)
    forge.wait(25)
    _shows(forge, after, side)
    forge.wait(20)
    forge.phase(SessionPhase.CLOSED)


def _shows(forge: Forge, units: int, side: Side = Side.SELL) -> None:
    forge.market.tick_counts[NAME] += 3
    forge.market.shown[NAME, side] += units


def nothing_trades_before_the_close(forge: Forge) -> None:
    """The exit took all depth there was at the flat-by time, and the next came too late."""
    forge.held()
    forge.market.tick_counts[NAME] += 100
    forge.wait(3_555)
    forge.market.tick_counts[NAME] += 2
    forge.market.shown[NAME, Side.SELL] += 100
    forge.wait(45)
    forge.phase(SessionPhase.CLOSED)


def an_exit_rests_while_nothing_trades(forge: Forge) -> None:
    _a_resting_exit(forge, ticks=0)


def an_exit_rests_in_a_market_that_trades(forge: Forge) -> None:
    _a_resting_exit(forge, ticks=1)


def _a_resting_exit(forge: Forge, ticks: int) -> None:
    """It fills in the end, after calls before and within the last minutes."""
    forge.wait(LONG_S)
    held = forge.held()
    leave = forge.place(Leg.EXIT)
    for _ in range(3):
        forge.alert("exit_not_filling", subject=held.group_id)
        forge.market.tick_counts[NAME] += ticks
        forge.wait(60)
    forge.fill(leave)
    forge.wait(200)
    forge.end()


@story("LIV-12")
def alarms_end(forge: Forge, is_bad: bool) -> None:
    """Once before the last minutes and once more in them; or all through them."""
    forge.alert("not_flat")
    forge.wait(LONG_S)
    for _ in range(14 if is_bad else 1):
        forge.alert("not_flat")
        forge.wait(30)
    forge.end()
