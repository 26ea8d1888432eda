"""Drives the same supervision case on threads and under a seed.

`advance(ms)` moves virtual time on the seeded host and waits for real events on the pooled one.
"""

import random
import threading
from collections.abc import Callable
from typing import Protocol

import pykka

from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.clock import SystemClock, VirtualClock
from actors.runtime.room import Room
from actors.runtime.runtime import Runtime, SeededHosts, ThreadHosts
from actors.runtime.seeded import SeededPool
from engine.messages.administration import Admin, ChildAdministrated, ChildCounts, Outcome
from engine.messages.base import Message
from engine.messages.supervision import ChildExited, ChildWanted, ExitKind, StopOrdered
from engine.units import NS_PER_MS
from supervisors.children import RestartLedger
from supervisors.root import Tree
from supervisors.spec import Backoff, ChildKind, ChildSpec, Strategy, SupervisorSpec
from supervisors.supervisor import supervising

WAIT_S = 5.0
QUICK = Backoff(base_ms=5, cap_ms=40, jitter_bps=0, reset_after_ms=5_000)


class Do(Message, frozen=True, kw_only=True):
    """Tells a player what to do."""

    what: str
    text: str = ""


class Script:
    """What the players of one test shall do, and what they did. One per test.

    `opening`: per name a list of how the coming starts go ("" fine, "raise", "exit", "ignore",
    "defer", "block"); the last one stays. `closing`: per name what `close` does.
    """

    def __init__(self) -> None:
        self.opening: dict[str, list[str]] = {}
        self.closing: dict[str, str] = {}
        self.log: list[str] = []
        self.heard: list[tuple[str, int, Message]] = []
        self.fatal: Message | None = None
        self.gate = threading.Event()
        self.on_open: Callable[[], None] = lambda: None

    def next_opening(self, name: str) -> str:
        plan = self.opening.get(name, [""])
        return plan.pop(0) if len(plan) > 1 else plan[0]

    def starts(self, name: str) -> int:
        return self.log.count(f"open {name}")

    def factory(self, argument: Message | None = None) -> Behaviour:
        return Player(self, argument)


class Player(Behaviour):
    def __init__(self, script: Script, argument: Message | None = None) -> None:
        self.script = script
        self.argument = argument

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self.script.log.append(f"open {ctx.name}")
        self.script.on_open()
        match self.script.next_opening(ctx.name):
            case "raise":
                raise OSError("no database")
            case "exit":
                raise SystemExit(3)
            case "ignore":
                return Opening.IGNORE
            case "defer":
                return Opening.DEFERRED
            case "block":
                self.script.gate.wait(WAIT_S)
        return Opening.READY

    def receive(self, message: Message) -> None:
        self.script.heard.append((self.ctx.name, self.ctx.generation, message))
        if message == self.script.fatal:
            raise RuntimeError("fatal")
        match message:
            case Do(what="crash"):
                raise RuntimeError(message.text or "bug")
            case Do(what="exit"):
                raise SystemExit(2)
            case Do(what="assert"):
                raise AssertionError("invariant")
            case Do(what="memory"):
                raise MemoryError
            case Do(what="recursion"):
                self.receive(message)
            case Do(what="stop"):
                self.ctx.stop("done")
            case Do(what="block"):
                self.script.gate.wait(WAIT_S)
            case Do(what="tell"):
                self.ctx.send(message.text, Do(what="told"))

    def close(self, reason: str) -> None:
        self.script.log.append(f"close {self.ctx.name}")
        match self.script.closing.get(self.ctx.name):
            case "raise":
                raise OSError("cannot close")
            case "block":
                self.script.gate.wait(WAIT_S)


class Ender(Player):
    """Takes its stop into its own hands: never, after some ms, or in an odd way."""

    handles_stop = True

    def __init__(self, script: Script, how: str) -> None:
        super().__init__(script)
        self.how = how

    def receive(self, message: Message) -> None:
        if isinstance(message, StopOrdered):
            match self.how.split(":"):
                case ["after", ms]:
                    self.ctx.timer_after("stop", int(ms) * NS_PER_MS, Do(what="stop"))
                case ["normal"]:
                    self.ctx.stop("own way")
                case ["shutdown"]:
                    self.ctx.stop("own way", ExitKind.SHUTDOWN)
                case ["crash"]:
                    raise RuntimeError("odd end")
            return
        super().receive(message)


class Stage(Protocol):
    """A host under test."""

    runtime: Runtime
    is_seeded: bool

    def settle(self, is_done: Callable[[], bool]) -> None:
        """Let everything happen until `is_done`; fails loudly if it never is."""

    def advance(self, ms: int) -> None:
        """Let time pass."""


class SeededStage:
    is_seeded = True

    def __init__(self, seed: int | None = None) -> None:
        rng = random.Random(seed or 0)
        choose = rng.randrange if seed is not None else None
        self.clock = VirtualClock()
        self.pool = SeededPool(self.clock, choose=choose)
        self.runtime = Runtime(SeededHosts(self.pool))

    def settle(self, is_done: Callable[[], bool]) -> None:
        self.pool.run_idle()
        for _ in range(1_000):
            if is_done():
                return
            if not self.pool.advance(self.clock.mono_ns() + 60_000 * NS_PER_MS):
                break
            self.pool.run_idle()
        assert is_done(), "nothing more will happen"

    def advance(self, ms: int) -> None:
        self.pool.run_until(self.clock.now_ns() + ms * NS_PER_MS)

    def close(self) -> None:
        self.pool.run_idle()


class PooledStage:
    is_seeded = False

    def __init__(self) -> None:
        self.hosts = ThreadHosts(SystemClock())
        self.runtime = Runtime(self.hosts)

    def settle(self, is_done: Callable[[], bool]) -> None:
        tick = threading.Event()
        deadline_ns = self.hosts.clock.mono_ns() + int(WAIT_S * 1e9)
        while not is_done():
            assert self.hosts.clock.mono_ns() < deadline_ns, "it did not happen in time"
            tick.wait(0.001)

    def advance(self, ms: int) -> None:
        threading.Event().wait(ms / 1_000)

    def close(self) -> None:
        workers = [worker for pool in self.hosts.all_pools() for worker in pool.abandoned]
        assert self.hosts.close(WAIT_S)
        for worker in workers:
            worker.join(WAIT_S)


class House:
    """One tree on one stage, with short words for the tests."""

    def __init__(self, stage: "SeededStage | PooledStage") -> None:
        self.stage = stage
        self.runtime = stage.runtime
        self.script = Script()
        self.trees: list[Tree] = []
        self.prefix = "d/"
        self.actors_before = set(pykka.ActorRegistry.get_all())

    # -- building ---------------------------------------------------------------------------

    def child(self, name: str, **fields: object) -> ChildSpec:
        return ChildSpec(id=name, factory=self.script.factory, **fields)  # type: ignore[arg-type]

    def ender(self, name: str, how: str, **fields: object) -> ChildSpec:
        def factory(_: Message | None) -> Behaviour:
            return Ender(self.script, how)

        return ChildSpec(id=name, factory=factory, **fields)  # type: ignore[arg-type]

    def sup_child(self, name: str, spec: SupervisorSpec, **fields: object) -> ChildSpec:
        factory = supervising(self.runtime, spec, random.Random(1))
        fields.setdefault("pool", "control")
        return ChildSpec(id=name, factory=factory, kind=ChildKind.SUPERVISOR, **fields)  # type: ignore[arg-type]

    def tree(
        self,
        *children: ChildSpec,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        name: str = "root",
        ledger: RestartLedger | None = None,
        expect: str = "ready",
        **fields: object,
    ) -> Tree:
        fields.setdefault("backoff", QUICK)
        if strategy is Strategy.DYNAMIC:
            fields["template"] = children[0]
        else:
            fields["children"] = children
        spec = SupervisorSpec(strategy=strategy, **fields)  # type: ignore[arg-type]
        return self.plant(spec, name=name, ledger=ledger, expect=expect)

    def plant(
        self,
        spec: SupervisorSpec,
        *,
        name: str = "root",
        ledger: RestartLedger | None = None,
        expect: str = "ready",
    ) -> Tree:
        factory = supervising(self.runtime, spec, random.Random(1), ledger)
        tree = Tree(self.runtime, factory, name=name, porter=f"porter-{name}")
        self.trees.append(tree)
        if expect == "ready":
            self.stage.settle(tree.porter.ready.is_set)
        elif expect == "ended":
            self.stage.settle(tree.porter.ended.is_set)
        return tree

    def listen(self, name: str) -> list[Message]:
        """A room outside of the tree that keeps what it gets."""
        got: list[Message] = []
        ear = Ear(got)
        Tree._start(self.trees[0] if self.trees else _Bare(self.runtime), name, "", lambda: ear)  # type: ignore[arg-type]
        return got

    # -- looking ----------------------------------------------------------------------------

    def room(self, name: str) -> Room | None:
        return self.runtime.directory.rooms.get(name)

    def generation(self, name: str) -> int:
        """Generation of the live room, 0 if there is none."""
        room = self.room(name)
        return room.spec.generation if room is not None else 0

    def is_ready(self, name: str, generation: int) -> bool:
        return self.state(name) == "ready" and self.generation(name) == generation

    def state(self, name: str) -> str:
        rows = [row.state for row in self.runtime.board.rows() if row.name == name]
        return rows[0] if rows else ""

    # -- doing ------------------------------------------------------------------------------

    def tell(self, name: str, what: str, text: str = "") -> None:
        self.send(name, Do(what=what, text=text))

    def send(self, name: str, message: Message) -> None:
        self.runtime.directory.deliver(name, message, "test")

    def want(self, child_id: str, argument: Message | None = None, *, at: str = "root") -> None:
        """Start a dynamic child by message and wait until it is ready."""
        name = f"{self.prefix}{child_id}"
        self.send(at, ChildWanted(child_id=child_id, argument=argument))
        self.wait_ready(name, self.runtime.directory.generation(name) or 1)

    def wait_state(self, name: str, state: str) -> None:
        self.settle(lambda: self.state(name) == state)

    def restarts(self, name: str) -> int:
        return sum(row.restarts for row in self.runtime.board.rows() if row.name == name)

    def shutdown(self, name: str) -> None:
        """End a child in order, by an order that did not come from its supervisor."""
        room = self.room(name)
        assert room is not None
        room.offer(StopOrdered(reason="test"))

    def fence(self, name: str, kind: ExitKind = ExitKind.KILLED) -> None:
        """Take a child's generation away, as a kill does."""
        room = self.room(name)
        assert room is not None
        room.fence(kind, "test")

    def kill_until(self, name: str, generation: int) -> None:
        """Crash a child and wait for the given generation to be ready."""
        self.tell(name, "crash", f"the {generation}th life begins with this")
        self.wait_ready(name, generation)

    def wait_ready(self, name: str, generation: int) -> None:
        self.settle(lambda: self.is_ready(name, generation))

    def settle(self, is_done: Callable[[], bool]) -> None:
        self.stage.settle(is_done)

    def ask(
        self, action: Admin, child_id: str = "", *, at: str = "root", **fields: object
    ) -> ChildAdministrated:
        tree = next((t for t in self.trees if t.name == at), self.trees[0])
        request_id = tree.post(at, action, child_id, **fields)  # type: ignore[arg-type]
        self.settle(lambda: request_id in tree.porter.answers)
        return tree.porter.answers.pop(request_id)

    def bring(self, spec: object, *, at: str = "root") -> ChildAdministrated:
        """Add a child (ChildSpec) or change the flags (SupervisorSpec)."""
        tree = next((t for t in self.trees if t.name == at), self.trees[0])
        request_id = tree.bring(at, spec)
        self.settle(lambda: request_id in tree.porter.answers)
        return tree.porter.answers.pop(request_id)

    def outcome(self, action: Admin, child_id: str = "", **fields: object) -> Outcome:
        return self.ask(action, child_id, **fields).outcome  # type: ignore[arg-type]

    def counts(self, at: str = "root") -> ChildCounts:
        return self.ask(Admin.COUNT, at=at).counts

    def stop(self, tree: Tree | None = None) -> ChildExited:
        tree = tree or self.trees[0]
        tree.stop("test over")
        self.settle(tree.porter.ended.is_set)
        assert tree.porter.exited is not None
        return tree.porter.exited

    def ended(self, tree: Tree | None = None) -> ChildExited:
        """Wait for the root's own end."""
        tree = tree or self.trees[0]
        self.settle(tree.porter.ended.is_set)
        assert tree.porter.exited is not None
        return tree.porter.exited

    def close(self, *, is_last: bool = True) -> None:
        """End everything and see that nothing is left (of any house, if this is the last)."""
        self.script.gate.set()
        for tree in self.trees:
            if not tree.porter.ended.is_set():
                self.stop(tree)
        for room in tuple(self.runtime.directory.rooms.values()):
            room.fence(ExitKind.KILLED, "test over")
        self.stage.close()
        assert not self.runtime.directory.rooms
        left = set(pykka.ActorRegistry.get_all()) - self.actors_before
        assert not (is_last and left)


class Ear(Behaviour):
    def __init__(self, got: list[Message]) -> None:
        self._got = got

    def receive(self, message: Message) -> None:
        self._got.append(message)


class _Bare:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
