"""A whole engine in the test's process: threads, database, console, watchdog, as boot builds it.

The test can reach any room of it and break what it likes; everything is taken down afterwards.
"""

import json
import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import msgspec

from actors.runtime.clock import boot_ns, wall_ns
from actors.runtime.log import configure_logging
from actors.runtime.room import Room
from actors.runtime.roomspec import RoomSpec
from actors.runtime.runtime import ThreadHosts
from engine.messages.base import Message
from engine.messages.supervision import StopOrdered
from engine.session import ist_day
from supervisors.boot import SWITCH_INTERVAL_S
from supervisors.capturing import begin_capture
from supervisors.config import EngineConfig, StrategyConfig, load_config
from supervisors.engine import Engine
from supervisors.history import History
from supervisors.live import Surroundings, make_clock, make_parts
from supervisors.stores import Stores
from supervisors.summary import Collector
from supervisors.tables import load_sessions
from supervisors.watchdog import Watchdog
from supervisors.wiring import Parts
from tests.drills.books import Books
from tests.drills.ideas import RELEASED
from tests.drills.process import PAPER, wait_until

NAKED_S_MAX = 3.0
"""For how long a position may be without a working stop while actors are restarted, real time."""


class Nonsense(Message, frozen=True, kw_only=True):
    """A message that nobody knows. Each number is another message: a repeated one gets parked."""

    number: int


def drill_config(orders: Path, *, host: str = "pooled") -> EngineConfig:
    """The paper configuration with fewer names and a strategy that trades at once."""
    config = load_config(PAPER)
    eager = StrategyConfig(
        name="eager",
        use="tests.drills.ideas:Eager",
        instruments=tuple(item.name for item in config.instruments[:6]),
        host=host,
        parameters={"orders": str(orders)},
    )
    return msgspec.structs.replace(
        config, instruments=config.instruments[:8], strategies=(*config.strategies[:1], eager)
    )


class House:
    """The running engine and what is seen of it."""

    def __init__(self, state_dir: Path, config: EngineConfig) -> None:
        self.state_dir = state_dir
        self.orders = state_dir / "orders"
        self._config = config
        self._stack = ExitStack()
        self._naked_since_ns: dict[str, int] = {}
        self.naked_ns_max = 0
        self._numbers = 0

    def __enter__(self) -> Self:
        RELEASED.clear()
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        RELEASED.set()
        self._stack.close()

    def _build(self) -> None:
        stack, path = self._stack, self.state_dir
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._keep_logs(path / "engine.jsonl")
        self.stores = stack.enter_context(Stores(path, "paper", environ={}))
        self.books = Books(self.stores.dsn)
        clock = make_clock(self._config, load_sessions(), self.stores.last_at_ns())
        hosts = ThreadHosts(clock)
        capture = begin_capture(self._config, path, clock, f"drill-{wall_ns():x}", 1)
        self.runtime = capture.runtime(hosts)
        self.directory = self.runtime.directory
        around = Surroundings(self._config, path, self.stores, f"drill-{wall_ns():x}")
        stack.callback(around.close)
        stack.callback(capture.close)
        stack.callback(hosts.close, 2.0)
        watchdog = Watchdog(hosts, clock.mono_ns, on_zombies=lambda _: None)
        stack.callback(watchdog.close)
        self.seen = Collector()
        summary = RoomSpec(name="summary", generation=1, supervisor="", factory=lambda: self.seen)
        self.runtime.start(summary, pool="control")
        ledger = History(
            path / "restarts.jsonl",
            restarts_day_max=1_000,
            day_of=lambda ns: ist_day(ns).isoformat(),
            now_ns=wall_ns(),
        )
        parts = self._parts(
            make_parts(
                self._config,
                clock.now_ns(),
                capture.keepers(self.stores),
                around.factories(self.runtime),
            )
        )
        self.engine = Engine(self.runtime, parts, seed=1, ledger=capture.ledger(ledger))
        stack.callback(self._take_down)
        watchdog.start()
        assert self.engine.tree.porter.ready.wait(30), self.engine.exited

    def _parts(self, parts: Parts) -> Parts:
        """What a drill changes of the shipped engine."""
        return parts

    def _keep_logs(self, path: Path) -> None:
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        self._log = self._stack.enter_context(path.open("a", encoding="utf-8", buffering=1))

        def restore() -> None:
            root.handlers[:] = handlers
            root.setLevel(level)

        configure_logging(self._log)
        self._stack.callback(restore)

    def _take_down(self) -> None:
        tree = self.engine.tree
        tree.stop("the drill is over")
        tree.porter.ended.wait(20)
        tree.close()
        self.directory.deliver("summary", StopOrdered(reason="the drill is over"))
        wait_until(lambda: not self.directory.names(), 5, "no room is left")

    # -- looking --------------------------------------------------------------------------

    @property
    def mode(self) -> str:
        return str(self.seen.views.get("authority", {}).get("mode"))

    def rooms(self) -> dict[str, Room]:
        """The live rooms by name."""
        return dict(self.directory.rooms)

    def generation(self, name: str) -> int:
        """The generation of a READY actor, 0 while it is not."""
        row = next((row for row in self.runtime.board.rows() if row.name == name), None)
        return row.generation if row is not None and row.state == "ready" else 0

    def restarted_with(self, name: str) -> set[str]:
        """Who goes down with an actor: itself, or the rest of the core from it on."""
        rows = self.runtime.board.rows()
        core = [row.name for row in rows if row.supervisor == "core"]
        if name not in core:
            return {name}
        scope = set(core[core.index(name) :])
        return scope | {row.name for row in rows if row.supervisor in scope}

    def events(self, event: str) -> list[dict[str, Any]]:
        """All log lines of an event."""
        lines = (self.state_dir / "engine.jsonl").read_text(encoding="utf-8").splitlines()
        parsed = [json.loads(line) for line in lines if f'"{event}"' in line]
        return [line for line in parsed if line["event"] == event]

    def reports(self) -> Counter[tuple[str, int]]:
        """How often each generation's end was logged."""
        return Counter((x["name"], x["generation"]) for x in self.events("actor_failed"))

    def positions_seen(self) -> dict[str, int]:
        """What the book says."""
        rows = self.seen.views.get("positions", [])
        held: Counter[str] = Counter()
        for row in rows:
            held[str(row["instrument"])] += int(row["quantity"])
        return {name: quantity for name, quantity in held.items() if quantity}

    # -- doing ----------------------------------------------------------------------------

    def upset(self, name: str) -> int:
        """Deliver an unknown message; the generation that dies of it."""
        self._numbers += 1
        generation = self.directory.generation(name)
        assert self.directory.deliver(name, Nonsense(number=self._numbers), "drill")
        return generation

    def wait(self, is_true: Callable[[], Any], seconds: float, what: str) -> float:
        """Wait for a condition, looking after the protection of positions all the while."""
        pause, began_ns = threading.Event(), boot_ns()
        while not is_true():
            self.look()
            assert boot_ns() - began_ns < seconds * 1e9, f"not within {seconds} s: {what}"
            pause.wait(0.03)
        return (boot_ns() - began_ns) / 1e9

    def look(self) -> None:
        """Note for how long each position has been without a working stop."""
        naked, now_ns = self.books.groups_naked(), boot_ns()
        self._naked_since_ns = {g: self._naked_since_ns.get(g, now_ns) for g in naked}
        longest_ns = max((now_ns - at for at in self._naked_since_ns.values()), default=0)
        self.naked_ns_max = max(self.naked_ns_max, longest_ns)

    def trade(self) -> None:
        """Wait until it is on paper and holds positions."""
        self.wait(lambda: self.mode == "PAPER", 20, "PAPER")
        self.wait(lambda: len(self.books.groups_held()) >= 2, 20, "two positions")
        self.wait(self.positions_seen, 10, "the book shows them")

    def trades_on(self, seconds: float) -> float:
        """Wait for a new fill and a new group; the seconds it took."""
        fills, groups = self.books.count("trades"), self.books.count("groups")
        return self.wait(
            lambda: self.books.count("trades") > fills and self.books.count("groups") > groups,
            seconds,
            "new fills and new groups",
        )

    def settle(self) -> None:
        """Everything that must hold at the end of a drill."""
        assert self.naked_ns_max < NAKED_S_MAX * 1e9, f"naked for {self.naked_ns_max / 1e9:.2f} s"
        self.books.check()
        self.wait(lambda: self.positions_seen() == self.books.positions(), 10, "book == trades")
