"""The practice exchange itself: one account, one market, one user, put together.

Decides what an order form comes to and what the books show. Refuses to know HTTP and sockets, and
to read a clock: market time, real time and "call me at" are handed in.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from engine.exchange.account.exchange import MARGIN_TEXT, Exchange
from engine.exchange.account.frontend import FrontEnd
from engine.exchange.account.ledger import Ledger
from engine.exchange.account.orders import RESTING, KiteOrder
from engine.exchange.account.request import OrderRequest
from engine.exchange.account.strangers import Strangers
from engine.exchange.account.stream import OrderStream
from engine.exchange.account.surroundings import Day, KiteSettings, Report, Surroundings
from engine.exchange.practice import forms, rows
from engine.exchange.practice.books import Books
from engine.exchange.practice.errors import (
    IN_FLUX,
    UNKNOWN_ORDER,
    UNKNOWN_SYMBOL,
    KiteError,
    invalid,
)
from engine.exchange.practice.faults import Menu
from engine.exchange.practice.limits import Limits
from engine.exchange.practice.listing import Listed, Listing
from engine.exchange.practice.quotes import Quote
from engine.exchange.practice.tokens import Tokens
from engine.messages.broker import OrderReport
from engine.messages.market import MarketFrame, Tick
from engine.portfolio.charges import ChargeTable

Json = dict[str, object]


def _ignore(*_: object) -> None:
    return None


@dataclass(kw_only=True)
class Outer:
    """What the exchange needs of the world: clocks in ns, a way to be called, who hears of what.

    `call_at` takes market time, `after_real` a real duration.
    `on_frame` gets the names that moved, `on_update` one row of the order stream, `on_garbage` a
    text that is no row.
    """

    now_ns: Callable[[], int]
    real_ns: Callable[[], int]
    call_at: Callable[[int, Callable[[], None]], None]
    after_real: Callable[[int, Callable[[], object]], None]
    on_frame: Callable[[tuple[str, ...]], None] = _ignore
    on_update: Callable[[Json], None] = _ignore
    on_garbage: Callable[[], None] = _ignore


class PracticeExchange:
    """See the module."""

    def __init__(
        self,
        listing: Listing,
        settings: KiteSettings,
        charges: ChargeTable,
        tokens: Tokens,
        outer: Outer,
        menu: Menu,
    ) -> None:
        self.listing, self.settings, self.charges = listing, settings, charges
        self.tokens, self.outer, self.menu = tokens, outer, menu
        self.limits = Limits()
        self.quotes = {name: Quote(listed=row) for name, row in listing.rows.items()}
        self.is_stopped = False
        self.on_moved: Callable[[str], None] = _ignore
        around = Surroundings(
            now_ns=outer.now_ns,
            call_at=outer.call_at,
            faults=menu,
            emit=self._emit,
            emit_garbage=self._garble,
        )
        self.around = around
        self.ledger = Ledger(around)
        self.stream = OrderStream(around, settings.stream_ns)
        instruments = {name: row.instrument for name, row in listing.rows.items()}
        self.account = Exchange(instruments, settings, around, self.ledger, self.stream)
        self.front = FrontEnd(settings, around, self.account, self.ledger)
        self.strangers = Strangers(around, self.account, self.ledger)
        self.account.on_fill = self.strangers.notice
        self.books = Books(self.ledger, listing, self.quotes)

    # -- the day --------------------------------------------------------------------------

    def start_day(self, day: Day) -> None:
        """Empty books; what is held goes on as overnight quantity at yesterday's last price."""
        self.books.start_day()
        for quote in self.quotes.values():
            quote.start_day()
        self.account.day = day
        self.ledger.start_day(day.trading_day)
        self.front.start_day()
        self.limits.start_day()
        self.strangers.start_day(day)
        if day.closes_at_ns:
            self.outer.call_at(day.closes_at_ns, lambda: self._close(day))

    def _close(self, day: Day) -> None:
        if self.account.day is day:
            self.account.end_day()

    def end_day(self) -> None:
        """The session ends now: MIS is squared off, then, once that is at the exchange, the rest
        is cancelled and nothing more is taken."""
        day, settings = self.account.day, self.settings
        self.strangers.square_off(day.trading_day)
        wait_ns = 2 * (settings.validation_ns + settings.gate_ns)
        self.around.after(wait_ns, lambda: self._close_early(day))

    def _close_early(self, day: Day) -> None:
        if self.account.day is day:
            self.account.day = replace(day, closes_at_ns=self.outer.now_ns())
            self.account.end_day()

    def reset(self) -> None:
        """A fresh account on the same day."""
        for order in self.account.working():
            self.account.withdraw(order, "reset")
        self.ledger.positions.clear()
        self.books.start_day()
        self.ledger.start_day(self.account.day.trading_day)
        self.front.start_day()
        self.limits.start_day()

    # -- the market -----------------------------------------------------------------------

    def on_frame(self, frame: MarketFrame) -> None:
        """Ticks of one instant: quotes first, then orders, then who listens."""
        if self.is_stopped:
            return
        names = []
        for tick in frame.ticks:
            quote = self.quotes.get(tick.instrument)
            if quote is not None:
                quote.take(tick)
                self.account.on_price(tick)
                self.on_moved(tick.instrument)
                names.append(tick.instrument)
        self.outer.on_frame(tuple(names))

    def move_price(self, name: str, paise: int, bid: int = 0, ask: int = 0, units: int = 0) -> int:
        """A price by hand, also of a stopped market. `units` on both sides, 0 for no bound.
        Returns the market instant at which its frame began to leave."""
        quote, now_ns = self.quotes[name], self.outer.now_ns()
        tick = Tick(
            instrument=name,
            price_paise=paise,
            at_ns=now_ns,
            received_at_ns=now_ns,
            volume_day=quote.volume + max(1, units),
            bid_paise=bid or paise,
            ask_paise=ask or paise,
            bid_quantity=units,
            ask_quantity=units,
        )
        quote.take(tick)
        self.account.on_price(tick)
        self.on_moved(name)
        told_ns = self.outer.now_ns()
        self.outer.on_frame((name,))
        return told_ns

    # -- orders ---------------------------------------------------------------------------

    def place(self, variety: str, form: forms.Form, *, slice_of: str = "") -> KiteOrder:
        """A new order, perhaps one slice of many. Raises KiteError if there is none."""
        forms.check_variety(variety)
        name = forms.name_of(form)
        listed = self.listing.rows.get(name)
        last = self.quotes[name].last_paise if listed else 0
        request = self._marked(forms.new_order(form, listed, last))
        order, text = self.front.take(request)
        if order is None:
            raise invalid(text)
        order.slice_of = slice_of
        if self.account.lacks_margin(order):
            self.account.reject(order, MARGIN_TEXT)
            raise KiteError(400, "MarginException", MARGIN_TEXT)
        return order

    def modify(self, variety: str, order_id: str, form: forms.Form) -> KiteOrder:
        """A change of a resting order. Raises KiteError if it is not taken."""
        forms.check_variety(variety)
        order = self.find(order_id)
        if order.status not in RESTING:
            raise invalid(IN_FLUX.format("modified"))
        listed, quote = self.listing.rows[order.instrument], self.quotes[order.instrument]
        request = forms.changed_order(form, order, listed, quote.last_paise)
        if text := self.front.modify(order, request):
            raise invalid(text)
        order.disclosed_quantity = request.disclosed_quantity
        return order

    def cancel(self, variety: str, order_id: str) -> KiteOrder:
        """Take a resting order off. Raises KiteError if it does not rest."""
        forms.check_variety(variety)
        order = self.find(order_id)
        if order.status not in RESTING:
            raise invalid(IN_FLUX.format("cancelled"))
        self.front.cancel(order)
        return order

    def find(self, order_id: str) -> KiteOrder:
        """An order of today. Raises KiteError for any other id."""
        order = self.ledger.orders.get(order_id)
        if order is None:
            raise KiteError(404, "OrderException", UNKNOWN_ORDER)
        return order

    def _marked(self, request: OrderRequest) -> OrderRequest:
        """Whether it takes from the position: some faults are of exits."""
        held = self.ledger.net(request.instrument, request.product)
        return replace(request, is_exit=held * request.side.sign < 0)

    def named(self, name: str) -> Listed:
        """A listed instrument. Raises KiteError for an unknown name."""
        listed = self.listing.rows.get(name)
        if listed is None:
            raise invalid(UNKNOWN_SYMBOL)
        return listed

    def duplicates(self) -> dict[str, list[str]]:
        """Tags that more than one order truly carries, with the ids; slices of one are one."""
        by_tag: dict[str, list[str]] = {}
        for order in self.ledger.orders.values():
            if order.tag_true and not order.slice_of:
                by_tag.setdefault(order.tag_true, []).append(order.venue_order_id)
        return {tag: ids for tag, ids in by_tag.items() if len(ids) > 1}

    # -- the order stream -----------------------------------------------------------------

    def _garble(self) -> None:
        self.outer.on_garbage()

    def _emit(self, report: Report) -> None:
        if isinstance(report, OrderReport):
            order = self.ledger.orders.get(report.venue_order_id)
            listed = self.listing.rows[report.instrument]
            self.outer.on_update(rows.update_row(report, order, listed))
