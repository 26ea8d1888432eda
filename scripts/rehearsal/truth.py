"""The exchange's truth beside the journal: every live order, every fill, the net of each name.

Decides what counts as agreement. Refuses to ask the engine: one side is the control port of the
practice exchange, the other what lies in the database. An order that the gate or the broker refused
has left nothing at the exchange; everything else is there once, under its tag.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import psycopg

_ORDERS: Final = """SELECT client_order_id, venue_order_id, status, filled_quantity, instrument,
    side, leg, reason FROM orders WHERE realm = %s AND book = 'live'"""
_TRADES: Final = """SELECT venue_order_id, trade_id, instrument, side, quantity, price_paise
    FROM trades WHERE realm = %s AND book = 'live'"""
_ENDED: Final = {"COMPLETE": "filled", "CANCELLED": "cancelled", "REJECTED": "rejected"}
_NEVER_THERE: Final = frozenset({"denied", "rejected", "lost"})
_ADOPTED: Final = "adopted:"
LINES_MAX: Final = 40


class JournalOrder(NamedTuple):
    """A row of the journal's orders."""

    tag: str
    venue_order_id: str
    status: str
    filled: int
    instrument: str
    side: str
    leg: str
    reason: str

    @property
    def is_adopted(self) -> bool:
        """Of somebody else, taken into a group of ours."""
        return self.reason.startswith(_ADOPTED)


class JournalTrade(NamedTuple):
    """A row of the journal's trades."""

    venue_order_id: str
    trade_id: str
    instrument: str
    side: str
    quantity: int
    price_paise: int


class Journal(NamedTuple):
    """What the database says of the live book."""

    orders: tuple[JournalOrder, ...]
    trades: tuple[JournalTrade, ...]


class Comparison(NamedTuple):
    """Both sides counted, and each line where they differ."""

    orders_exchange: int
    orders_journal: int
    fills_exchange: int
    fills_journal: int
    net: dict[str, tuple[int, int]]
    by_leg: dict[str, int]
    differences: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """No difference, and nothing is held."""
        return not self.differences


def read_journal(dsn: str, realm: str = "paper") -> Journal:
    """The live book in the database."""
    with psycopg.connect(dsn) as conn:
        orders = tuple(JournalOrder(*row) for row in conn.execute(_ORDERS, (realm,)))
        trades = tuple(JournalTrade(*row) for row in conn.execute(_TRADES, (realm,)))
    return Journal(orders, trades)


def compare(truth: Mapping[str, Any], journal: Journal, *, is_flat: bool = True) -> Comparison:
    """Hold the exchange's truth (`GET /truth`) against the journal.

    Args:
        is_flat: the run is over: nothing may be held or work any more.
    """
    found = [
        *_duplicates(truth),
        *_orders(truth, journal, is_flat=is_flat),
        *_fills(truth, journal),
    ]
    net = _net(truth, journal)
    for name, (theirs, ours) in sorted(net.items()):
        if theirs != ours or (is_flat and theirs):
            found.append(f"net of {name}: exchange {theirs}, journal {ours}")
    own = [order for order in truth["orders"] if order["tag"]]
    return Comparison(
        orders_exchange=len(own),
        orders_journal=sum(bool(order.venue_order_id) for order in journal.orders),
        fills_exchange=len(truth["trades"]),
        fills_journal=len(journal.trades),
        net=net,
        by_leg=dict(Counter(order.leg for order in journal.orders if order.filled)),
        differences=tuple(found),
    )


def _duplicates(truth: Mapping[str, Any]) -> Iterable[str]:
    for tag, ids in truth["duplicates"].items():
        yield f"order {tag} is there {len(ids)} times: {', '.join(ids)}"


def _orders(truth: Mapping[str, Any], journal: Journal, *, is_flat: bool) -> Iterable[str]:
    ours = {order.tag: order for order in journal.orders}
    theirs = {order["tag"]: order["row"] for order in truth["orders"] if order["tag"]}
    for tag, row in theirs.items():
        order, number = ours.get(tag), row["venue_order_id"]
        if order is None:
            yield f"order {tag} ({number}) is not in the journal"
            continue
        if order.venue_order_id != number and order.status != "rejected":
            yield f"order {tag}: number {number}, journal {order.venue_order_id or 'none'}"
        if order.filled != row["filled_quantity"]:
            yield f"order {tag}: filled {row['filled_quantity']}, journal {order.filled}"
        ended = _ENDED.get(row["status"])
        if is_flat and ended != order.status:
            yield f"order {tag} ({order.leg}): {row['status']}, journal {order.status}"
    for tag in sorted(ours.keys() - theirs.keys()):
        if ours[tag].status not in _NEVER_THERE and not ours[tag].is_adopted:
            yield f"order {tag}: journal {ours[tag].status}, the exchange has never seen it"


def _fills(truth: Mapping[str, Any], journal: Journal) -> Iterable[str]:
    """Quantity and value of each order's fills; a fill that the books told before its trade was
    heard of may have another number, and a price that is an average rounded down."""
    theirs, ours = Counter[str](), Counter[str]()
    value_theirs, value_ours = Counter[str](), Counter[str]()
    for trade in truth["trades"]:
        theirs[trade["venue_order_id"]] += trade["quantity"]
        value_theirs[trade["venue_order_id"]] += trade["quantity"] * trade["price_paise"]
    for fill in journal.trades:
        ours[fill.venue_order_id] += fill.quantity
        value_ours[fill.venue_order_id] += fill.quantity * fill.price_paise
    for number in sorted(theirs.keys() | ours.keys()):
        if theirs[number] != ours[number]:
            yield f"fills of {number}: exchange {theirs[number]}, journal {ours[number]}"
        elif abs(value_theirs[number] - value_ours[number]) >= max(1, theirs[number]):
            yield (
                f"value of {number}: exchange {value_theirs[number]} paise,"
                f" journal {value_ours[number]}"
            )


def _net(truth: Mapping[str, Any], journal: Journal) -> dict[str, tuple[int, int]]:
    theirs, ours = Counter[str](), Counter[str]()
    for position in truth["positions"]:
        theirs[position["name"]] += position["units"]
    for fill in journal.trades:
        ours[fill.instrument] += fill.quantity if fill.side == "BUY" else -fill.quantity
    return {name: (theirs[name], ours[name]) for name in sorted(theirs.keys() | ours.keys())}


def show(found: Comparison) -> str:
    """The comparison for a person."""
    legs = ", ".join(f"{leg} {count}" for leg, count in sorted(found.by_leg.items()))
    held = {name: pair for name, pair in found.net.items() if any(pair)}
    lines = [
        f"{'':10}{'exchange':>10}{'journal':>10}",
        f"{'orders':10}{found.orders_exchange:>10}{found.orders_journal:>10}",
        f"{'fills':10}{found.fills_exchange:>10}{found.fills_journal:>10}",
        f"{'net':10}{sum(abs(a) for a, _ in held.values()):>10}"
        f"{sum(abs(b) for _, b in held.values()):>10}   of {len(found.net)} names",
        f"filled by leg: {legs or 'none'}",
        *(f"DIFFERS  {line}" for line in found.differences[:LINES_MAX]),
    ]
    if len(found.differences) > LINES_MAX:
        lines.append(f"... and {len(found.differences) - LINES_MAX} more")
    lines.append("equal" if found.is_equal else f"{len(found.differences)} differences")
    return "\n".join(lines)
