"""The people of a run: they release, resume and repair, and make every mistake there is.

Decides what an operator does at each look: ordinary life (release LIVE when PAPER is calm, resume
what was halted, restart what was quarantined or distrusts the clock, let paused strategies go on)
and FLT-76..80, 82. Refuses to know the engine's inside: they see what the console shows. "mode" has
no verb at the console yet and goes to the authority as the desk would send it.
"""

from collections.abc import Callable
from typing import Final, Protocol

from actors.stores.latches import HALT, KILL, LatchStore
from engine.messages.base import Message
from engine.messages.console import RequestReceived
from engine.messages.control import AuthorityChanged, OperatorCommand
from engine.messages.supervision import RestartWanted
from engine.messages.values import Mode
from engine.units import NS_PER_S
from scripts.simulation.console import Shown, SimConsole
from scripts.simulation.faults import FaultRow, Faults

ROWS: Final = (
    FaultRow(id="FLT-76", ppm_max=100_000, budget_max=10),
    FaultRow(id="FLT-77", ppm_max=40_000, budget_max=2),
    FaultRow(id="FLT-78", ppm_max=50_000, budget_max=5),
    FaultRow(id="FLT-79", ppm_max=60_000, budget_max=3),
    FaultRow(id="FLT-80", ppm_max=100_000, budget_max=10),
    FaultRow(id="FLT-82", ppm_max=10_000, budget_max=1),
)
LOOK_NS: Final = 20 * NS_PER_S
RESUME_NS: Final = 60 * NS_PER_S
RESET_NS: Final = 180 * NS_PER_S
KILL_CLEARED: Final = "an operator clears the kill"
"""Why a life ended, if a person stopped it and removed the latch."""
OPPOSITES: Final = (
    ("halt", "resume"),
    ("pause", "unpause"),
    ("mode reduce", "mode paper"),
    ("mode paper", "mode reduce"),
    ("flatten", "resume"),
    ("resume", "kill"),
)


class Operated(Protocol):
    """What the people need of the world."""

    @property
    def now_ns(self) -> int: ...

    def deliver(self, target: str, message: Message) -> bool: ...

    def after_ns(self, delay_ns: int, callback: Callable[[], None]) -> None: ...

    def restart_process(self, why: str) -> None: ...

    def quarantined(self) -> tuple[tuple[str, str], ...]: ...

    def steal_lease(self) -> None: ...

    def is_clock_doubted(self) -> bool: ...


class Operators:
    """See the module.

    Args:
        strategies: all of them; the first `live_count` are released to trade live.
    """

    def __init__(
        self,
        faults: Faults,
        world: Operated,
        latches: LatchStore,
        strategies: tuple[str, ...],
        live_count: int,
    ) -> None:
        self.shown = Shown()
        self._faults = faults
        self._world = world
        self._latches = latches
        self._strategies = strategies
        self._live = strategies[:live_count]
        self._numbers = 0
        self._last: RequestReceived | None = None
        self._since: tuple[Mode | None, int] = (None, 0)
        self._looks = 0
        self.ids = tuple(row.id for row in ROWS if faults.is_armed(row.id))

    def console(self) -> SimConsole:
        """The console of a life."""
        return SimConsole(self._latches, self.shown)

    def booting(self) -> None:
        """A life begins: nothing is shown yet."""
        self.shown.view = None

    def start(self) -> None:
        """Begin to look."""
        self._world.after_ns(LOOK_NS, self._look)

    # -- looking --------------------------------------------------------------------------

    def _look(self) -> None:
        self._world.after_ns(LOOK_NS, self._look)
        self._looks += 1
        view = self.shown.view
        if view is None:
            return
        for fault in self.ids:
            if self._faults.strikes(fault):
                self._mistake(fault, view)
        if self._since[0] is not view.mode:
            self._since = (view.mode, self._world.now_ns)
        lasts_ns = self._world.now_ns - self._since[1]
        match view.mode:
            case Mode.PAPER | Mode.LIVE:
                self._release(view)
            case Mode.HALTED if lasts_ns >= RESUME_NS:
                self._ask("resume")
            case Mode.KILLED if lasts_ns >= RESET_NS:
                self._reset()
            case _:
                pass
        if self._looks % 3 == 0:
            self._tidy(view)

    def _release(self, view: AuthorityChanged) -> None:
        bound = {c.scope for c in view.ceilings if c.owner == "release"}
        for name in self._live:
            if f"strategy:{name}" in bound:
                self._mode(f"live {view.mode_seq} {name}")
                return  # the next one with the number that is shown then

    def _reset(self) -> None:
        """KILLED has no way out inside a process: it is stopped, its latch removed by hand."""
        try:
            for latch in self._latches.load():
                if latch.name in (KILL, HALT):
                    self._latches.clear(latch.name)
        except OSError:
            return  # tried again at the next look
        self._since = (None, 0)
        self._world.restart_process(KILL_CLEARED)

    def _tidy(self, view: AuthorityChanged) -> None:
        for ceiling in view.ceilings:
            kind, _, name = ceiling.scope.partition(":")
            if kind == "strategy" and ceiling.owner in ("operator", "storm"):
                self._ask("unpause", strategy=name)
            elif not kind and ceiling.owner == "operator":
                self._mode("paper")
        if self._world.is_clock_doubted():
            reason = "an operator has set the clock right"
            self._world.deliver("core", RestartWanted(child_id="calendar", reason=reason))
        for supervisor, name in self._world.quarantined():
            wanted = RestartWanted(child_id=name, reason="an operator looks after it")
            self._world.deliver(supervisor, wanted)

    # -- saying ---------------------------------------------------------------------------

    def _id(self) -> str:
        self._numbers += 1
        return f"op-{self._numbers}"

    def _mode(self, argument: str) -> None:
        command = OperatorCommand(
            command="mode",
            argument=argument,
            reason="operator",
            by="sim",
            request_id=self._id(),
            at_ns=self._world.now_ns,
        )
        self._world.deliver("authority", command)

    def _ask(self, command: str, **arguments: str | bool) -> RequestReceived:
        given = tuple(sorted(arguments.items()))
        asked = RequestReceived(
            peer="aa",
            request_id=self._id(),
            command=command,
            arguments=given,
            by="sim",
            digest=repr((command, given)),
        )
        self._last = asked
        self._world.deliver("console", asked)
        return asked

    def _say(self, what: str) -> None:
        verb, _, argument = what.partition(" ")
        if verb == "mode":
            self._mode(argument)
        elif verb in ("pause", "unpause"):
            self._ask(verb, strategy=self._strategies[0])
        elif verb == "flatten":
            self._ask(verb, scope="all")
        elif verb == "kill":
            self._ask(verb, flat=True)
        else:
            self._ask(verb)

    # -- mistakes -------------------------------------------------------------------------

    def _mistake(self, fault: str, view: AuthorityChanged) -> None:
        amount = self._faults.amount
        self._faults.note(fault, f"in mode {view.mode.value}")
        match fault:
            case "FLT-76":
                self._muddle(amount(fault, 0, 4))
            case "FLT-77":
                self._ask("kill", flat=bool(amount(fault, 0, 1)))
            case "FLT-78":
                for what in OPPOSITES[amount(fault, 0, len(OPPOSITES) - 1)]:
                    self._say(what)
            case "FLT-79":
                for _ in range(amount(fault, 2, 3)):
                    self._ask("flatten", scope="all")
            case "FLT-80":
                stale = view.mode_seq - amount(fault, 1, 5)
                self._mode(f"live {max(0, stale)}")
            case _:
                self._world.steal_lease()

    def _muddle(self, kind: int) -> None:
        last = self._last
        match kind:
            case 0 if last is not None:
                self._repeat(last)
            case 1 if last is not None:
                late_ns = self._faults.amount("FLT-76", 1, 300) * NS_PER_S
                self._world.after_ns(late_ns, lambda: self._repeat(last))
            case 2 if last is not None:
                self._world.deliver("console", _changed(last))
            case 3:
                self._mode("sideways")
            case _:
                self._ask("flatten", scope="strategy:nobody")

    def _repeat(self, asked: RequestReceived) -> None:
        self._world.deliver("console", asked)


def _changed(asked: RequestReceived) -> RequestReceived:
    """The same id with another content."""
    return RequestReceived(
        peer=asked.peer, request_id=asked.request_id, command="halt", by="sim", digest="another"
    )
