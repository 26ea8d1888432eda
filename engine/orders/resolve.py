"""Resolving what is not known: absence and missing effects, proven by snapshots.

Decides when an unanswered order is lost and when a request did not happen. Refuses to ask for
snapshots (the watcher's pace). Stands alone because "not in the order book" is evidence, not
proof: it counts only in a snapshot that is not stale, taken well after the request, several times
in a row.
Source: Kite forum 35732, an order seen 8 s after a time-out.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.ids import is_own_tag
from engine.messages.broker import TERMINAL_STATUSES, BrokerSnapshot, OrderReport, OrderStatus
from engine.orders.merge import OrderTruth
from engine.orders.order import Status
from engine.orders.tracked import Merged, Tracked
from engine.units import NS_PER_S

_IN_PROGRESS: Final = frozenset({OrderStatus.MODIFY_PENDING, OrderStatus.CANCEL_PENDING})


class ResolveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`settle_ns`: a snapshot younger than this after a placement proves nothing about it.
    `request_settle_ns`: the same for modify and cancel. `proofs_min`: successive snapshots."""

    settle_ns: int = 30 * NS_PER_S
    request_settle_ns: int = 5 * NS_PER_S
    proofs_min: int = 3


def merge_snapshot(
    truth: OrderTruth, snapshot: BrokerSnapshot, settings: ResolveSettings, now_ns: int
) -> Merged:
    """Take a snapshot: trades first, then rows, then what it proves by silence."""
    out = Merged()
    has_past = truth.closed_day.at_ns > 0
    traded: dict[str, int] = {}
    for trade in snapshot.trades:
        if has_past:
            traded[trade.venue_order_id] = max(trade.at_ns, traded.get(trade.venue_order_id, 0))
        if truth.has_trade(trade):
            continue
        is_past = trade.at_ns <= truth.closed_day.at_ns and is_own_tag(trade.client_order_id)
        if not is_past or truth.find(trade):
            truth.merge(trade, now_ns, out)
    found = _rows(truth, snapshot, traded, now_ns, out)
    waiting = [t for t in truth.open_orders() if t.intent.book is snapshot.book]
    if _is_stale(truth, snapshot, waiting, found):
        truth.counts["snapshot_stale"] += 1
        _vanished(waiting, found, settings, now_ns, out)
        return out
    for tracked in waiting:
        if tracked.intent.client_order_id in found:
            tracked.absent_count = 0
            _effect(truth, tracked, snapshot, settings, now_ns, out)
        else:
            _absence(truth, tracked, snapshot, settings, now_ns, out)
    return out


def _rows(
    truth: OrderTruth,
    snapshot: BrokerSnapshot,
    traded: Mapping[str, int],
    now_ns: int,
    out: Merged,
) -> set[str]:
    """Merge the rows; the tags of those orders of ours that are in it."""
    found: set[str] = set()
    has_past = truth.closed_day.at_ns > 0
    for row in snapshot.orders:
        tracked = truth.find(row)
        if tracked is None and has_past and truth.closed_day.has(row, traded):
            continue
        if tracked is None:
            truth.merge(row, now_ns, out, is_proof=True)
            tracked = truth.find(row)
        elif tracked.told is None or tracked.told != (tracked.order, row):
            _row(truth, tracked, row, now_ns, out)
        if tracked is not None:
            found.add(tracked.intent.client_order_id)
    return found


def _row(truth: OrderTruth, tracked: Tracked, row: OrderReport, now_ns: int, out: Merged) -> None:
    """Merge a row of a known order. Most rows of a day tell what an earlier one told already: what
    a row leads to follows from it and the state of its order alone, so those are known again."""
    before, told = tracked.order, (len(out.facts), len(out.alerts), out.is_snapshot_wanted)
    if not _is_settled(tracked, row):
        truth.merge(row, now_ns, out, is_proof=True)
        is_news = told != (len(out.facts), len(out.alerts), out.is_snapshot_wanted)
        if is_news or tracked.row is not row or tracked.order is not before:
            return
    tracked.told = before, row


def _is_settled(tracked: Tracked, row: OrderReport) -> bool:
    """True for what most rows of a day are: an order that is over, as we have it."""
    return (
        tracked.order.is_terminal
        and row.status in TERMINAL_STATUSES
        and row.filled_quantity == tracked.order.filled
        and row.venue_order_id == tracked.venue_order_id
    )


def _is_stale(
    truth: OrderTruth, snapshot: BrokerSnapshot, waiting: list[Tracked], found: set[str]
) -> bool:
    """The canary: an order that works for certain must be in it, as far filled as we know."""
    working = [
        tracked
        for tracked in waiting
        if tracked.order.status in (Status.WORKING, Status.TRIGGERED)
        and tracked.venue_order_id != ""
        and snapshot.at_ns > truth.clock.since_ns(tracked.order.status_at_ns)
    ]
    if not working:
        return False
    filled = {row.venue_order_id: row.filled_quantity for row in snapshot.orders}
    return any(
        tracked.intent.client_order_id not in found
        or filled.get(tracked.venue_order_id, 0) < tracked.own_filled
        for tracked in working
    )


def _vanished(
    waiting: list[Tracked],
    found: set[str],
    settings: ResolveSettings,
    now_ns: int,
    out: Merged,
) -> None:
    """A working order that stays out of the book is for a person, never for a guess."""
    for tracked in waiting:
        is_working = tracked.order.status in (Status.WORKING, Status.TRIGGERED)
        if is_working and tracked.intent.client_order_id not in found:
            tracked.absent_count += 1
            if tracked.absent_count == settings.proofs_min:
                subject = tracked.intent.client_order_id
                out.alert("critical", "order_vanished", subject, "not in the order book", now_ns)


def _absence(
    truth: OrderTruth,
    tracked: Tracked,
    snapshot: BrokerSnapshot,
    settings: ResolveSettings,
    now_ns: int,
    out: Merged,
) -> None:
    if tracked.order.status not in (Status.PLANNED, Status.UNKNOWN):
        return
    planned_ns = truth.clock.since_ns(tracked.order.planned_at_ns)
    if min(snapshot.at_ns, now_ns) < planned_ns + settings.settle_ns:
        return
    tracked.absent_count += 1
    if tracked.absent_count < settings.proofs_min:
        return
    if tracked.is_acked or tracked.row is not None:
        if tracked.absent_count == settings.proofs_min:
            subject = tracked.intent.client_order_id
            out.alert(
                "critical", "order_vanished", subject, "known to the venue, then gone", now_ns
            )
        return
    truth.lost(tracked, f"absent in {tracked.absent_count} snapshots", now_ns, out)


def _effect(
    truth: OrderTruth,
    tracked: Tracked,
    snapshot: BrokerSnapshot,
    settings: ResolveSettings,
    now_ns: int,
    out: Merged,
) -> None:
    """A request whose effect no snapshot shows did not happen. An order that is over needs no row
    for that: what was asked of it was meant for a second (FLT-24)."""
    order, row = tracked.order, tracked.row
    is_shown = row is not None or order.is_over
    if order.is_terminal or order.request is None or not is_shown or _is_busy(tracked, snapshot):
        tracked.unseen_count = 0
        return
    requested_ns = truth.clock.since_ns(order.requested_at_ns)
    if min(snapshot.at_ns, now_ns) < requested_ns + settings.request_settle_ns:
        return
    tracked.unseen_count += 1
    if tracked.unseen_count >= settings.proofs_min:
        tracked.unseen_count = 0
        truth.not_applied(tracked, "no effect at the venue", now_ns, out)


def _is_busy(tracked: Tracked, snapshot: BrokerSnapshot) -> bool:
    """True while the venue shows a request to the order, or to a second of it, as under way."""
    row, numbers = tracked.row, [number for number, _ in tracked.order.seconds]
    seconds = [other for other in snapshot.orders if other.venue_order_id in numbers]
    return any(one.status in _IN_PROGRESS for one in (row, *seconds) if one is not None)
