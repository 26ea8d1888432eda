"""The REST API: from a request to the bytes of its answer.

Decides which handler a path has, who may call it and how often. Refuses to know sockets. Every
error leaves as Kite's own body; an error of ours is not caught here.
Source: Kite Connect v3 and kiteconnect 5.2.2, `_routes`.
"""

import gzip
from collections.abc import Callable, Mapping

import msgspec

from engine.exchange.practice import money
from engine.exchange.practice.errors import KiteError, dead_token, invalid, too_many
from engine.exchange.practice.gtt import Gtts
from engine.exchange.practice.history import candles
from engine.exchange.practice.slicing import place_slices
from engine.exchange.practice.transport import Answer, Doing, Fate, Transport, answer_of
from engine.exchange.practice.venue import Json, PracticeExchange
from engine.session import ist_text
from engine.units import NS_PER_S

CSV = "text/csv"
NAMES_MAX = {"quote": 500, "ohlc": 1_000, "ltp": 1_000}
OPEN_PATHS = ("/connect/login", "/session/token")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request. `query` and `form`: all values of each field, in order."""

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]] = {}
    form: Mapping[str, tuple[str, ...]] = {}
    body: bytes = b""
    headers: Mapping[str, str] = {}

    def field(self, name: str) -> str:
        """The first value of a field of the form, else of the query; "" if there is none."""
        return (self.form.get(name) or self.query.get(name) or ("",))[0]

    def fields(self) -> dict[str, str]:
        """The form with the first value of each field; empty ones count as left out."""
        return {name: values[0] for name, values in self.form.items() if values and values[0]}


Handler = Callable[[Request, list[str]], object]


class Api:
    """See the module."""

    def __init__(self, exchange: PracticeExchange) -> None:
        self._exchange = exchange
        self.transport = Transport(exchange.menu)
        self.gtts = Gtts(exchange)
        self.request_count = 0
        self._handlers: dict[tuple[str, str], Handler] = {
            ("POST", "session"): self._log_in,
            ("DELETE", "session"): self._log_out,
            ("GET", "connect"): self._login_page,
            ("GET", "user"): self._user,
            ("GET", "instruments"): self._instruments,
            ("GET", "quote"): self._quote,
            ("GET", "orders"): self._orders,
            ("POST", "orders"): self._place,
            ("PUT", "orders"): self._modify,
            ("DELETE", "orders"): self._cancel,
            ("GET", "trades"): lambda *_: self._mixed(exchange.books.trades()),
            ("GET", "portfolio"): self._portfolio,
            ("GET", "gtt"): self._triggers,
            ("POST", "gtt"): lambda request, _: self.gtts.place(request.fields()),
            ("DELETE", "gtt"): lambda _, parts: self.gtts.cancel("".join(parts[1:])),
            ("POST", "margins"): self._margins,
            ("POST", "charges"): self._charges,
        }

    def handle(self, request: Request) -> tuple[Answer, Fate]:
        """The answer and what becomes of it on its way."""
        self.request_count += 1
        real_ns = self._exchange.outer.real_ns()
        try:
            self._admit(request, real_ns)
        except KiteError as error:
            return answer_of(error), Fate(doing=Doing.NEVER)
        fate = self.transport.fate(request.method, request.path, real_ns)
        if self.transport.is_token_killed:
            self.transport.is_token_killed = False
            self._exchange.tokens.log_out()
            return answer_of(dead_token()), Fate(doing=Doing.NEVER)
        answer = Answer(status=200, body=b"")
        if fate.doing is Doing.LATER:
            outer = self._exchange.outer
            outer.after_real(fate.delay_s * NS_PER_S, lambda: self._carry_out(request))
        elif fate.doing is not Doing.NEVER:
            answer = self._carry_out(request)
            if fate.doing is Doing.TWICE:
                self._carry_out(request)
        return fate.answer or answer, fate

    def _admit(self, request: Request, real_ns: int) -> None:
        """Headers, session and rate. Raises KiteError."""
        parts = request.path.strip("/").split("/")
        if (request.method, parts[0]) not in self._handlers:
            known = {path for _, path in self._handlers}
            if parts[0] in known:
                raise KiteError(405, "GeneralException", "Method not allowed.")
            if parts[0] == "alerts":
                raise invalid("alerts are not available at the practice exchange.")
            raise KiteError(404, "GeneralException", "Route not found")
        if request.path.startswith("/connect"):
            return
        if request.headers.get("x-kite-version") != "3":
            raise invalid("Invalid or missing `X-Kite-Version`.")
        if not request.path.startswith(OPEN_PATHS):
            now_ns = self._exchange.outer.now_ns()
            self._exchange.tokens.check(request.headers.get("authorization", ""), now_ns)
        if not self._exchange.limits.takes(_kind(request.method, request.path), real_ns):
            raise too_many()

    def _carry_out(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        try:
            data = self._handlers[request.method, parts[0]](request, parts[1:])
        except KiteError as error:
            return answer_of(error)
        if isinstance(data, Answer):
            return data
        return Answer(status=200, body=msgspec.json.encode({"status": "success", "data": data}))

    # -- session and user -----------------------------------------------------------------

    def _login_page(self, request: Request, _parts: list[str]) -> object:
        """What the browser would do: the user is in at once, the answer carries the token."""
        if request.field("api_key") != self._exchange.tokens.api_key:
            raise KiteError(400, "InputException", "Invalid `api_key`.")
        return {"request_token": self._exchange.tokens.log_in(), "status": "success"}

    def _log_in(self, request: Request, _parts: list[str]) -> object:
        tokens, now_ns = self._exchange.tokens, self._exchange.outer.now_ns()
        access_token = tokens.exchange(
            request.field("api_key"),
            request.field("request_token"),
            request.field("checksum"),
            now_ns,
        )
        return money.profile() | {
            "api_key": tokens.api_key,
            "access_token": access_token,
            "public_token": access_token[::-1],
            "enctoken": "",
            "refresh_token": "",
            "silo": "",
            "login_time": ist_text(now_ns),
        }

    def _log_out(self, request: Request, _parts: list[str]) -> object:
        tokens, now_ns = self._exchange.tokens, self._exchange.outer.now_ns()
        if not tokens.is_valid(request.field("api_key"), request.field("access_token"), now_ns):
            raise dead_token()
        tokens.log_out()
        return True

    def _user(self, _request: Request, parts: list[str]) -> object:
        if parts[:1] == ["profile"]:
            return money.profile()
        if parts[:1] != ["margins"]:
            raise KiteError(404, "GeneralException", "Route not found")
        is_hidden = self._exchange.menu.strikes("KITE-39")
        equity = money.funds(self._exchange, is_cash_hidden=is_hidden)
        both = {"equity": equity, "commodity": money.funds(self._exchange)}
        if len(parts) == 1:
            return both
        if parts[1] not in both:
            raise invalid("Invalid segment.")
        return both[parts[1]]

    # -- market ---------------------------------------------------------------------------

    def _instruments(self, request: Request, parts: list[str]) -> object:
        if parts[:1] == ["historical"]:
            return candles(self._exchange, parts[1:], request.field)
        if parts[:1] == ["trigger_range"]:
            raise invalid("Trigger ranges are of cover orders, which are not available here.")
        dump = self._exchange.listing.dump(parts[0] if parts else "")
        return Answer(
            status=200,
            body=gzip.compress(dump.encode(), mtime=0),
            content_type=CSV,
            encoding="gzip",
        )

    def _quote(self, request: Request, parts: list[str]) -> object:
        kind = parts[0] if parts else "quote"
        if kind not in NAMES_MAX:
            raise KiteError(404, "GeneralException", "Route not found")
        names = request.query.get("i", ())
        if len(names) > NAMES_MAX[kind]:
            raise invalid(f"At most {NAMES_MAX[kind]} instruments are allowed.")
        found = {name: self._exchange.quotes[name] for name in names if self._is_quoted(name)}
        if found and self._exchange.menu.strikes("KITE-44"):
            found.popitem()
        shown = {"quote": "full", "ohlc": "ohlc", "ltp": "ltp"}[kind]
        return {name: getattr(quote, shown)() for name, quote in found.items()}

    def _is_quoted(self, name: str) -> bool:
        return name in self._exchange.quotes and self._exchange.quotes[name].last_paise > 0

    # -- orders and books -----------------------------------------------------------------

    def _orders(self, _request: Request, parts: list[str]) -> object:
        if not parts:
            return self._mixed(self._exchange.books.orders())
        if parts[1:] == ["trades"]:
            self._exchange.find(parts[0])
            return self._exchange.books.trades(parts[0])
        order = self._exchange.find(parts[0])
        return self._mixed(self._exchange.books.history(order, self._exchange.outer.now_ns()))

    def _mixed(self, rows: list[Json]) -> list[Json]:
        """Books and histories promise no order of their rows (48)."""
        return rows[::-1] if self._exchange.menu.strikes("KITE-48") else rows

    def _triggers(self, _request: Request, parts: list[str]) -> object:
        if len(parts) > 1:
            return self.gtts.find(parts[1]).row()
        return [trigger.row() for trigger in self.gtts.triggers.values()]

    def _place(self, request: Request, parts: list[str]) -> object:
        if request.field("autoslice") == "true":
            return place_slices(self._exchange, "/".join(parts), request.fields())
        order = self._exchange.place("/".join(parts), request.fields())
        return {"order_id": order.venue_order_id}

    def _modify(self, request: Request, parts: list[str]) -> object:
        variety, order_id = _two(parts)
        order = self._exchange.modify(variety, order_id, request.fields())
        return {"order_id": order.venue_order_id}

    def _cancel(self, _request: Request, parts: list[str]) -> object:
        return {"order_id": self._exchange.cancel(*_two(parts)).venue_order_id}

    def _portfolio(self, _request: Request, parts: list[str]) -> object:
        if parts == ["positions"]:
            return self._exchange.books.positions()
        if parts == ["holdings"]:
            return money.holdings(self._exchange)
        raise KiteError(404, "GeneralException", "Route not found")

    # -- estimates ------------------------------------------------------------------------

    def _margins(self, request: Request, parts: list[str]) -> object:
        asked = _listed(request.body)
        if parts == ["basket"]:
            return money.basket(self._exchange, asked)
        return [money.order_margin(self._exchange, row) for row in asked]

    def _charges(self, request: Request, _parts: list[str]) -> object:
        return [money.contract_note(self._exchange, row) for row in _listed(request.body)]


def _kind(method: str, path: str) -> str:
    """Which limit a request counts against; changes and cancels share that of placing."""
    if path.startswith("/orders") and method != "GET":
        return "order"
    if path.startswith("/instruments/historical"):
        return "historical"
    return "quote" if path.startswith("/quote") else "other"


def _two(parts: list[str]) -> tuple[str, str]:
    if len(parts) != 2:
        raise KiteError(404, "GeneralException", "Route not found")
    return parts[0], parts[1]


def _listed(body: bytes) -> list[Mapping[str, object]]:
    try:
        return msgspec.json.decode(body, type=list[Mapping[str, object]])
    except msgspec.DecodeError:
        raise invalid("Invalid JSON.") from None
