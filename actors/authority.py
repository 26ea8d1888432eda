"""mode_authority: the one owner of the engine's mode and the board of all ceilings.

Decides by engine/authority.py (the table) and engine/authority_state.py (the guards); carries out
operator commands (actors/authority_commands.py). Refuses to send orders. Stands alone because
authority that falls in one place and rises in another can be outrun.

Receives AuthorityWanted, RecoveryDone, Reconciled, JournalStateChanged, CeilingMoved, ChildExited,
GenerationFenced, PhaseChanged, FlatVerified, FlattenOrdered, OperatorCommand, Replayed and
TimerFired. Sends AuthorityChanged to the listeners and to whoever asks, GenerationFenced to the
fence listeners, Append to "journal", FlattenOrdered and EntriesCancelled to "custodian",
CommandDone and ViewPublished to "console", AlertRaised to "alerts".

A fence listener that says RecoveryDone is sent the present view and all fences: what it missed
while it was down reaches it before it may act on anything.
"""

import msgspec

from actors.authority_commands import Commands
from actors.authority_latches import Latching
from actors.authority_view import authority_body
from actors.journaled import JournalReader
from actors.runtime.log import log_event
from actors.stores.latches import HALT, KILL, LatchStore
from actors.telling import alert, append
from engine.authority import RELEASE_OWNER, ModeEvent
from engine.authority_state import DOWN_CEILINGS, AuthoritySettings, AuthorityState
from engine.limits import CLEAN_RECONCILES_MIN
from engine.messages.base import Message
from engine.messages.control import (
    AuthorityWanted,
    CeilingMoved,
    EntriesCancelled,
    FlattenOrdered,
    FlatVerified,
    GenerationFenced,
    OperatorCommand,
    Reconciled,
    RecoveryDone,
    ViewPublished,
)
from engine.messages.journal import JournalStateChanged, Replayed
from engine.messages.market import PhaseChanged
from engine.messages.records import ModeChanged, Record
from engine.messages.supervision import ChildExited, ExitKind, TimerFired
from engine.messages.values import Authority, Mode, SessionPhase
from engine.units import NS_PER_MS

_STRATEGY, _STRATEGIES = "strategy/", "strategies"
_SENTINEL_TIMER = "sentinel"
_RECONCILE_TIMER = "reconcile"


class AuthorityBehaviour(JournalReader):
    """See the module."""

    def __init__(self, *, settings: AuthoritySettings, latches: LatchStore) -> None:
        assert settings.protecting_part in settings.parts
        self.settings = settings
        self.state = AuthorityState(
            parts=settings.parts,
            protecting_part=settings.protecting_part,
            strategies=settings.strategies,
        )
        self.latches = Latching(latches)
        self._fenced: dict[str, int] = {}
        self._recovered_by: dict[str, int] = {}
        self._commands = Commands(self)

    def receive(self, message: Message) -> None:
        match message:
            case OperatorCommand() | FlattenOrdered():
                self._commands.take(message)
            case AuthorityWanted():
                self.ctx.send(message.reader, self.state.view(self.ctx.now_ns()))
            case RecoveryDone():
                self._recovered_part(message)
            case Reconciled():
                self._reconciled(message)
            case JournalStateChanged() | Replayed():
                self._journal(message)
            case CeilingMoved():
                ceiling = message.ceiling
                self.lower(ceiling.owner, ceiling.scope, ceiling.authority, ceiling.reason)
            case ChildExited() | GenerationFenced():
                self._gone(message)
            case FlatVerified() | PhaseChanged():
                self._session(message)
            case TimerFired():
                self._timer(message.key)
            case _:
                super().receive(message)

    # -- opening --------------------------------------------------------------------------

    def fold(self, record: Record) -> None:
        if isinstance(record, ModeChanged):
            self.state.mode_seq = max(self.state.mode_seq, record.mode_seq)

    def recovered(self) -> None:
        # The journal may have let the past go: a sequence that starts from the clock still rises.
        self.state.mode_seq = max(self.state.mode_seq, self.ctx.now_ns() // NS_PER_MS)
        self.latches.load(self.ctx)
        latched = self.latches.held
        if KILL in latched:
            self.state.kill_is_flat = self.settings.kill_is_flat
            self.move(ModeEvent.KILL_LATCH_FOUND, latched[KILL])
        elif HALT in latched:
            self.move(ModeEvent.HALT_ORDERED, latched[HALT])
        elif not self.settings.awaits_lease:
            self.move(ModeEvent.LEASE_ACQUIRED, "no leader is configured")
        else:
            self.state.set_ceiling("leader", "", Authority.NONE, "no lease yet")
        self.tell()
        self._watch_sentinel()
        self._expect_reconcile()

    # -- moving ---------------------------------------------------------------------------

    def move(self, event: ModeEvent, reason: str) -> bool:
        """Take an edge, journal it, tell everybody. False: no such edge, nothing changed."""
        before = self.state.mode
        if not self.state.move(event):
            return False
        mode, seq = self.state.mode, self.state.mode_seq
        log_event("mode_changed", mode=mode.value, mode_seq=seq, reason=reason)
        append(
            self.ctx,
            ModeChanged(
                at_ns=self.ctx.now_ns(),
                mode_from=before,
                mode_to=mode,
                mode_seq=seq,
                reason=reason,
            ),
        )
        self.tell()
        if mode in (Mode.REDUCE, Mode.HALTED, Mode.KILLED):
            self.cancel_entries("", f"mode {mode.value}: {reason}")
        return True

    def lower(self, owner: str, scope: str, authority: Authority, reason: str) -> None:
        """Move a ceiling as its owner says; one over everything troubles the engine."""
        if not self.state.set_ceiling(owner, scope, authority, reason):
            return
        log_event("ceiling_moved", owner=owner, scope=scope, authority=authority.name)
        if owner == "leader" and authority is Authority.FULL:
            self.move(ModeEvent.LEASE_ACQUIRED, reason)
        if not scope and authority < Authority.FULL:
            self.move(ModeEvent.TROUBLED, f"{owner}: {reason}")
        self.tell()

    def _recovered_part(self, done: RecoveryDone) -> None:
        part = done.part
        self._recovered_by[part] = done.generation
        self.state.parts_done.add(part)
        self.lower(f"down/{part}", "", Authority.FULL, "recovered")
        if part in self.settings.fence_listeners:
            for name, generation in self._fenced.items():
                fence = GenerationFenced(name=name, generation=generation, reason="before")
                self.ctx.send(part, fence)
        self.tell()
        if part == self.settings.protecting_part:
            self._flatten_again()
        self.rise()

    def _reconciled(self, message: Reconciled) -> None:
        self.state.reconciled(is_clean=message.is_clean)
        self._expect_reconcile()
        if not message.is_clean:
            why = message.differences[0] if message.differences else "not clean"
            self.lower("reconciler", "", Authority.REDUCE, why)
            return
        if self.state.is_journal_back:
            self.state.is_journal_back = False
            self.lower("journal", "", Authority.FULL, "journal is back, books are clean")
        if self.state.clean_count >= CLEAN_RECONCILES_MIN:
            self.lower("reconciler", "", Authority.FULL, "clean twice")
        self.rise()

    def rise(self) -> None:
        """Rise where the table has an edge and its guard holds; never beyond PAPER."""
        if self.state.is_recovered:
            self.move(ModeEvent.RECOVERED, "recovered and reconciled")
        if self.state.is_calm:
            self.move(ModeEvent.TROUBLE_GONE, "calm again")
        if self.state.is_flat and self.state.is_recovered and self.state.mode is Mode.FLATTENING:
            self.state.is_flat = False
            self.move(self.state.flat_event, "flat and reconciled")

    def _journal(self, changed: JournalStateChanged | Replayed) -> None:
        if isinstance(changed, Replayed):
            for record in changed.owed:  # of the generation before: its numbers are taken (INV-34)
                self.fold(record)
            super().receive(changed)
            return
        self.state.is_journal_back = changed.is_available
        if not changed.is_available:
            self.lower("journal", "", Authority.REDUCE, changed.reason)

    def _exited(self, exited: ChildExited) -> None:
        """Fence the dead generation everywhere, then lower what depended on it. A supervisor that
        stood still may tell of a death when the successor has recovered: no more is waited for."""
        name = exited.name
        self._fenced[name] = max(self._fenced.get(name, 0), exited.generation)
        fence = GenerationFenced(name=name, generation=exited.generation, reason=exited.kind.value)
        for listener in self.settings.fence_listeners:
            self.ctx.send(listener, fence)
        if name.startswith(_STRATEGY) or name == _STRATEGIES:  # their supervisor takes them all
            down = (name.removeprefix(_STRATEGY),) if name != _STRATEGIES else None
            for strategy in down or self.settings.strategies:
                scope = f"strategy:{strategy}"
                self.lower(RELEASE_OWNER, scope, Authority.NONE, "restarted: back on paper")
        elif name in self.settings.parts or name in DOWN_CEILINGS:
            authority = DOWN_CEILINGS.get(name, Authority.REDUCE)
            self.lower(f"down/{name}", "", authority, exited.reason)
            if exited.generation < self._recovered_by.get(name, 0):
                self.lower(f"down/{name}", "", Authority.FULL, "its successor has recovered")
            else:
                self.state.parts_done.discard(name)
            if exited.kind is ExitKind.INVARIANT:
                self.move(ModeEvent.HALT_ORDERED, f"{name} broke an invariant")

    def _gone(self, gone: ChildExited | GenerationFenced) -> None:
        """A supervisor is about to restart a room: its authority falls before it is back."""
        if isinstance(gone, GenerationFenced):
            name, generation = gone.name, gone.generation
            gone = ChildExited(
                name=name, generation=generation, kind=ExitKind.CRASHED, reason=gone.reason
            )
        self._exited(gone)

    def _session(self, message: FlatVerified | PhaseChanged) -> None:
        if isinstance(message, FlatVerified):
            if message.scope == "":
                self.state.is_flat = message.groups_open == 0
        elif message.phase is not SessionPhase.CONTINUOUS and self.state.mode is Mode.LIVE:
            self.move(ModeEvent.TROUBLED, "LIVE ends with the session")

    # -- timers ---------------------------------------------------------------------------

    def _timer(self, key: str) -> None:
        if key == _RECONCILE_TIMER:
            self.state.reconciled(is_clean=False)
            self.lower("reconciler", "", Authority.REDUCE, "reconciliation is overdue")
            return
        sentinel = self.latches.sentinel()
        if sentinel and self.state.mode is not Mode.KILLED:
            self.kill(sentinel, "sentinel")
        self._watch_sentinel()

    def _watch_sentinel(self) -> None:
        if self.settings.sentinel_ns:
            timer = TimerFired(key=_SENTINEL_TIMER)
            self.ctx.timer_after(_SENTINEL_TIMER, self.settings.sentinel_ns, timer)

    def _expect_reconcile(self) -> None:
        timer = TimerFired(key=_RECONCILE_TIMER)
        self.ctx.timer_after(_RECONCILE_TIMER, self.settings.reconcile_age_ns_max, timer)

    # -- acting ---------------------------------------------------------------------------

    def kill(self, reason: str, by: str) -> bool:
        """Latch on disk first, then stop everything. False: the latch is not durable."""
        is_durable = self.latches.set(KILL, reason, by)
        self.state.kill_is_flat = self.settings.kill_is_flat
        self.move(ModeEvent.KILL_ORDERED, reason)
        self._kill_positions(f"kill: {reason}")
        alert(self.ctx, "critical", "killed", by, reason)
        return is_durable

    def _kill_positions(self, reason: str) -> None:
        if self.settings.kill_is_flat:
            self.flatten("", reason)

    def _flatten_again(self) -> None:
        """The custodian is back, and may not know what it was to bring about."""
        if self.state.mode is Mode.KILLED:
            self._kill_positions("killed before the restart")
        elif self.state.mode is Mode.FLATTENING:
            self.flatten("", "flattening before the restart")

    def flatten(self, scope: str, reason: str) -> None:
        self.state.is_flat = False
        now_ns, by = self.ctx.now_ns(), self.ctx.name
        ordered = FlattenOrdered(scope=scope, reason=reason, at_ns=now_ns, by=by)
        self.ctx.send("custodian", ordered)

    def cancel_entries(self, scope: str, reason: str) -> None:
        cancelled = EntriesCancelled(scope=scope, reason=reason, at_ns=self.ctx.now_ns())
        self.ctx.send("custodian", cancelled)

    def tell(self) -> None:
        """Send the whole view to everybody whom it concerns, with a newer number."""
        self.state.seq += 1
        view = self.state.view(self.ctx.now_ns())
        for name in self.settings.listeners:
            self.ctx.send(name, view)
        body = msgspec.json.encode(authority_body(view, self.latches.held)).decode()
        self.ctx.send("console", ViewPublished(topic="authority", body=body, at_ns=view.at_ns))
