"""The account as a broker adapter: BrokerPort in front, the world behind.

Decides how an intent becomes an order and what it is answered. Refuses to take prices and the end
of the day from the engine: the market goes on without it. The account survives the death of the
engine; the adapter's own memory (which order id a tag has) does not, and `recover` brings it back.
"""

from collections.abc import Callable, Mapping

from actors.brokers.port import Report
from engine.exchange.account.exchange import Exchange
from engine.exchange.account.frontend import FrontEnd
from engine.exchange.account.ledger import Ledger
from engine.exchange.account.orders import RESTING, KiteOrder
from engine.exchange.account.strangers import Strangers
from engine.exchange.account.stream import OrderStream
from engine.exchange.account.surroundings import Day, KiteSettings, Surroundings
from engine.instruments import Instrument
from engine.messages.broker import BrokerSnapshot, IntentAnswered, Outcome, TradeReport
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned, Record
from engine.messages.values import Action, Product
from engine.orders.answer import answered
from scripts.simulation.kite.memory import AdapterMemory, request_of
from scripts.simulation.kite.wire import Fate, Passage, Wire

RequestHeard = Callable[[int, IntentPlanned, Outcome, bool], None]
IN_FLUX = "Order cannot be changed as it is being processed. Try later."


def _ignore(*_: object) -> None:
    return None


class _Later:
    """A request that is processed after its time-out."""

    __slots__ = ("_act", "_intent")

    def __init__(self, act: Callable[[IntentPlanned], object], intent: IntentPlanned) -> None:
        self._act, self._intent = act, intent

    def __call__(self) -> None:
        self._act(self._intent)


class KiteModel:
    """Implements BrokerPort.

    Args:
        instruments: by name, what may be traded.
        around: the world's side: clock, events, faults, where reports go.
        on_request: a request reached the door: time, intent, answer, whether it was processed.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        around: Surroundings,
        settings: KiteSettings | None = None,
        on_request: RequestHeard = _ignore,
    ) -> None:
        self._settings = settings or KiteSettings()
        self._around = around
        self.ledger = Ledger(around)
        self.stream = OrderStream(around, self._settings.stream_ns)
        self.exchange = Exchange(instruments, self._settings, around, self.ledger, self.stream)
        self.strangers = Strangers(around, self.exchange, self.ledger)
        self.wire = Wire(self._settings, around)
        self._front = FrontEnd(self._settings, around, self.exchange, self.ledger)
        self._memory = AdapterMemory(self.ledger)
        self._on_request = on_request
        self.exchange.on_fill = self.strangers.notice

    # -- the world ------------------------------------------------------------------------

    def start_day(self, day: Day) -> None:
        """A new trading day: empty books, the same net positions."""
        self.exchange.day = day
        self.ledger.start_day(day.trading_day)
        self.wire.start_day()
        self._front.start_day()
        self._memory.start_day()
        self.strangers.start_day(day)
        if day.closes_at_ns:
            self._around.call_at(day.closes_at_ns, self.exchange.end_day)

    def on_price(
        self,
        instrument: str,
        price_paise: int,
        *,
        bid_paise: int = 0,
        ask_paise: int = 0,
        bid_quantity: int = 0,
        ask_quantity: int = 0,
    ) -> None:
        """The true price moved; depth where there is one."""
        now_ns = self._around.now_ns()
        tick = Tick(
            instrument=instrument,
            price_paise=price_paise,
            at_ns=now_ns,
            received_at_ns=now_ns,
            bid_paise=bid_paise,
            ask_paise=ask_paise,
            bid_quantity=bid_quantity,
            ask_quantity=ask_quantity,
        )
        self.exchange.on_price(tick)

    def log_in(self) -> None:
        """The operator has brought a new token."""
        self.wire.is_logged_in = True

    def heal(self) -> None:
        """End every lasting trouble: the liveness phase begins."""
        self.wire.heal()
        self.ledger.thaw()
        self.stream.heal()
        self.exchange.heal()

    # -- the truth ------------------------------------------------------------------------

    @property
    def duplicate_tag_count(self) -> int:
        return self._front.duplicate_tag_count

    @property
    def orders(self) -> tuple[KiteOrder, ...]:
        """Every order of the day, oldest first."""
        return tuple(self.ledger.orders.values())

    @property
    def trades(self) -> tuple[TradeReport, ...]:
        """Every true trade of the day."""
        return tuple(self.ledger.trades)

    def net(self, instrument: str, product: Product = Product.MIS) -> int:
        """The true net position."""
        return self.ledger.net(instrument, product)

    # -- the port -------------------------------------------------------------------------

    def recover(self, records: tuple[Record, ...]) -> None:
        """The account remembers; the adapter learns its order ids again."""
        self._memory.recover(records)

    def end_day(self) -> None:
        """The broker knows for itself when its day ends."""

    def on_tick(self, tick: Tick, now_ns: int) -> None:
        """The exchange does not take its prices from us."""

    def reports(self) -> tuple[Report, ...]:
        """Everything comes by the order stream."""
        return ()

    def place(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        assert intent.action is Action.PLACE, intent
        passage = self.wire.write()
        if passage.fate is Fate.DROPPED:
            return self._answer(intent, passage, Outcome.UNKNOWN)
        if passage.fate is Fate.LATER:
            self._around.after(passage.delay_ns, _Later(self._take, intent))
            return self._answer(intent, passage, Outcome.UNKNOWN, is_processed=True)
        order, text = self._take(intent)
        if order is None:
            return self._answer(intent, passage, Outcome.REFUSED, text=text)
        if passage.fate is Fate.TWICE:
            self._take(intent)
        answer = self._answer(
            intent, passage, Outcome.ACKED, order_id=order.venue_order_id, is_processed=True
        )
        if answer.outcome is Outcome.ACKED:
            self._memory.bind(intent.client_order_id, order.venue_order_id)
        return answer

    def modify(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        assert intent.action is Action.MODIFY, intent
        return self._request(intent)

    def cancel(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        assert intent.action is Action.CANCEL, intent
        return self._request(intent)

    def snapshot(self, request_id: int, now_ns: int) -> BrokerSnapshot | None:
        return self.ledger.read(request_id) if self.wire.is_readable() else None

    # -- requests -------------------------------------------------------------------------

    def _take(self, intent: IntentPlanned) -> tuple[KiteOrder | None, str]:
        return self._front.take(request_of(intent))

    def _carry_out(self, intent: IntentPlanned) -> tuple[KiteOrder | None, str]:
        """Change or cancel an order; why not, "" if it was taken. A cancel takes the other orders
        of its tag with it, whatever becomes of the one that answers."""
        order = self._memory.find(intent.client_order_id)
        if order is not None and intent.action is Action.CANCEL:
            for second in self._memory.seconds(order):
                self._front.cancel(second)
        if order is None or order.status not in RESTING:
            return order, IN_FLUX
        if intent.action is Action.CANCEL:
            self._front.cancel(order)
            return order, ""
        return order, self._front.modify(order, request_of(intent))

    def _answer(
        self,
        intent: IntentPlanned,
        passage: Passage,
        outcome: Outcome,
        *,
        order_id: str = "",
        text: str = "",
        is_processed: bool = False,
    ) -> IntentAnswered:
        """The answer that gets through; a time-out hides what happened."""
        now_ns, hidden = self._around.now_ns(), passage.outcome
        if hidden:
            answer = answered(intent, hidden, now_ns, text=passage.text)
        else:
            answer = answered(intent, outcome, now_ns, venue_order_id=order_id, text=text)
        self._on_request(now_ns, intent, answer.outcome, is_processed)
        return answer

    def _request(self, intent: IntentPlanned) -> IntentAnswered:
        """Change or cancel an order, if it is there to be changed."""
        passage = self.wire.write()
        if passage.fate is Fate.DROPPED:
            return self._answer(intent, passage, Outcome.UNKNOWN)
        if passage.fate is Fate.LATER:
            self._around.after(passage.delay_ns, _Later(self._carry_out, intent))
            return self._answer(intent, passage, Outcome.UNKNOWN, is_processed=True)
        order, text = self._carry_out(intent)
        order_id = order.venue_order_id if order else ""
        if text:
            return self._answer(intent, passage, Outcome.REFUSED, order_id=order_id, text=text)
        return self._answer(intent, passage, Outcome.ACKED, order_id=order_id, is_processed=True)
