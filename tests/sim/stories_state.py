"""Stories of state: positions, the account, the journal, supervision and commands."""

from collections import deque
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from actors.stores.latches import HALT, KILL, Latch
from engine.journal import encode
from engine.messages.broker import TradeReport
from engine.messages.control import CommandDone, OperatorCommand
from engine.messages.market import FeedStateChanged, Tick
from engine.messages.records import (
    DecisionRecorded,
    JobRan,
    LatchChanged,
    OperatorActed,
    OrderAccepted,
    OrderCancelled,
    SignalRecorded,
)
from engine.messages.supervision import ChildExited, ExitKind, RestartWanted
from engine.messages.values import Book, FeedState, Leg, Mode
from engine.orders.oco_state import fold
from engine.portfolio.positions import Ledger
from scripts.simulation.checks.supervision import SAMPLE_EVERY
from tests.sim.forge import NAME, PRICE, Forge, story


def a_ledger(forge: Forge, *, has_all: bool) -> Ledger:
    """A ledger of the recorded fills, or of one fill too few."""
    ledger = Ledger()
    fills = [r for _, r in forge.records if hasattr(r, "trade_id")]
    for fill in fills if has_all else fills[:-1]:
        ledger.apply(fill)  # type: ignore[arg-type]
    return ledger


def a_guard(forge: Forge, **account: Any) -> None:
    """A guard with this account."""
    forge.rooms["guard"] = SimpleNamespace(_account=SimpleNamespace(**account), seq=10_000)


def a_command(command: str, argument: str = "", request_id: str = "r1") -> OperatorCommand:
    return OperatorCommand(
        command=command, argument=argument, reason="", by="test", request_id=request_id, at_ns=1
    )


@story("INV-01")
def the_book_sums_fills(forge: Forge, is_bad: bool) -> None:
    forge.held()
    ledger = a_ledger(forge, has_all=not is_bad)
    forge.rooms["book"] = SimpleNamespace(ledger=ledger, seq=10_000)
    forge.rest()


@story("INV-02")
def the_truth_is_in_the_interval(forge: Forge, is_bad: bool) -> None:
    a_late_fill(forge, is_booked=not is_bad, is_alarmed=False)


def a_late_fill(forge: Forge, *, is_booked: bool, is_alarmed: bool) -> None:
    """A cancelled stop has filled; the trade is shown to the watcher."""
    entry = forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.fact(OrderCancelled, stop, filled_total=0, is_asked=True, reason="")
    forge.trade(stop)
    report = TradeReport(
        trade_id="late",
        client_order_id=stop.client_order_id,
        venue_order_id=stop.client_order_id,
        instrument=entry.instrument,
        side=stop.side,
        product=stop.product,
        quantity=10,
        price_paise=PRICE,
        at_ns=forge.now_ns,
    )
    forge.handled("watcher", report)
    if is_alarmed:
        forge.alert("fill_after_terminal")
    if is_booked:
        forge.fill(stop, is_invented=True)
    forge.wait(120)


def a_late_fill_is_alarmed_only(forge: Forge) -> None:
    a_late_fill(forge, is_booked=False, is_alarmed=True)


def a_late_fill_behind_books_that_stand_still(forge: Forge) -> None:
    _filled_in_two(forge, is_shown=False)


def a_second_late_fill_is_alarmed_only(forge: Forge) -> None:
    _filled_in_two(forge, is_shown=True)


def _filled_in_two(forge: Forge, *, is_shown: bool) -> None:
    """A cancelled stop fills twice: the first trade is booked, and shown again after the second."""
    forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.fact(OrderCancelled, stop, filled_total=0, is_asked=True, reason="")
    first = forge.trade(stop, 4, trade_id="first")
    forge.handled("watcher", first)
    forge.fill(stop, 4, is_invented=True, trade_id="first")
    forge.rest()
    second = forge.trade(stop, 6, trade_id="second")
    forge.alert("fill_after_terminal")
    forge.handled("watcher", first)
    if is_shown:
        forge.handled("watcher", second)
    forge.wait(120)


def a_late_fill_while_the_journal_is_away(forge: Forge) -> None:
    """What is owed cannot be written down yet."""
    entry = forge.held(Book.LIVE)
    stop = forge.place(Leg.STOP, book=Book.LIVE)
    forge.fact(OrderCancelled, stop, filled_total=0, is_asked=True, reason="")
    forge.handled("watcher", forge.trade(stop, entry.quantity))
    forge.alert("fill_after_terminal")
    forge.alert("journal_blocked")
    forge.wait(120)


def a_stranger_closes(forge: Forge, *, is_all_booked: bool) -> None:
    """Somebody sells what a group holds in two trades; each is to be adopted on its own."""
    forge.held(Book.LIVE)
    name = {"client_order_id": "", "venue_order_id": "900"}
    for number, quantity in enumerate((4, 6)):
        tag = f"L-adopted-{number}"
        taken = forge.intent(Leg.EXIT, quantity, book=Book.LIVE, tag=tag, owner="watcher")
        forge.handled("watcher", forge.trade(taken, quantity, trade_id=tag, **name))
        if number == 0 or is_all_booked:
            forge.record(taken)
            forge.fill(taken, quantity, is_invented=True, trade_id=tag, venue_order_id="900")
        forge.rest()
    forge.wait(120)


@story("INV-12")
def a_kill_is_on_disk(forge: Forge, is_bad: bool) -> None:
    if not is_bad:
        forge.latched.append(Latch(KILL, "test"))
    forge.handled("authority", a_command("kill"))
    forge.handled("console", CommandDone(request_id="r1", is_done=True, text=""))


def a_halt_in_memory(forge: Forge, of: str = "halt") -> None:
    """A halt is confirmed and nothing is on disk."""
    forge.handled("authority", a_command("halt"))
    forge.handled("console", CommandDone(request_id="r1", is_done=True, text="", command=of))


def a_flatten_of_the_same_id(forge: Forge) -> None:
    """What is confirmed is the flatten that had the halt's id before."""
    a_halt_in_memory(forge, of="flatten")


@story("INV-13")
def killed_stays_killed(forge: Forge, is_bad: bool) -> None:
    forge.latched.append(Latch(KILL, "test"))
    forge.boot()
    forge.mode(Mode.STANDBY, Mode.PAPER if is_bad else Mode.KILLED, 1)


@story("INV-14")
def live_is_released(forge: Forge, is_bad: bool) -> None:
    forge.handled("authority", a_command("mode", f"live {7 if is_bad else 4}"))
    forge.mode(Mode.PAPER, Mode.LIVE, 5)


@story("INV-17")
def a_position_is_protected(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    if not is_bad:
        forge.fact(OrderAccepted, stop)
    forge.wait(300)


@story("INV-18")
def no_orphan_works(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop, leave = forge.place(Leg.STOP), forge.place(Leg.TARGET_1)
    forge.fact(OrderAccepted, stop)
    forge.fill(leave)
    if not is_bad:
        forge.fact(OrderCancelled, stop, filled_total=0, is_asked=True, reason="")
    forge.wait(300)


def a_late_entry_that_is_told_by_its_tag(forge: Forge) -> None:
    """Its group's records are gone, and the reconciler names the order."""
    _late_entry(forge, "P-entry")


def a_late_entry_beside_one_that_is_told(forge: Forge) -> None:
    _late_entry(forge, "P-another")


def _late_entry(forge: Forge, told: str) -> None:
    forge.phase()
    forge.open()
    forge.fact(OrderAccepted, forge.place(Leg.ENTRY))
    forge.alert("orphan_tag", subject=told)
    forge.wait(301)
    forge.wait(300)


@story("INV-21")
def a_trade_counts_once(forge: Forge, is_bad: bool) -> None:
    forge.held()
    stop = forge.place(Leg.STOP)
    forge.fill(stop, 4, trade_id="a")
    forge.fill(stop, 4, trade_id="a" if is_bad else "b")


@story("INV-22")
def owners_sum_up(forge: Forge, is_bad: bool) -> None:
    forge.held()
    a_guard(forge, ledger=a_ledger(forge, has_all=True))
    held = SimpleNamespace(position=9 if is_bad else 10)
    reader = SimpleNamespace(seq=10_000)
    forge.rooms["oco/grp-1"] = SimpleNamespace(group=held, _is_recovered=True, _reader=reader)
    forge.rest()


def a_fill_is_gone(forge: Forge) -> None:
    _filled_and_gone(forge, held=0)


def a_fill_is_gone_and_a_guard_knows_it(forge: Forge) -> None:
    _filled_and_gone(forge, held=10)


def a_fill_is_gone_and_a_group_knows_it(forge: Forge) -> None:
    _filled_and_gone(forge, held=0, group_held=10)


def a_void_guard_knows_what_is_gone(forge: Forge) -> None:
    _filled_and_gone(forge, held=10, read_count=1)


def a_live_fill_is_gone(forge: Forge) -> None:
    """It has to be found again; till then nobody can know."""
    _filled_and_gone(forge, held=0, book=Book.LIVE)


def a_paper_fill_happens_again(forge: Forge) -> None:
    _filled_and_gone(forge, held=0)
    forge.fill(forge.picture.orders["P-entry"].intent)
    forge.rooms["oco/grp-1"].group.position = 10
    a_guard(forge, ledger=a_ledger(forge, has_all=True))
    forge.rooms["guard"].seq = len(forge.records)
    forge.rest()


def a_paper_fill_happens_again_unseen(forge: Forge) -> None:
    _filled_and_gone(forge, held=0)
    forge.fill(forge.picture.orders["P-entry"].intent)
    forge.rooms["guard"].seq = len(forge.records)
    forge.rest()


def _filled_and_gone(
    forge: Forge,
    *,
    held: int,
    group_held: int = 0,
    read_count: int = 0,
    book: Book = Book.PAPER,
) -> None:
    """A failover forgot the fill, and the process died with it; `read_count`: how many records the
    guard has read of those that are gone."""
    forge.held(book)
    seq = len(forge.records) - 1
    ledger = a_ledger(forge, has_all=True)
    forge.spool_gone(seq)
    a_guard(forge, ledger=ledger if held else {})
    forge.rooms["guard"].seq = seq + read_count
    forge.rooms["oco/grp-1"] = SimpleNamespace(
        group=SimpleNamespace(position=group_held),
        _is_recovered=True,
        _reader=SimpleNamespace(seq=seq),
    )
    forge.rest()


@story("INV-23")
def reservations_are_worst_cases(forge: Forge, is_bad: bool) -> None:
    forge.held()
    holding = SimpleNamespace(worst_units=9 if is_bad else 10, risk_paise=10_000, is_opened=True)
    a_guard(forge, reservations=SimpleNamespace(_holdings={"grp-1": holding}))
    forge.rest()


def a_closing_in_the_journal(forge: Forge) -> None:
    """A group is closed in the records, and nobody was told of it yet."""
    forge.held()
    before = len(forge.records)
    forge.close(forge.plan())
    holding = SimpleNamespace(worst_units=0, risk_paise=0, is_opened=True)
    a_guard(forge, reservations=SimpleNamespace(_holdings={"grp-1": holding}))
    forge.rooms["guard"].seq = before
    forge.rest()


def an_opening_is_gone(forge: Forge) -> None:
    _opened_and_gone(forge, Book.PAPER)


def an_opening_that_left_is_gone(forge: Forge) -> None:
    _opened_and_gone(forge, Book.LIVE)


def _opened_and_gone(forge: Forge, book: Book) -> None:
    """A failover forgot a group and its entry, which had left, and the process died with them."""
    forge.open(book)
    forge.send(forge.place(Leg.ENTRY, book=book))
    forge.spool_gone(0)
    forge.boot()
    a_guard(forge, reservations=SimpleNamespace(_holdings={}))
    forge.rest()


def a_closing_that_the_guard_heard(forge: Forge) -> None:
    """The guard has read that a group is closed and still keeps units for it."""
    a_closing_in_the_journal(forge)
    forge.rooms["guard"].seq = len(forge.records)
    forge.boot()
    forge.rest()


@story("INV-26")
def counters_rise(forge: Forge, is_bad: bool) -> None:
    entry = forge.held()
    day = entry.at_ns // 86_400_000_000_000
    orders = set() if is_bad else {entry.client_order_id}
    a_guard(forge, now_day=day, _orders=orders, is_loss_latched=False)
    forge.rest()


def an_order_goes_with_the_spool(forge: Forge) -> None:
    _counted_after_the_loss(forge, is_entry_gone=True)


def an_order_that_is_left_is_not_counted(forge: Forge) -> None:
    _counted_after_the_loss(forge, is_entry_gone=False)


def _counted_after_the_loss(forge: Forge, *, is_entry_gone: bool) -> None:
    """The guard of the next life knows of no order."""
    entry = forge.held()
    forge.spool_gone(0 if is_entry_gone else len(forge.records))
    forge.boot()
    day = entry.at_ns // 86_400_000_000_000
    a_guard(forge, now_day=day, _orders=set(), is_loss_latched=False)
    forge.rest()


@story("INV-27")
def a_loss_is_latched(forge: Forge, is_bad: bool) -> None:
    a_guard(forge, is_loss_latched=not is_bad)
    forge.held()
    for _ in range(3):
        tick = Tick(instrument=NAME, price_paise=1, at_ns=1, received_at_ns=1)
        forge.handled("guard", tick)
        forge.fill(forge.place(Leg.ENTRY, 100, tag=f"P-{forge.now_ns}"), 100)
        forge.wait(10)


@story("INV-30")
def inboxes_are_bounded(forge: Forge, is_bad: bool) -> None:
    waiting = deque(range(10_001 if is_bad else 10))
    forge.inboxes["book"] = SimpleNamespace(inbox=waiting, is_still=False)
    tick = Tick(instrument=NAME, price_paise=1, at_ns=1, received_at_ns=1)
    for _ in range(SAMPLE_EVERY):
        forge.handled("book", tick)


@story("INV-31")
def budgets_end(forge: Forge, is_bad: bool) -> None:
    for generation in range(1, 5 if is_bad else 4):
        forge.exit("book", generation)
        forge.rest()
        forge.ready("book", generation + 1)


@story("INV-32")
def the_core_starts_in_order(forge: Forge, is_bad: bool) -> None:
    for name in ("journal", "calendar"):
        forge.inboxes[name] = None
    forge.ready("journal")
    if not is_bad:
        forge.ready("calendar")
    forge.ready("authority")


@story("INV-34")
def modes_follow_the_table(forge: Forge, is_bad: bool) -> None:
    forge.mode(Mode.STANDBY, Mode.RECOVERING, 1)
    forge.mode(Mode.RECOVERING, Mode.LIVE if is_bad else Mode.PAPER, 2)


def a_mode_goes_with_the_spool(forge: Forge) -> None:
    """A clock that is behind gives the next life a number below the one that went."""
    forge.mode(Mode.STANDBY, Mode.RECOVERING, 1)
    forge.mode(Mode.RECOVERING, Mode.PAPER, 9)
    forge.spool_gone(1)
    forge.boot()
    forge.mode(Mode.STANDBY, Mode.HALTED, 5)


def a_mode_below_what_is_left(forge: Forge) -> None:
    forge.mode(Mode.STANDBY, Mode.RECOVERING, 7)
    forge.mode(Mode.RECOVERING, Mode.PAPER, 9)
    forge.spool_gone(1)
    forge.boot()
    forge.mode(Mode.STANDBY, Mode.HALTED, 5)


@story("INV-35")
def replay_is_live_state(forge: Forge, is_bad: bool) -> None:
    forge.held()
    plan = forge.picture.groups["grp-1"].plan
    records = [record for _, record in forge.records]
    group = fold(plan, records[:-1] if is_bad else records)
    reader = SimpleNamespace(seq=10_000)
    forge.rooms["oco/grp-1"] = SimpleNamespace(
        group=group, _is_recovered=True, _is_refused=False, _reader=reader
    )
    forge.end()


@story("INV-36")
def the_chain_holds(forge: Forge, is_bad: bool) -> None:
    forge.held()
    rows, chain = [], bytes(32)
    for _, record in forge.records:
        body = encode(record)
        chain = sha256(chain + body).digest()
        rows.append((body, chain))
    if is_bad:
        body = bytearray(rows[1][0])
        body[-1] ^= 1
        rows[1] = (bytes(body), rows[1][1])
    forge.database.rows["live"] = rows
    forge.end()


@story("INV-38")
def everything_is_understood(forge: Forge, is_bad: bool) -> None:
    reason = "TypeError: Book does not understand Tick" if is_bad else "InjectedCrash"
    forge.exit("book", reason=reason)


@story("INV-39")
def a_job_has_one_turn(forge: Forge, is_bad: bool) -> None:
    for day in ("2026-11-20", "2026-11-20" if is_bad else "2026-11-21"):
        forge.record(JobRan(job="reconcile", trading_day=day, outcome="done", at_ns=1))


@story("INV-40")
def no_entry_is_blind(forge: Forge, is_bad: bool) -> None:
    forge.phase()
    state = FeedState.STALE if is_bad else FeedState.FRESH
    changed = FeedStateChanged(instrument=NAME, state=state, reasons=(), at_ns=1, tick_at_ns=1)
    forge.handled("guard", changed)
    forge.handled("guard", forge.proposal())
    forge.record(a_decision(forge))


def a_decision(forge: Forge) -> DecisionRecorded:
    return DecisionRecorded(
        decision_id="dec-1",
        client_plan_id="plan-1",
        signal_id="sig-1",
        strategy="one",
        instrument=NAME,
        is_approved=True,
        quantity=10,
        config_sha="",
        at_ns=forge.now_ns,
    )


@story("INV-41")
def a_restarted_strategy_is_on_paper(forge: Forge, is_bad: bool) -> None:
    if is_bad:
        forge.handled("authority", a_command("mode", "live 1 one"))
    forge.exit("strategy/one")
    if not is_bad:
        forge.handled("authority", a_command("mode", "live 1 one"))
    signal = forge.proposal(strategy_generation=2)
    forge.record(SignalRecorded(signal=signal, at_ns=forge.now_ns))
    forge.open(Book.LIVE)


@story("INV-44")
def a_command_acts_once(forge: Forge, is_bad: bool) -> None:
    acted = OperatorActed(command="halt", argument="", by="test", outcome="done", at_ns=1)
    for _ in range(2):
        forge.handled("authority", a_command("halt"))
        forge.handled("console", CommandDone(request_id="r1", is_done=True, text="HALTED"))
    forge.record(acted)
    if is_bad:
        forge.record(acted)


def a_halted_engine_rises(forge: Forge) -> None:
    """PAPER while the halt is on disk."""
    forge.latched.append(Latch(HALT, "test"))
    forge.mode(Mode.HALTED, Mode.PAPER, 1)


def a_rise_before_the_halt(forge: Forge) -> None:
    """LIVE was decided, then the halt was latched, then LIVE became durable."""
    forge.rooms["authority"] = SimpleNamespace(state=SimpleNamespace(mode_seq=6))
    forge.latched.append(Latch(HALT, "test"))
    forge.handled("authority", a_command("halt", ""))
    forge.mode(Mode.PAPER, Mode.LIVE, 5)


def a_rise_after_the_halt(forge: Forge) -> None:
    a_rise_before_the_halt(forge)
    forge.mode(Mode.HALTED, Mode.PAPER, 7)


def an_approval_after_the_loss(forge: Forge) -> None:
    """The day's loss was latched, and an entry is approved."""
    forge.record(
        LatchChanged(latch="loss_day", is_set=True, reason="", by="guard", at_ns=forge.now_ns)
    )
    forge.record(a_decision(forge))


def an_approval_before_the_loss(forge: Forge) -> None:
    _approved_and_latched(forge, is_latched=False)


def an_approval_by_a_latched_guard(forge: Forge) -> None:
    _approved_and_latched(forge, is_latched=True)


def _approved_and_latched(forge: Forge, *, is_latched: bool) -> None:
    """The guard approves an entry, which its group records after the latch of the day's loss."""
    a_guard(forge, is_loss_latched=is_latched)
    forge.handled("guard", forge.proposal())
    an_approval_after_the_loss(forge)


def a_stop_out_of_order(forge: Forge) -> None:
    """A child of the core is stopped while a later one runs."""
    for name in ("journal", "calendar"):
        forge.ready(name)
    forge.exit("journal", kind=ExitKind.SHUTDOWN)


def a_child_was_under_way(forge: Forge) -> None:
    """It had been started when the supervisor took the failure that spent its budget in hand."""
    for generation in range(1, 5):
        crash = ChildExited(
            name="journal", generation=generation, kind=ExitKind.CRASHED, reason="test"
        )
        forge.handled("core", crash)
        forge.exit("journal", generation)
    forge.rest()
    forge.ready("calendar", 1)


def a_child_comes_after(forge: Forge) -> None:
    """It was started later."""
    a_child_was_under_way(forge)
    forge.ready("calendar", 2)


def a_strategy_fails_on(forge: Forge) -> None:
    """It comes back after more failures than its budget."""
    for generation in range(1, 5):
        forge.exit("strategy/s1", generation)
        forge.rest()
    forge.ready("strategy/s1", 5)


def a_strategy_fails_under_two(forge: Forge) -> None:
    """Its supervisor is restarted meanwhile, and counts from nothing."""
    for generation in range(1, 5):
        forge.exit("strategy/s1", generation)
    forge.exit("strategies", kind=ExitKind.SHUTDOWN)
    forge.exit("strategy/s1", 5)
    forge.rest()
    forge.ready("strategy/s1", 6)


def a_restart_by_order(forge: Forge) -> None:
    """The same, ordered by a person for that child alone."""
    for name in ("journal", "calendar"):
        forge.ready(name)
    forge.handled("core", RestartWanted(child_id="journal", reason="test"))
    forge.exit("journal", kind=ExitKind.SHUTDOWN)
