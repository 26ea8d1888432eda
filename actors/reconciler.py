"""The reconciler: journal and broker compared each minute and at every gap.

Decides when to compare and what to say about it. Refuses to send orders (INV-28) and to keep state
of its own: each run reads both sides anew, so it needs no recovery. Stands alone because the room
that checks the others must not share their memory.

A run: SnapshotRequested to "writer"; on BrokerSnapshot, ReplayRequested to "journal"; on Replayed,
compare. Differences are read once more after a short wait; those that last are told. No answer in
time is a difference too.

Receives BrokerSnapshot, Replayed, JournalStateChanged, OperatorCommand
(reconcile), TimerFired. Sends the two requests, Reconciled to "authority", AlertRaised to "alerts",
ViewPublished (topic reconcile) and CommandDone to "console".
"""

import msgspec

from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.log import log_event
from engine.journal_view import JournalView
from engine.limits import (
    RECONCILE_ANSWER_NS_MAX,
    RECONCILE_EVERY_NS,
    RECONCILE_RECHECK_NS,
)
from engine.messages.base import Message
from engine.messages.broker import BrokerSnapshot, SnapshotRequested
from engine.messages.control import (
    AlertRaised,
    AuthorityChanged,
    CommandDone,
    OperatorCommand,
    Reconciled,
    ViewPublished,
)
from engine.messages.journal import JournalStateChanged, Replayed, ReplayRequested
from engine.messages.supervision import TimerFired
from engine.messages.values import Mode
from engine.reconcile import Difference, Severity, compare, lasting

_NEXT, _ANSWER = "next", "answer"


HURRIED_MODES = frozenset({Mode.RECOVERING, Mode.REDUCE, Mode.FLATTENING})
HELD_BY = "reconciler"
"""Owner of the ceiling that lies over everything until the books were clean twice."""


class ReconcilerBehaviour(Behaviour):
    """See the module. `every_ns`: real time between runs while books are clean; while they are not,
    pauses grow up to a minute, so that they are known as clean in 90 s (LIV-04)."""

    def __init__(self, *, every_ns: int = RECONCILE_EVERY_NS) -> None:
        assert every_ns > RECONCILE_RECHECK_NS
        self._every_ns = every_ns
        self._request_id = 0
        self._is_running = False
        self._is_wanted = False
        self._is_hurried = False
        self._was_clean = True
        self._pause_ns = every_ns
        self._snapshot: BrokerSnapshot | None = None
        self._first: tuple[Difference, ...] | None = None
        self._commands: list[OperatorCommand] = []
        self._runs_count = 0
        self._alerted: frozenset[tuple[str, str]] = frozenset()

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._run("boot")
        return Opening.READY

    def receive(self, message: Message) -> None:
        match message:
            case BrokerSnapshot():
                self._read(message)
            case Replayed():
                self._compare(message)
            case JournalStateChanged():
                if message.is_available:
                    self._run("journal is back")
            case AuthorityChanged():
                self._watch_mode(message)
            case OperatorCommand():
                self._commands.append(message)
                self._run(f"asked by {message.by}")
            case TimerFired():
                self._timer(message.key)
            case _:
                super().receive(message)

    def _watch_mode(self, changed: AuthorityChanged) -> None:
        """While authority waits for clean books, look after seconds, then at growing pauses. It
        waits in other modes too: RESUME out of HALTED, a release out of PAPER."""
        is_held = any(ceiling.owner == HELD_BY for ceiling in changed.ceilings)
        was_hurried = self._is_hurried
        self._is_hurried = is_held or changed.mode in HURRIED_MODES
        self._pause_ns = RECONCILE_RECHECK_NS if self._is_hurried else self._every_ns
        if self._is_hurried and not was_hurried:
            self._run(f"mode {changed.mode.value}")

    # -- a run ----------------------------------------------------------------------------

    def _run(self, reason: str) -> None:
        """Start a run, or remember that one more is wanted after the present one."""
        if self._is_running:
            self._is_wanted = True
            return
        self._is_running = True
        self._first = None
        self._ask(reason)

    def _ask(self, reason: str) -> None:
        self._request_id += 1
        self._snapshot = None
        request = SnapshotRequested(
            request_id=self._request_id, reason=reason, reader=self.ctx.name
        )
        self.ctx.send("writer", request)
        self.ctx.timer_after(_ANSWER, RECONCILE_ANSWER_NS_MAX, TimerFired(key=_ANSWER))

    def _read(self, snapshot: BrokerSnapshot) -> None:
        if not self._is_running or snapshot.request_id != self._request_id:
            return
        self._snapshot = snapshot
        request = ReplayRequested(
            reader=self.ctx.name, reader_generation=self.ctx.generation, group_id=""
        )
        self.ctx.send("journal", request)

    def _compare(self, replayed: Replayed) -> None:
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is None or replayed.reader_generation != self.ctx.generation:
            return
        self.ctx.timer_cancel(_ANSWER)
        found = compare(JournalView(replayed.records), snapshot)
        if not found:
            self._finish(())
        elif self._first is None:
            self._first = found
            self.ctx.timer_after(_NEXT, RECONCILE_RECHECK_NS, TimerFired(key=_NEXT))
        else:
            self._finish(lasting(self._first, found))

    def _timer(self, key: str) -> None:
        if key == _ANSWER:
            silent = Difference(
                kind="no_answer",
                key="broker",
                instrument="",
                severity=Severity.CRITICAL,
                journal=0,
                broker=0,
            )
            self._finish((silent,))
        elif self._is_running:
            self._ask("once more")
        else:
            self._run("periodic")

    def _finish(self, differences: tuple[Difference, ...]) -> None:
        self._is_running = False
        self._runs_count += 1
        now_ns = self.ctx.now_ns()
        lines = tuple(difference.text for difference in differences)
        is_clean = all(difference.severity is Severity.INFO for difference in differences)
        log_event("reconciled", is_clean=is_clean, differences_count=len(lines))
        if is_clean and not self._was_clean and self._is_hurried:
            self._pause_ns = RECONCILE_RECHECK_NS  # authority waits for the second one
        self._was_clean = is_clean
        reconciled = Reconciled(is_clean=is_clean, differences=lines, at_ns=now_ns)
        self.ctx.send("authority", reconciled)
        self._alert(differences, now_ns)
        self._tell(reconciled)
        if self._is_wanted:
            self._is_wanted = False
            self._run("wanted meanwhile")
        else:
            self.ctx.timer_after(_NEXT, self._pause_ns, TimerFired(key=_NEXT))
            bound_ns = self._every_ns if is_clean else min(self._every_ns, RECONCILE_EVERY_NS)
            self._pause_ns = min(2 * self._pause_ns, bound_ns)

    # -- telling --------------------------------------------------------------------------

    def _alert(self, differences: tuple[Difference, ...], now_ns: int) -> None:
        """Each lasting difference once, not each minute."""
        serious = [d for d in differences if d.severity is not Severity.INFO]
        for difference in serious:
            if (difference.kind, difference.key) in self._alerted:
                continue
            alert = AlertRaised(
                severity=difference.severity.name.lower(),
                event=f"reconcile_{difference.kind}",
                subject=difference.instrument or difference.key,
                text=difference.text,
                at_ns=now_ns,
            )
            self.ctx.send("alerts", alert)
        self._alerted = frozenset((d.kind, d.key) for d in serious)

    def _tell(self, reconciled: Reconciled) -> None:
        shown = {
            "is_clean": reconciled.is_clean,
            "differences": reconciled.differences,
            "runs_count": self._runs_count,
        }
        body = msgspec.json.encode(shown).decode()
        view = ViewPublished(topic="reconcile", body=body, at_ns=reconciled.at_ns)
        self.ctx.send("console", view)
        for asked in self._commands:
            done = CommandDone(
                request_id=asked.request_id,
                is_done=True,
                text="clean" if reconciled.is_clean else "; ".join(reconciled.differences),
                command=asked.command,
                argument=asked.argument,
            )
            self.ctx.send("console", done)
        self._commands.clear()
