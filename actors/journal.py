"""The journal actor: the doorway through which everything durable goes.

Decides when records are durable and delivers them only then, in order, to those whom
`engine.journal.recipients` names. Refuses to know what the records mean. Appends that wait
together are committed together (group commit). When the database is away it says so, refuses new
entries, and writes everything else to the local fsynced spool, which is folded back in order when
the database returns. What a failover of the database has forgotten is written again from memory,
and from the spool if the memory is gone too: with an outage the last records go there as well.
A journal that starts while the database is away is not ready until it is back.

| state     | event               | next      | effect                                         |
|-----------|---------------------|-----------|------------------------------------------------|
| AVAILABLE | commit done         | AVAILABLE | deliver                                        |
| AVAILABLE | database away       | SPOOLING  | spool the batch, deliver, announce             |
| SPOOLING  | append of an entry  | SPOOLING  | AppendRefused to sender and guard              |
| SPOOLING  | other append        | SPOOLING  | spool, deliver                                 |
| SPOOLING  | disk refuses        | OWING     | alarm; the batch and all after it wait         |
| OWING     | disk or database    | as before | what waited is durable, then delivered         |
| SPOOLING  | database back       | AVAILABLE | fold the spool back, announce                  |

OWING promises and loses nothing: what is not written down may not be sent, so exits wait. A group
that asks is told what of its plans waits. Once more waits than an inbox may hold, it is a failure.
"""

import msgspec

from actors.journal_fold import fold_back, tail_of
from actors.journal_reserve import Reserve, plans_of, rows_of
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.log import log_event
from actors.stores.port import Entry, JournalStorePort
from actors.stores.spool import SpoolPort
from actors.telling import alert
from engine.errors import DuplicateIntent, JournalDamaged, JournalUnavailable, RecordRefused
from engine.journal import encode, group_of, is_entry, next_chain, recipients
from engine.limits import INBOX_MESSAGES_MAX
from engine.messages.base import Message
from engine.messages.control import GenerationFenced, ViewPublished
from engine.messages.journal import (
    Append,
    AppendRefused,
    Journaled,
    JournalStateChanged,
    Replayed,
    ReplayRequested,
    StoreAwaited,
)
from engine.messages.supervision import TimerFired
from engine.recent import RecentRecords
from engine.units import NS_PER_MS

RETRY_MS = 500


class JournalBehaviour(Behaviour):
    """See the module. `listeners` are told of `JournalStateChanged`; `since_ns` is where the
    present trading day began (older records are loaded for open groups only)."""

    def __init__(
        self,
        *,
        store: JournalStorePort,
        spool: SpoolPort,
        since_ns: int,
        listeners: tuple[str, ...],
        console: str = "",
    ) -> None:
        self._store = store
        self._reserve = Reserve(spool)
        self._since_ns = since_ns
        self._listeners = listeners
        self._console = console
        self._recent = RecentRecords()
        self._waiting: list[Append] = []
        self._fenced: dict[str, int] = {}
        self._seq = 0
        self._chain = b""
        self._is_available = True
        self._spooled_count = 0
        self._refused_count = 0

    # -- life -----------------------------------------------------------------------------

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        try:
            self._recover()
        except JournalUnavailable as error:
            alert(ctx, "critical", "journal_unavailable", ctx.name, f"at the start: {error}")
            self._await_store()
            return Opening.DEFERRED
        return Opening.READY

    def _recover(self) -> None:
        self._fold_back()
        self._seq, self._chain = self._store.open()
        rows = self._store.load_day(self._since_ns)
        if rows:
            self._store.verify(rows[0].seq)  # nothing is kept before all of it is read and true
        self._reserve.remember(tail_of(rows, self._seq))
        for row in rows:
            self._recent.add(row.seq, group_of(row.record), row.record)
        log_event("journal_opened", seq=self._seq, records_recent_count=len(self._recent))

    def _await_store(self) -> None:
        self.ctx.timer_after("store", RETRY_MS * NS_PER_MS, StoreAwaited())

    def _store_awaited(self) -> None:
        """Not ready yet: nothing is promised, nobody is answered, and everybody else waits."""
        try:
            self._recover()
        except JournalUnavailable:
            self._await_store()
        else:
            alert(self.ctx, "info", "journal_available", self.ctx.name, "database is back")
            self.ctx.ready()

    def close(self, reason: str) -> None:
        self._store.close()
        self._reserve.spool.close()

    def receive(self, message: Message) -> None:
        match message:
            case Append():
                self._take(message)
            case ReplayRequested():
                self.flush()
                self._void(message.reader, message.reader_generation - 1)
                self._replay(message)
            case GenerationFenced():
                known = self._fenced.get(message.name, 0)
                self._fenced[message.name] = max(known, message.generation)
                self._void(message.name, message.generation)
            case TimerFired():
                self._try_return()
            case StoreAwaited():
                self._store_awaited()
            case _:
                super().receive(message)

    # -- appending ------------------------------------------------------------------------

    def _take(self, append: Append) -> None:
        if append.sender_generation <= self._fenced.get(append.sender, 0):
            self._refuse(append, "fenced")
        elif not self._is_available and any(is_entry(record) for record in append.records):
            self._refuse(append, "journal_away")
        elif self._reserve.owed and len(self._waiting) >= INBOX_MESSAGES_MAX:
            raise JournalUnavailable("more is owed than may wait")
        else:
            self._waiting.append(append)

    def _void(self, name: str, generation: int) -> None:
        """What a dead generation left waiting behind what is owed is not written any more."""
        waiting = tuple(self._waiting) if self._reserve.owed else ()
        for append in waiting:
            if append.sender == name and append.sender_generation <= generation:
                self._waiting.remove(append)
                self._refuse(append, "fenced")

    def flush(self) -> None:
        if not self._waiting or self._reserve.owed:
            return
        waiting, self._waiting = self._waiting, []
        entries = self._number(waiting)
        is_kept = True
        try:
            if self._is_available:
                self._store.commit(entries)
            else:
                is_kept = self._keep(entries)
        except JournalUnavailable as error:
            is_kept = self._keep(entries)
            self._announce(is_available=False, reason=str(error))
        except (DuplicateIntent, RecordRefused) as error:
            self._commit_one_by_one(waiting, error)
            return
        if is_kept:
            self._deliver(entries)

    def _number(self, appends: list[Append]) -> list[Entry]:
        entries, seq, chain = [], self._seq, self._chain
        for append in appends:
            for record in append.records:
                seq, body = seq + 1, encode(record)
                chain = next_chain(chain, body)
                entries.append(Entry(seq, record, body, chain))
        return entries

    def _commit_one_by_one(self, appends: list[Append], error: Exception) -> None:
        """One append of the batch was refused for good: find it, keep the others."""
        if len(appends) == 1:
            self._refuse(appends[0], f"duplicate: {error}")
            return
        for append in appends:
            self._waiting = [append]
            self.flush()

    def _deliver(self, entries: list[Entry]) -> None:
        self._seq, self._chain = entries[-1].seq, entries[-1].chain
        self._reserve.remember(rows_of(entries))
        send = self.ctx.send
        for entry in entries:
            self._recent.add(entry.seq, group_of(entry.record), entry.record)
            journaled = Journaled(seq=entry.seq, record=entry.record)
            for name in recipients(entry.record):
                send(name, journaled)

    def _refuse(self, append: Append, why: str) -> None:
        self._refused_count += 1
        groups = {group_of(record) for record in append.records} - {""}
        refused = AppendRefused(
            sender=append.sender,
            sender_generation=append.sender_generation,
            group_id=groups.pop() if groups else "",
            why=why,
        )
        log_event("append_refused", "WARNING", sender=append.sender, why=why)
        for name in {append.sender: None, "guard": None}:
            if why != "fenced" or name == "guard":  # a void sender's name is its successor's now
                self.ctx.send(name, refused)

    def _replay(self, request: ReplayRequested) -> None:
        pending = plans_of(request.group_id, self._reserve.owed, self._waiting)
        replayed = Replayed(
            reader_generation=request.reader_generation,
            records=(*self._recent.select(request.group_id), *pending),
            seq=self._seq,
            owed=tuple(entry.record for entry in self._reserve.owed),
        )
        self.ctx.send(request.reader, replayed)

    # -- the database away and back -------------------------------------------------------

    def _keep(self, entries: list[Entry]) -> bool:
        """Write to the spool. False: the disk refuses, and everybody is told that nothing goes."""
        was_owing, is_kept = bool(self._reserve.owed), self._reserve.keep(entries)
        if is_kept:
            self._spooled_count += len(entries)
        elif self._reserve.is_news(self.ctx.mono_ns(), was_owing=was_owing):
            why = f"nothing can be sent: {self._reserve.why}"
            alert(self.ctx, "critical", "journal_blocked", "journal", why)
        return is_kept

    def _try_return(self) -> None:
        owed = self._reserve.owed
        try:
            self._fold_back()
        except JournalUnavailable:
            if owed and self._keep(owed):
                self._deliver(owed)
            self._retry_later()
            return
        if owed:
            self._reserve.owed = []
            self._deliver(owed)
        self._announce(is_available=True, reason="database is back")

    def _fold_back(self) -> None:
        self._store.open()
        if fold_back(self._store, self._reserve.spool, self._reserve.remembered()):
            if self._reserve.owed:
                raise JournalDamaged("a record that was owed contradicts the store")
            self._seq, self._chain = self._store.open()

    def _announce(self, *, is_available: bool, reason: str) -> None:
        self._is_available = is_available
        now_ns = self.ctx.now_ns()
        log_event("journal_state_changed", "WARNING", is_available=is_available, reason=reason)
        changed = JournalStateChanged(
            is_available=is_available,
            spooled_count=self._spooled_count,
            reason=reason,
            at_ns=now_ns,
        )
        for name in self._listeners:
            self.ctx.send(name, changed)
        severity, word = ("info", "") if is_available else ("critical", "un")
        alert(self.ctx, severity, f"journal_{word}available", "journal", reason)
        self._publish(now_ns)
        if is_available:
            self._spooled_count = 0
        else:
            self._retry_later()

    def _retry_later(self) -> None:
        self.ctx.timer_after("return", RETRY_MS * NS_PER_MS, TimerFired(key="return"))

    def _publish(self, now_ns: int) -> None:
        if self._console:
            view = {
                "seq": self._seq,
                "available": self._is_available,
                "spooled": self._spooled_count,
                "refused": self._refused_count,
                "commit_us": self._store.commit_took_ns // 1_000,
                "chain": self._chain.hex(),
            }
            body = msgspec.json.encode(view).decode()
            self.ctx.send(self._console, ViewPublished(topic="journal", body=body, at_ns=now_ns))
