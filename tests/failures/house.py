"""The whole engine, LIVE, on the failing exchange: real client and sockets, one thread, one clock.

The engine runs on the seeded host with a virtual clock that the exchange's clock follows, so that
half a minute of waiting costs nothing. What the engine is told comes over REST and websocket; what
is true comes from the control port.
"""

import dataclasses
import json
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

from actors.brokers.kite.broker import KiteBroker
from actors.brokers.kite.credentials import Credentials
from actors.brokers.kite.place import KitePlace
from actors.brokers.kite.session import KiteSession
from actors.brokers.kite.transport import TransportSettings
from actors.runtime.clock import VirtualClock
from actors.stores.memory import MemoryDatabase
from actors.stores.secrets import Secret
from actors.watcher import WatcherActor
from engine.ids import signal_id
from engine.kite.outcome import Asked, Verdict
from engine.market.quality import TickLimits
from engine.market.staleness import StalenessLimits
from engine.messages.broker import StreamHinted
from engine.messages.control import AlertRaised
from engine.messages.market import MarketFrame, Tick
from engine.messages.records import IntentPlanned, OrderDenied, OrderFact
from engine.messages.signals import EntryProposed
from engine.messages.values import Leg, Side, Target
from engine.session import ns_from_ist
from engine.units import NS_PER_MS, NS_PER_S
from scripts.rehearsal.guarded import WORKING, naked_names
from scripts.simulation.decisions import Decisions
from scripts.simulation.host import SimPool
from scripts.simulation.trace import Trace
from supervisors.config import EngineConfig, instruments
from supervisors.liveaccount import watcher_settings
from supervisors.wiring import Parts, charger
from tests.exchange.wire import Socket
from tests.failures.market import CONFIG, PRICES, SHARE
from tests.sim.live_house import CLOSES_NS, DATE, OPENS_NS, LiveHouse
from tests.sim.plain_disk import PlainLatches, PlainSpool

STEP_NS = 250 * NS_PER_MS
BEFORE_NS = 10 * NS_PER_S
HASTY = TransportSettings(
    connect_ns_max=NS_PER_S, total_ns_max=400 * NS_PER_MS, read_ns_max=400 * NS_PER_MS
)
"""A hung call costs the test four tenths of a second instead of seven."""


class TimelySession(KiteSession):
    """The exchange has the time of the engine at each call. `to_now` brings it about."""

    to_now: Callable[[], object]

    def _call(self, asked: Asked, call: Callable[[], object], order_id: str = "") -> Verdict:
        self.to_now()
        return super()._call(asked, call, order_id)


class FloorHouse(LiveHouse):
    """See the module. `naked_s`: for how long the true position had less working protection at the
    exchange than units."""

    def __init__(
        self,
        state: dict[str, Any],
        *,
        config: EngineConfig = CONFIG,
        begin: str = "",
        user_id: str = "",
        joins: "FloorHouse | None" = None,
        shares_journal: bool = True,
        **day: int,
    ) -> None:
        """`begin`: time of the day (IST), ten seconds before the opening if not given. `user_id`:
        whose account it has to be. `joins`: another engine on the same account, and by
        `shares_journal` on the same journal. `day`: more of the exchange's day."""
        self.state = state
        self.user_id = user_id
        self.broker = None  # type: ignore[assignment]  # the truth is at the control port
        self.alerts: list[AlertRaised] = []
        self.database = MemoryDatabase()
        self.latches, self.spool = PlainLatches(), PlainSpool()
        begin_ns = ns_from_ist(f"{DATE} {begin}") if begin else OPENS_NS - BEFORE_NS
        self.clock = VirtualClock(begin_ns)
        self.pool = SimPool(self.clock, "fifo", Decisions(1), Trace())
        self.config = config
        self.prices = dict(PRICES)
        self.naked_s = self.naked_now_s = 0.0
        self.market: Callable[[], None] | None = None  # made up by us until somebody brings one
        self._proposals = self._commands = self._steps = 0
        self._sessions: list[KiteSession] = []
        if joins is None:
            self._open_floor(day)
        else:
            self.clock.move_to(joins.clock.now_ns())
            self.token, self.prices = joins.token, joins.prices
            self.database = joins.database if shares_journal else self.database
        self.stream: Socket | None = self._connect()
        self.boot()

    def _open_floor(self, day: dict[str, int]) -> None:
        """A new day and account at the exchange."""
        self.control(
            "POST", "/day", now_ns=self.clock.now_ns(), opens_at_ns=OPENS_NS,
            closes_at_ns=CLOSES_NS, square_off_at_ns=CLOSES_NS - 20 * NS_PER_S, **day,
        )  # fmt: skip
        self.control("POST", "/limits", scale=1_000)
        self.log_in()

    def control(self, method: str, path: str, /, **body: object) -> Any:
        """One verb of the control port."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.state['control']}{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def log_in(self) -> None:
        """A person brings a new token."""
        self.token = self.control("POST", "/token")["access_token"]

    def arm(self, fault: str, amount: int | None = None, **more: object) -> None:
        self.control("POST", "/faults", fault=fault, amount=amount, **more)

    @property
    def struck(self) -> dict[str, int]:
        return dict(self.control("GET", "/faults")["struck"])

    # -- the engine's side ------------------------------------------------------------------

    def _parts(self, epoch: int) -> Parts:
        parts = super()._parts(epoch)
        by_name = {item.name: item for item in instruments(self.config)}
        pace = (parts.resolve, parts.steady_every_ns, parts.clock_speed)
        settings = watcher_settings(KitePlace(), *pace)
        charge = charger(parts.charges)
        watch = {"watcher": lambda _: WatcherActor(by_name, settings, charge, DATE)}
        return dataclasses.replace(
            parts,
            make_live_broker=self._make_broker,
            staleness=StalenessLimits(),
            tick_limits=TickLimits(),
            check_every_ns=NS_PER_S,
            extra={**parts.extra, **watch},
        )

    def _make_broker(self) -> KiteBroker:
        root = f"http://127.0.0.1:{self.state['rest']}"
        session = TimelySession(self._keys(), root, HASTY)
        session.to_now = lambda: self.control("POST", "/to", now_ns=self.clock.now_ns())
        self._sessions.append(session)
        self.live = KiteBroker(session, reload=self._keys, user_id=self.user_id)
        return self.live

    def _keys(self) -> Credentials:
        return Credentials(Secret(self.state["api_key"]), Secret(self.token))

    def _connect(self) -> Socket:
        made = Socket(self.state["ws"], self.state["api_key"], self.token)
        assert made.status == 101
        return made

    def hang_up(self) -> None:
        """The order stream is gone; what is told meanwhile is told to nobody."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    def reconnect(self) -> None:
        """The stream stands again; its reader says that there was an interruption."""
        self.stream = self._connect()
        self._hint("")

    def close(self) -> None:
        super().close()
        self.hang_up()
        for session in self._sessions:
            session.close()

    # -- time -------------------------------------------------------------------------------

    def run(self, seconds: float, price_paise: int = 0, name: str = SHARE) -> None:
        """Let time pass, a tick each second at the (new) price."""
        if price_paise:
            self.move(name, price_paise)
        for _ in range(round(seconds * NS_PER_S / STEP_NS)):
            self._steps += 1
            until_ns = self.clock.now_ns() + STEP_NS
            self._play(until_ns)
            self.control("POST", "/to", now_ns=until_ns)
            while self._heard():
                self._play(until_ns)
            if until_ns % NS_PER_S == 0:
                self._tick()
                self._play(until_ns)
            self._look()

    def move(self, name: str, price_paise: int, **depth: int) -> None:
        """The market moves: the exchange sees it first."""
        self.prices[name] = price_paise
        self.control("POST", "/price", name=name, paise=price_paise, **depth)

    def _tick(self) -> None:
        if self.market is not None:
            self.market()
            return
        now_ns = self.clock.now_ns()
        ticks = tuple(
            Tick(instrument=name, price_paise=paise, at_ns=now_ns, received_at_ns=now_ns,
                 volume_day=now_ns // NS_PER_S)
            for name, paise in self.prices.items()
        )  # fmt: skip
        self.runtime.directory.deliver("market", MarketFrame(ticks=ticks), "kite")

    def _heard(self) -> bool:
        """Bring what the order stream has said by now; a wrong command is answered in its turn, so
        that nothing is still on its way."""
        if self.stream is None:
            return False
        self.stream.send(a="are you there")
        is_any = False
        while True:
            is_binary, payload = self.stream.frame()
            if is_binary:
                continue
            text = payload.decode()
            if text.startswith('{"type":"error"'):
                return is_any
            is_any = True
            self._hint(text)

    def _hint(self, text: str) -> None:
        hint = StreamHinted(body=text, at_ns=self.clock.now_ns())
        self.runtime.directory.deliver("writer", hint, "kite")

    def _look(self) -> None:
        """Count for how long the true position is not covered by working exits."""
        is_naked = bool(naked_names(self.truth()))
        self.naked_now_s = self.naked_now_s + STEP_NS / NS_PER_S if is_naked else 0.0
        self.naked_s = max(self.naked_s, self.naked_now_s)

    # -- doing ------------------------------------------------------------------------------

    def propose(
        self, side: Side = Side.BUY, price_paise: int = 0, risk_paise: int = 1_000,
        name: str = SHARE, targets: int = 2,
    ) -> None:  # fmt: skip
        """As the strategy would: a limit, a stop and targets at one and two risks."""
        self._proposals += 1
        now_ns, price, sign = self.clock.now_ns(), price_paise or self.prices[name], side.sign
        shares = (5_000, 5_000) if targets == 2 else (10_000,)
        proposal = EntryProposed(
            signal_id=signal_id("s1", name, side, self._proposals),
            strategy="s1",
            strategy_generation=self.runtime.directory.generation("strategy/s1"),
            instrument=name,
            side=side,
            price_limit_paise=price,
            price_stop_paise=price - sign * risk_paise,
            targets=tuple(
                Target(price_paise=price + sign * number * risk_paise, share_bps=share)
                for number, share in enumerate(shares, 1)
            ),
            at_ns=now_ns,
            expires_at_ns=now_ns + 300 * NS_PER_S,
        )
        self.runtime.directory.deliver("guard", proposal, "strategy/s1")

    def enter(self, side: Side = Side.BUY, seconds: float = 5, name: str = SHARE) -> int:
        """Propose at the market and wait; what is truly held."""
        self.propose(side, name=name)
        self.run(seconds)
        return self.net(name)

    # -- looking ----------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        return dict(self.control("GET", "/truth"))

    def net(self, name: str = SHARE) -> int:
        return sum(row["units"] for row in self.truth()["positions"] if row["name"] == name)

    def orders(self, leg: str = "") -> list[dict[str, Any]]:
        """Rows of our orders as the exchange truly has them; `leg` is the tag's letter (E, S, X,
        A and B for the targets)."""
        return [
            {**order["row"], "tag": order["tag"]}
            for order in self.truth()["orders"]
            if order["tag"] and leg in order["tag"][1:2]
        ]

    def of_leg(self, leg: str) -> list[str]:
        """Tags of the placements of a leg that came in."""
        return [tag for tag in self.sent() if tag[1] == leg]

    def working(self, leg: str = "") -> list[dict[str, Any]]:
        return [row for row in self.orders(leg) if row["status"] in WORKING]

    def heard(self, method: str = "", path: str = "") -> list[dict[str, Any]]:
        """What came in at the exchange, as it came in."""
        found = self.control("GET", "/heard")
        return [
            one for one in found if method in ("", one["method"]) and one["path"].startswith(path)
        ]

    def sent(self) -> Counter[str]:
        """How often each tag was sent in a placement."""
        forms = [one["form"] for one in self.heard("POST", "/orders")]
        return Counter(form["tag"] for form in forms if form.get("tag"))

    def settle(self, *, naked_s_max: float = 6.0) -> None:
        """What must hold in the end, whatever struck: equal books, nothing unknown, no placement
        twice, no stray exit, no position naked for longer than said."""
        truth = self.truth()
        true = sum(row["units"] for row in truth["positions"])
        assert self.held() == true, f"journal {self.held()}, exchange {true}\n{self.story()}"
        assert self.unresolved() == [], self.story()
        assert max(self.sent().values(), default=0) <= 1, f"{self.sent()}\n{self.story()}"
        assert truth["duplicates"] == {} or "FLT-24" in self.struck, truth["duplicates"]
        assert self.naked_s <= naked_s_max, f"naked for {self.naked_s} s\n{self.story()}"
        assert self.naked_now_s == 0, f"naked in the end\n{self.story()}"
        assert self.strays() == [], f"{self.strays()}\n{self.story()}"

    def strays(self) -> list[str]:
        """Working exits of ours that no position needs."""
        nets = Counter[str]()
        for row in self.truth()["positions"]:
            nets[row["name"]] += row["units"]
        found = []
        for order in self.working():
            net, sign = nets[order["instrument"]], 1 if order["side"] == "BUY" else -1
            rest = order["quantity"] - order["filled_quantity"]
            if order["tag"][1] != "E" and (sign * net >= 0 or rest > abs(net)):
                found.append(order["tag"])
        return found

    def denied(self) -> list[str]:
        """Rules that the gate has refused an order by."""
        return [r.refusal.rule for r in self.of(OrderDenied) if isinstance(r, OrderDenied)]

    def story(self) -> str:
        """The whole course, for a failing test."""
        lines = [(r.at_ns, _line(r)) for r in self.records]
        lines += [(a.at_ns, f"ALERT {a.severity} {a.event} {a.text}") for a in self.alerts]
        lines.sort(key=lambda line: line[0])
        rows = [f"  {o['tag']} {o['side']} {o['order_type']} {o['filled_quantity']}/{o['quantity']}"
                f" {o['status']} {o['text']}" for o in self.orders()]  # fmt: skip
        told = [f"{(at_ns - OPENS_NS) / NS_PER_S:9.3f} {what}" for at_ns, what in lines]
        return "\n".join([*told, *rows, f"struck {self.struck}"])


def _line(record: object) -> str:
    what = type(record).__name__
    if isinstance(record, IntentPlanned):
        return (
            f"{record.action.value} {record.leg.value} {record.quantity} @"
            f"{record.price_limit_paise}/{record.price_trigger_paise} {record.reason}"
        )
    if isinstance(record, OrderFact):
        names = ("quantity", "filled_total", "reason", "refusal", "trade_id")
        more = [f"{name}={getattr(record, name)}" for name in names if hasattr(record, name)]
        return " ".join([what, record.leg.value, *more])
    return what


__all__ = ["FloorHouse", "Leg"]
