"""The practice exchange with a clock that stands still until it is told: `-m tests.failures.floor`.

Its REST, websocket and control ports are those of `pahara exchange`; the control port knows five
verbs more, so that a test can let minutes pass at once and see what truly came in:

    POST /day    {"now_ns", "opens_at_ns", "closes_at_ns", "square_off_at_ns", "funds_paise",
                 "is_instant"}: all is new
    POST /to     {"now_ns"}: time passes, and what falls due happens
    POST /overnight  what is held is of yesterday; its trades are not in today's books
    POST /user   {"user_id"}: whose account the token is of
    GET  /heard  every REST request since the day began: method, path, form
"""

import heapq
import itertools
import json
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.practice.loop import Loop
from actors.practice.sockets import socket_factory
from actors.practice.web import always, site
from actors.runtime.clock import SystemClock
from engine.exchange.account.surroundings import AT_ONCE, Day, KiteSettings
from engine.exchange.practice.control import Control
from engine.exchange.practice.faults import Menu
from engine.exchange.practice.hub import Hub
from engine.exchange.practice.listing import Listing
from engine.exchange.practice.routes import Api, Request
from engine.exchange.practice.rows import USER
from engine.exchange.practice.tokens import Tokens
from engine.exchange.practice.transport import Answer, Fate
from engine.exchange.practice.venue import Outer, PracticeExchange
from engine.session import ist_day
from supervisors.config import instruments
from supervisors.tables import load_charges
from tests.failures.market import CONFIG, PRICES

KEY, SECRET = "practice", "practice-secret"
Callback = Callable[[], object]


class DayOrder(msgspec.Struct, kw_only=True):
    """How a day begins; instants in UTC ns."""

    now_ns: int
    opens_at_ns: int
    closes_at_ns: int
    square_off_at_ns: int = 0
    funds_paise: int = 0
    is_instant: bool = False


class Time:
    """A clock and what is to happen when it gets there."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._due: list[tuple[int, int, Callback]] = []
        self._count = itertools.count()

    def call_at(self, at_ns: int, callback: Callback) -> None:
        heapq.heappush(self._due, (at_ns, next(self._count), callback))

    def after(self, delay_ns: int, callback: Callback) -> None:
        self.call_at(self.now_ns + delay_ns, callback)

    def pass_to(self, now_ns: int) -> None:
        while self._due and self._due[0][0] <= now_ns:
            at_ns, _, callback = heapq.heappop(self._due)
            self.now_ns = max(self.now_ns, at_ns)
            callback()
        self.now_ns = max(self.now_ns, now_ns)


class Floor:
    """See the module."""

    def __init__(self) -> None:
        self.loop = Loop(SystemClock())
        self.days = 0
        self._begin(DayOrder(now_ns=0, opens_at_ns=0, closes_at_ns=0))
        self.sockets = socket_factory(self.exchange, self.hub)

    def _begin(self, day: DayOrder) -> None:
        """Another account at another exchange, behind the same ports."""
        self.days += 1
        self.time = time = Time()
        time.now_ns = day.now_ns
        outer = Outer(
            now_ns=lambda: time.now_ns,
            real_ns=lambda: time.now_ns,
            call_at=time.call_at,
            after_real=time.after,
        )
        listing = Listing(instruments(CONFIG), PRICES)
        settings = replace(
            AT_ONCE if day.is_instant else KiteSettings(), funds_paise=day.funds_paise
        )
        tokens = Tokens(KEY, SECRET, str(self.days))
        self.exchange = PracticeExchange(
            listing, replace(settings, streams_trades=False), load_charges(), tokens, outer, Menu()
        )
        self.hub = Hub(listing, self.exchange.quotes, self.exchange.menu)
        outer.on_frame, outer.on_update = self.hub.on_frame, self.hub.on_update
        outer.on_garbage = self.hub.on_garbage
        self.api = Api(self.exchange)
        self.control = Control(self.exchange, self.api, self.hub)
        self.heard: list[dict[str, Any]] = []
        self.user = USER
        trading_day = ist_day(day.now_ns).isoformat()
        self.exchange.start_day(
            Day(
                trading_day=trading_day,
                opens_at_ns=day.opens_at_ns,
                closes_at_ns=day.closes_at_ns,
                square_off_at_ns=day.square_off_at_ns,
            )
        )
        for name, paise in PRICES.items():
            self.exchange.move_price(name, paise)

    def answer(self, request: Request) -> tuple[Answer, Fate]:
        self.heard.append(
            {"method": request.method, "path": request.path, "form": request.fields()}
        )
        answer, fate = self.api.handle(request)
        if request.path == "/user/profile":
            answer = replace(answer, body=answer.body.replace(USER.encode(), self.user.encode()))
        return answer, fate

    def order(self, request: Request) -> Answer:
        match request.method, request.path:
            case "POST", "/day":
                self._begin(msgspec.json.decode(request.body, type=DayOrder))
                self.sockets.exchange, self.sockets.hub = self.exchange, self.hub
                return _json({"done": "day"})
            case "POST", "/to":
                self.time.pass_to(json.loads(request.body)["now_ns"])
                return _json({"done": "to"})
            case "POST", "/overnight":
                self.exchange.ledger.trades.clear()
                self.exchange.books.start_day()
                return _json({"done": "overnight"})
            case "POST", "/user":
                self.user = json.loads(request.body)["user_id"]
                return _json({"done": "user"})
            case "GET", "/heard":
                return _json(self.heard)
            case _:
                return self.control.handle(request)

    def _beat(self) -> None:
        self.hub.beat()

    def run(self) -> int:
        loop = self.loop
        state = {
            "rest": loop.listen(0, site(loop, self.answer)),
            "ws": loop.listen(0, self.sockets),
            "control": loop.listen(0, site(loop, always(self.order))),
            "api_key": KEY,
            "api_secret": SECRET,
        }
        loop.each_second(self._beat)
        loop.when_running(lambda: _tell(state))
        return loop.run()


def _tell(state: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(state) + "\n")
    sys.stdout.flush()


def _json(data: object) -> Answer:
    return Answer(status=200, body=msgspec.json.encode(data))


if __name__ == "__main__":
    sys.exit(Floor().run())
