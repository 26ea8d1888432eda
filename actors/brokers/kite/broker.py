"""Kite behind the broker port: intents go out as its calls, its books come in as reports.

Decides which order a tag means and what becomes of a request about several. Refuses to repeat
anything: one intent is one request (a cancel one for each order that bears the tag), and an unclear
answer is told as it is. The market's ticks and the end of the day are not its business: the broker
knows both.

A tag is bound to order ids by the answer to its placement, by the books, by the order stream and,
after a restart, by the journal. A change of an order that is bound to nothing looks it up first.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from actors.brokers.kite.account import AccountState, Reload, Trouble
from actors.brokers.kite.credentials import Credentials
from actors.brokers.kite.money import Margins
from actors.brokers.port import Report
from actors.runtime.log import log_event
from engine.errors import WireMalformed
from engine.kite.forms import FormSettings, modify_fields, place_fields
from engine.kite.names import OrderNames
from engine.kite.outcome import Verdict
from engine.kite.rows import order_rows, order_update, position_rows, trade_rows
from engine.limits import REPORTS_WAITING_MAX
from engine.messages.broker import (
    BrokerSnapshot,
    IntentAnswered,
    OrderReport,
    Outcome,
    PositionReport,
    TradeReport,
)
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned, OrderFact, Record
from engine.messages.values import Action, Book, Refusal
from engine.orders.answer import answered

_NOT_FOUND: Final = "no order in the books bears the tag"
Note = Callable[[Verdict], Verdict]
_Row = TypeVar("_Row", OrderReport, TradeReport, PositionReport)
_UNREADABLE: Final = "the order is not known by its id and the books could not be read"


class Session(Protocol):
    """What the adapter needs of `actors.brokers.kite.session.KiteSession`."""

    def renew(self, credentials: Credentials) -> None: ...
    def profile(self) -> Verdict: ...
    def close(self) -> None: ...
    def yield_to(self, is_awaited: Callable[[], bool]) -> None: ...
    def place(self, fields: dict[str, str | int]) -> Verdict: ...
    def modify(self, fields: dict[str, str | int]) -> Verdict: ...
    def cancel(self, order_id: str) -> Verdict: ...
    def orders(self) -> Verdict: ...
    def trades(self) -> Verdict: ...
    def positions(self) -> Verdict: ...


class KiteBroker:
    """Implements BrokerPort. Belongs to one thread.

    Args:
        reload: reads the keys again; a person brings a new token by rewriting the file. None: the
            adapter stays logged out.
        margins: makes the look at the account's margin before an entry; None: nothing is asked.
        user_id: whose account it has to be, "" for anybody's.
    """

    def __init__(
        self,
        session: Session,
        forms: FormSettings | None = None,
        reload: Reload | None = None,
        margins: Callable[[Note], Margins] | None = None,
        user_id: str = "",
    ) -> None:
        self._session = session
        self._forms = forms or FormSettings()
        self._account = AccountState(session, reload, user_id)
        self._margins = margins(self._account.note) if margins is not None else None
        self._names = OrderNames()
        self._reports: list[Report] = []
        self.malformed_count = 0
        self.limited_count = 0
        self.reports_dropped_count = 0

    @property
    def duplicate_tag_count(self) -> int:
        """Orders that bear a tag which another one bears already."""
        return self._names.duplicate_tag_count

    @property
    def closed_because(self) -> str | None:
        """See `actors.brokers.port.ClosableAccount`."""
        return self._account.closed_because

    @property
    def trouble(self) -> Trouble:
        """What keeps the account from being traded."""
        return self._account.trouble

    def margin_refusal(self, intent: IntentPlanned) -> Refusal | None:
        """See `actors.brokers.port.MarginBroker`."""
        if self._margins is None or self._barred():
            return None
        return self._margins.refusal(intent)

    def yield_to(self, is_awaited: Callable[[], bool]) -> None:
        """See `actors.brokers.port.YieldingBroker`."""
        self._session.yield_to(is_awaited)

    # -- the port ---------------------------------------------------------------------------

    def recover(self, records: tuple[Record, ...]) -> None:
        """Learn from the journal which order ids our tags have."""
        own = {
            record.client_order_id
            for record in records
            if isinstance(record, IntentPlanned) and record.book is Book.LIVE
        }
        for record in records:
            if not isinstance(record, OrderFact) or record.client_order_id not in own:
                continue
            if record.venue_order_id:
                self._names.bind(record.client_order_id, record.venue_order_id)

    def end_day(self) -> None:
        """Ids and tags of this day name nothing tomorrow."""
        self._names.forget()

    def on_tick(self, tick: Tick, now_ns: int) -> None:
        """The market is the broker's."""

    def place(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        assert intent.action is Action.PLACE, intent
        assert intent.book is Book.LIVE, "a paper intent reached the live broker"
        if failure := self._barred():
            return answered(intent, failure.outcome, now_ns, text=failure.text)
        verdict = self._wrote(self._session.place(place_fields(intent, self._forms)))
        if verdict.outcome is Outcome.ACKED:
            self._names.bind(intent.client_order_id, verdict.order_id)
        return answered(
            intent, verdict.outcome, now_ns, venue_order_id=verdict.order_id, text=verdict.text
        )

    def modify(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        assert intent.action is Action.MODIFY, intent
        order_id, failure = self._find(intent.client_order_id)
        if failure is not None:
            return answered(intent, failure.outcome, now_ns, text=failure.text)
        fields = modify_fields(intent, order_id, self._forms)
        verdict = self._wrote(self._session.modify(fields))
        return answered(intent, verdict.outcome, now_ns, venue_order_id=order_id, text=verdict.text)

    def cancel(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        """The answer is of the order that the tag is bound to; what becomes of a second effect of
        its request the books tell."""
        assert intent.action is Action.CANCEL, intent
        order_id, failure = self._find(intent.client_order_id)
        if failure is not None:
            return answered(intent, failure.outcome, now_ns, text=failure.text)
        verdict = self._wrote(self._session.cancel(order_id))
        for second in self._names.seconds(intent.client_order_id, order_id):
            other = self._wrote(self._session.cancel(second))
            log_event(
                "second_effect_cancelled",
                "WARNING",
                client_order_id=intent.client_order_id,
                venue_order_id=second,
                outcome=other.outcome.value,
                text=other.text,
            )
        return answered(intent, verdict.outcome, now_ns, venue_order_id=order_id, text=verdict.text)

    def reports(self) -> tuple[Report, ...]:
        taken = tuple(self._reports)
        self._reports.clear()
        return taken

    def snapshot(self, request_id: int, now_ns: int) -> BrokerSnapshot | None:
        """Orders, then trades, then positions: what a row counts as filled is in the later books.
        A trade of somebody's order that came after the first read is left to the next snapshot."""
        if self._barred():
            return None
        orders = self._read_orders()
        if orders is None:
            return None
        trades = self._read_trades()
        if trades is None:
            return None
        positions = self._read_positions()
        if positions is None:
            return None
        named = {order.venue_order_id for order in orders} | self._names.tags.keys()
        return BrokerSnapshot(
            request_id=request_id,
            orders=orders,
            trades=tuple(trade for trade in trades if trade.venue_order_id in named),
            positions=positions,
            book=Book.LIVE,
            at_ns=now_ns,
        )

    # -- the order stream ---------------------------------------------------------------------

    def hear(self, frame: bytes | str) -> None:
        """A text frame of the order stream. An odd one is dropped and counted."""
        try:
            report = order_update(frame)
        except WireMalformed as error:
            self._malformed("order_update", error)
            return
        if report is None:
            return
        if not len(self._reports) < REPORTS_WAITING_MAX:
            self.reports_dropped_count += 1  # hints: the books tell it again
            return
        self._names.learn(report)
        self._reports.append(report)

    def _barred(self) -> Verdict | None:
        """Why nothing may be sent or read with this token."""
        self._account.revive()
        if not self._account.is_foreign:
            return None
        return Verdict(Outcome.NOT_SENT, self._account.closed_because or "")

    def _find(self, tag: str) -> tuple[str, Verdict | None]:
        """The id of the order that a tag means, looked up if need be; or why there is none."""
        if failure := self._barred():
            return "", failure
        if found := self._names.find(tag):
            return found, None
        if self._read_orders() is None:
            return "", Verdict(Outcome.NOT_SENT, _UNREADABLE)
        found = self._names.find(tag)
        return (found, None) if found else ("", Verdict(Outcome.REFUSED, _NOT_FOUND))

    # -- the books ----------------------------------------------------------------------------

    def _read_orders(self) -> tuple[OrderReport, ...] | None:
        rows = self._read("orders", self._session.orders, order_rows)
        for row in rows or ():
            self._names.learn(row)
        return rows

    def _read_trades(self) -> tuple[TradeReport, ...] | None:
        return self._read(
            "trades", self._session.trades, lambda data: trade_rows(data, self._names.tags)
        )

    def _read_positions(self) -> tuple[PositionReport, ...] | None:
        return self._read("positions", self._session.positions, position_rows)

    def _read(
        self,
        name: str,
        ask: Callable[[], Verdict],
        parse: Callable[[object], tuple[_Row, ...]],
    ) -> tuple[_Row, ...] | None:
        """One book, None if it was not read as a whole."""
        verdict = self._account.note(ask())
        if verdict.outcome is not Outcome.ACKED:
            log_event("book_unread", "WARNING", book=name, text=verdict.text)
            return None
        try:
            return parse(verdict.data)
        except WireMalformed as error:
            self._malformed(name, error)
            return None

    def _malformed(self, where: str, error: WireMalformed) -> None:
        self.malformed_count += 1
        log_event("wire_malformed", "WARNING", where=where, text=str(error))

    def _wrote(self, verdict: Verdict) -> Verdict:
        """Note the answer to a write; reads have a quota of their own."""
        self.limited_count += verdict.is_limited
        return self._account.note(verdict)
