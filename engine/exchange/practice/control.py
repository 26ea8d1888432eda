"""The control port: what a test or a person may do to the practice exchange.

Decides the verbs of the port. Nothing of it exists at Kite.

    POST /faults   {"fault": "FLT-17" | "number": 1, "count", "ppm", "amount", "method", "path"}
    DELETE /faults                                    all are disarmed, lasting ones end
    GET  /faults   armed and struck        GET /truth          orders, trades, positions, duplicates
    GET  /status   clock, day, counts      POST /price         {"name", "paise", "bid", "ask", "units"}
                   the answer has the instant at which its frame began to leave, market time: at_ns
    POST /market   {"is_stopped": bool}    POST /day/end
    POST /login    a request token         POST /token         a new access token; older ones die
    POST /logout   POST /sockets/close     POST /limits        {"scale": n}
    POST /square-off                                  the broker closes MIS positions now
    POST /stranger {"name", "units", "product"}       a person or another tool trades at the market
    POST /withdraw {"order_id", "text"}               the broker cancels an order of its own accord
    POST /reset    empty books, no positions, the same day
"""  # noqa: E501 - a table

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import asdict

from engine.exchange.practice.faults import BY_NUMBER, Arm
from engine.exchange.practice.hub import Hub
from engine.exchange.practice.routes import Api, Request
from engine.exchange.practice.transport import Answer
from engine.exchange.practice.venue import PracticeExchange
from engine.messages.values import Product
from engine.session import ist_text

T = TypeVar("T")


class ArmOrder(msgspec.Struct, kw_only=True):
    """Arm one fault; `number` is that of the failure seen in the wild."""

    fault: str = ""
    number: int = 0
    count: int = 1
    ppm: int = 1_000_000
    amount: int | None = None
    method: str = ""
    path: str = ""


class PriceOrder(msgspec.Struct, kw_only=True):
    """Move a price; paise and units."""

    name: str
    paise: int
    bid: int = 0
    ask: int = 0
    units: int = 0


class MarketOrder(msgspec.Struct, kw_only=True):
    """Stop the source, or let it go on."""

    is_stopped: bool


class StrangerOrder(msgspec.Struct, kw_only=True):
    """A market order without a tag, signed units."""

    name: str
    units: int
    product: Product = Product.MIS


class WithdrawOrder(msgspec.Struct, kw_only=True):
    """An order that the broker takes off."""

    order_id: str
    text: str = ""


class LimitsOrder(msgspec.Struct, kw_only=True):
    """Multiply the rate limits."""

    scale: int


class Control:
    """See the module."""

    def __init__(self, exchange: PracticeExchange, api: Api, hub: Hub) -> None:
        self._exchange, self._api, self._hub = exchange, api, hub

    def handle(self, request: Request) -> Answer:
        """Carry one verb out: 200 with JSON, 400 with what is wrong, 404."""
        try:
            data = self._act(request)
        except (msgspec.DecodeError, KeyError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})
        return _json(404, {"error": "no such verb"}) if data is None else _json(200, data)

    def _act(self, request: Request) -> object | None:
        match request.method, request.path:
            case "DELETE", "/faults":
                return self._disarm()
            case "GET", "/faults":
                menu = self._exchange.menu
                return {"armed": menu.armed, "struck": dict(menu.struck)}
            case "GET", "/truth":
                return self._truth()
            case "GET", "/status":
                return self._status()
            case "POST", path if request.body:
                return self._order(path, request.body)
            case "POST", path:
                return self._deed(path)
            case _:
                return None

    def _order(self, path: str, body: bytes) -> object | None:
        """A verb with figures."""
        exchange = self._exchange
        if path == "/faults":
            return self._arm(msgspec.json.decode(body, type=ArmOrder))
        if path == "/price":
            price = msgspec.json.decode(body, type=PriceOrder)
            at_ns = exchange.move_price(price.name, price.paise, price.bid, price.ask, price.units)
            return {"done": path, "at_ns": at_ns}
        if path == "/market":
            exchange.is_stopped = msgspec.json.decode(body, type=MarketOrder).is_stopped
        elif path == "/limits":
            exchange.limits.scale = msgspec.json.decode(body, type=LimitsOrder).scale
        elif path == "/stranger":
            trade = msgspec.json.decode(body, type=StrangerOrder)
            name = exchange.quotes[trade.name].listed.instrument.name
            exchange.strangers.send(name, trade.product, trade.units)
        elif path == "/withdraw":
            self._withdraw(msgspec.json.decode(body, type=WithdrawOrder))
        else:
            return None
        return {"done": path}

    def _withdraw(self, wanted: WithdrawOrder) -> None:
        order = self._exchange.ledger.orders[wanted.order_id]
        if not order.is_terminal:
            self._exchange.account.withdraw(order, wanted.text)

    def _deed(self, path: str) -> object | None:
        exchange = self._exchange
        if path == "/day/end":
            exchange.end_day()
        elif path == "/login":
            return {"request_token": exchange.tokens.log_in()}
        elif path == "/token":
            return {"access_token": exchange.tokens.renew(exchange.outer.now_ns())}
        elif path == "/logout":
            exchange.tokens.log_out()
        elif path == "/square-off":
            exchange.strangers.square_off(exchange.account.day.trading_day)
        elif path == "/reset":
            exchange.reset()
            self._api.gtts.triggers.clear()
        elif path == "/sockets/close":
            self._hub.close_all()
        else:
            return None
        return {"done": path}

    def _arm(self, order: ArmOrder) -> object:
        fault, amount = order.fault, order.amount
        if order.number:
            fault, size = BY_NUMBER[order.number]
            amount = size if amount is None else amount
        arm = Arm(
            count=order.count, ppm=order.ppm, amount=amount, method=order.method, path=order.path
        )
        self._exchange.menu.arm(fault, arm)
        return {"fault": fault, "armed": arm}

    def _disarm(self) -> object:
        """Nothing strikes any more, and what lasts ends."""
        self._exchange.menu.armed.clear()
        self._api.transport.heal()
        self._exchange.ledger.thaw()
        self._exchange.stream.heal()
        self._exchange.account.heal()
        for connection in self._hub.connections:
            connection.is_silent = False
        return {"struck": dict(self._exchange.menu.struck)}

    def _truth(self) -> object:
        exchange = self._exchange
        now_ns = exchange.outer.now_ns()
        return {
            "orders": [
                {
                    "row": asdict(order.row(now_ns)),
                    "tag": order.tag_true,
                    "is_alien": order.is_alien,
                    "is_ghost": order.is_ghost,
                    "placed_at_ns": order.placed_at_ns,
                }
                for order in exchange.ledger.orders.values()
            ],
            "trades": [asdict(trade) for trade in exchange.ledger.trades],
            "positions": [
                {"name": name, "product": product.value, "units": units}
                for (name, product), units in exchange.ledger.positions.items()
            ],
            "duplicates": exchange.duplicates(),
        }  # fmt: skip

    def _status(self) -> Mapping[str, object]:
        exchange = self._exchange
        now_ns, day = exchange.outer.now_ns(), exchange.account.day
        return {
            "now": ist_text(now_ns),
            "now_ns": now_ns,
            "trading_day": day.trading_day,
            "is_open": day.is_open(now_ns),
            "is_stopped": exchange.is_stopped,
            "requests": self._api.request_count,
            "orders_day": exchange.limits.orders_day,
            "limited": exchange.limits.refused,
            "sockets": len(self._hub.connections),
            "frames": self._hub.frame_count,
            "last_paise": {name: quote.last_paise for name, quote in exchange.quotes.items()},
        }


def _json(status: int, data: object) -> Answer:
    return Answer(status=status, body=msgspec.json.encode(data))
