"""Compare what the journal believes with what the broker says (reliability 4.8).

Decides the differences and how bad each is. Refuses to repair: the broker is what it is, and orders
that make it match the journal are how accounts are lost (INV-28). Stands alone because comparing is
the part of a reconciler that can be proven.

    difference           when                                                   severity
    order_vanished       we hold it working, the broker does not list it        critical
    order_orphaned       our tag, no intent in the journal                      critical
    order_alien          working at the broker, not our tag                     warning
    order_undead         over in the journal, our tag works at the broker       critical
    order_behind         the broker's order is further than the journal's       info
    fill_missing         a trade of ours is not in the journal                  warning
    fill_invented        a fill in the journal is not at the broker             critical
    position_differs     net per instrument and product differ                  critical
    exits_oversized      working exits exceed the group's position              critical
    position_unprotected a held group has no working exit                       critical
    book_mixed           an order's tag and its journaled book disagree         critical
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, unique

import msgspec

from engine.ids import is_own_tag
from engine.journal_view import JournalOrder, JournalView
from engine.limits import DIFFERENCES_MAX
from engine.messages.broker import (
    TERMINAL_STATUSES,
    BrokerSnapshot,
    OrderReport,
)
from engine.messages.records import IntentPlanned
from engine.messages.values import Book, Product
from engine.orders.synthetic import is_synthetic
from engine.risk.reduce_only import working_quantity


@unique
class Severity(IntEnum):
    """INFO heals itself by the next merge; WARNING a person should see; CRITICAL stops entries."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One disagreement; `key` names the order, trade, group or instrument."""

    kind: str
    key: str
    instrument: str
    severity: Severity
    journal: int
    broker: int

    @property
    def text(self) -> str:
        """One line for the operator."""
        return (
            f"{self.kind} {self.key} {self.instrument}: "
            f"journal {self.journal}, broker {self.broker}"
        )


def compare(journal: JournalView, broker: BrokerSnapshot) -> tuple[Difference, ...]:
    """All differences, the worst first, at most DIFFERENCES_MAX.

    Args:
        journal: folded up to a moment not before the snapshot.
        broker: one read. A difference counts only if the next read shows it again (the caller).
    """
    found = [
        *_orders(journal, broker),
        *_trades(journal, broker),
        *_positions(journal, broker),
        *_protection(journal),
    ]
    found.sort(key=lambda difference: (-difference.severity, difference.kind, difference.key))
    return tuple(found[:DIFFERENCES_MAX])


def lasting(before: Iterable[Difference], now: Iterable[Difference]) -> tuple[Difference, ...]:
    """Those that two successive reads agree on."""
    keys = {(difference.kind, difference.key) for difference in before}
    return tuple(difference for difference in now if (difference.kind, difference.key) in keys)


def _orders(journal: JournalView, broker: BrokerSnapshot) -> Iterable[Difference]:
    listed = {order.client_order_id for order in broker.orders}
    numbers = {order.venue_order_id for order in broker.orders}
    by_number = {o.venue_order_id: o for o in journal.orders.values() if o.venue_order_id}
    traded: dict[str, int] = {}
    for trade in broker.trades:
        before_ns = traded.get(trade.venue_order_id, 0)
        traded[trade.venue_order_id] = max(before_ns, trade.at_ns)
    for tag, order in journal.orders.items():
        is_listed = tag in listed or order.venue_order_id in numbers
        if not is_listed and order.is_seen and order.remaining:
            yield _order("order_vanished", order.intent, Severity.CRITICAL, order.remaining, 0)
    for report in broker.orders:
        known = journal.orders.get(report.client_order_id) or by_number.get(report.venue_order_id)
        if known is None:
            if not _is_past(report, traded, journal.closed_at_ns):
                yield from _strange(report)
        else:
            yield from _known(known, report)


def _is_past(report: OrderReport, traded: Mapping[str, int], closed_at_ns: int) -> bool:
    """True for a finished order of a closed day: the broker lists it, the journal let it go. Its
    last trade tells its time; one that never traded changes nothing."""
    if report.status not in TERMINAL_STATUSES:
        return False
    if report.filled_quantity == 0:
        return True
    return 0 < traded.get(report.venue_order_id, 0) <= closed_at_ns


def _strange(report: OrderReport) -> Iterable[Difference]:
    is_own = is_own_tag(report.client_order_id)
    is_working = report.status not in TERMINAL_STATUSES
    if is_own or is_working:
        yield Difference(
            kind="order_orphaned" if is_own else "order_alien",
            key=report.client_order_id or report.venue_order_id,
            instrument=report.instrument,
            severity=Severity.CRITICAL if is_own else Severity.WARNING,
            journal=0,
            broker=report.quantity,
        )


def _known(order: JournalOrder, report: OrderReport) -> Iterable[Difference]:
    is_paper = order.intent.client_order_id.startswith("P")
    if is_paper is not (order.intent.book is Book.PAPER):
        yield _order("book_mixed", order.intent, Severity.CRITICAL, 0, 0)
    is_working = report.status not in TERMINAL_STATUSES
    if is_working and not order.remaining and report.filled_quantity < report.quantity:
        units = report.quantity - report.filled_quantity
        yield _order("order_undead", order.intent, Severity.CRITICAL, 0, units)
    is_over = not is_working and order.remaining > 0
    if report.filled_quantity > order.filled or is_over:
        filled = report.filled_quantity
        yield _order("order_behind", order.intent, Severity.INFO, order.filled, filled)


def _order(
    kind: str, intent: IntentPlanned, severity: Severity, journal: int, broker: int
) -> Difference:
    return Difference(
        kind=kind,
        key=intent.client_order_id,
        instrument=intent.instrument,
        severity=severity,
        journal=journal,
        broker=broker,
    )


def _trades(journal: JournalView, broker: BrokerSnapshot) -> Iterable[Difference]:
    theirs = {(trade.trade_id, trade.client_order_id): trade for trade in broker.trades}
    listed = {(trade.venue_order_id, trade.trade_id) for trade in broker.trades}
    summed = {fill.client_order_id for fill in journal.trades.values() if is_synthetic(fill)}
    yield from _sums(journal, broker, summed)
    for identity, trade in theirs.items():
        if trade.client_order_id in summed:
            continue
        if identity not in journal.trades and trade.client_order_id in journal.orders:
            yield Difference(
                kind="fill_missing",
                key=trade.trade_id,
                instrument=trade.instrument,
                severity=Severity.WARNING,
                journal=0,
                broker=trade.quantity,
            )
    for (trade_id, tag), fill in journal.trades.items():
        if tag in summed:
            continue
        is_there = (trade_id, tag) in theirs or (fill.venue_order_id, _whole(trade_id)) in listed
        if not is_there and fill.group_id in journal.groups_open:
            yield Difference(
                kind="fill_invented",
                key=trade_id,
                instrument=fill.instrument,
                severity=Severity.CRITICAL,
                journal=fill.quantity,
                broker=0,
            )


def _whole(trade_id: str) -> str:
    """The broker's trade of which an adopted fill is a part."""
    return trade_id.partition("/")[0]


def _sums(journal: JournalView, broker: BrokerSnapshot, tags: set[str]) -> Iterable[Difference]:
    """Orders whose fill was booked from a row before its trade was heard of: the trade that it
    stands for has another id, so these are compared by what they filled in all."""
    for tag in sorted(tags & journal.orders.keys()):
        ours = sum(fill.quantity for fill in journal.trades.values() if fill.client_order_id == tag)
        theirs = sum(trade.quantity for trade in broker.trades if trade.client_order_id == tag)
        intent = journal.orders[tag].intent
        if theirs > ours:
            yield _order("fill_missing", intent, Severity.WARNING, ours, theirs)
        elif theirs < ours and intent.group_id in journal.groups_open:
            yield _order("fill_invented", intent, Severity.CRITICAL, ours, theirs)


def _positions(journal: JournalView, broker: BrokerSnapshot) -> Iterable[Difference]:
    ours: dict[tuple[str, Product], int] = {}
    for fill in journal.trades.values():
        order = journal.orders.get(fill.client_order_id)
        if order is not None:
            key = (fill.instrument, order.intent.product)
            ours[key] = ours.get(key, 0) + fill.side.sign * fill.quantity
    theirs: dict[tuple[str, Product], int] = {}
    for position in broker.positions:
        key = (position.instrument, position.product)
        theirs[key] = theirs.get(key, 0) + position.quantity
    for key in sorted(ours.keys() | theirs.keys(), key=str):
        if ours.get(key, 0) != theirs.get(key, 0):
            instrument, product = key
            yield Difference(
                kind="position_differs",
                key=f"{instrument}/{product.value}",
                instrument=instrument,
                severity=Severity.CRITICAL,
                journal=ours.get(key, 0),
                broker=theirs.get(key, 0),
            )


def _protection(journal: JournalView) -> Iterable[Difference]:
    positions, working = journal.positions(), journal.working()
    for group_id in sorted(positions.keys() | working.keys()):
        position, exits = positions.get(group_id, 0), working.get(group_id, [])
        if not position and not exits:
            continue
        side = next((e.side for e in exits if e.side.sign * position < 0), None)
        covered = working_quantity(exits, side) if side is not None else 0
        stray = sum(e.remaining for e in exits if e.side.sign * position >= 0)
        if covered == abs(position) and not stray:
            continue
        is_over = covered > abs(position) or stray > 0
        yield Difference(
            kind="exits_oversized" if is_over else "position_unprotected",
            key=group_id,
            instrument=_instrument(journal, group_id),
            severity=Severity.CRITICAL,
            journal=position,
            broker=covered + stray,
        )


def _instrument(journal: JournalView, group_id: str) -> str:
    orders = journal.orders.values()
    return next((o.intent.instrument for o in orders if o.intent.group_id == group_id), "")
