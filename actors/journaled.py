"""What readers of the journal share: ask for the past, then take each record exactly once.

Decides when a reader has recovered and that no record is folded twice. Refuses to know what the
records mean. Stands alone so that every room recovers the same way: `JournalCursor` for rooms
that order their recovery themselves, `JournalReader` as the base of those that only fold.
"""

from abc import abstractmethod

from actors.runtime.behaviour import Behaviour, Context, Opening
from engine.messages.base import Message
from engine.messages.journal import Journaled, Replayed, ReplayRequested
from engine.messages.records import IntentPlanned, OrderFact, Record


class JournalCursor:
    """Asks for the past, drops what it has seen.

    Args:
        group_id: only this group's records; "" means the day's and all open groups'.
    """

    def __init__(self, ctx: Context, group_id: str = "") -> None:
        self._ctx = ctx
        self._group_id = group_id
        self.is_waiting = False
        self.seq = -1
        self.duplicate_count = 0

    def request(self) -> Opening:
        """Ask; to be returned from `open`. The answer overtakes data, which waits meanwhile. May
        be asked again later, when in doubt: the answer is the whole truth once more."""
        self.is_waiting = True
        self._ctx.send(
            "journal",
            ReplayRequested(
                reader=self._ctx.name,
                reader_generation=self._ctx.generation,
                group_id=self._group_id,
            ),
        )
        return Opening.DEFERRED

    def replayed(self, message: Replayed) -> tuple[Record, ...] | None:
        """The past to fold; None if it was not asked for or is meant for an older generation."""
        if message.reader_generation != self._ctx.generation or not self.is_waiting:
            return None
        self.is_waiting = False
        self.seq = max(self.seq, message.seq)
        return message.records

    def fresh(self, message: Journaled) -> Record | None:
        """The record, or None if it was replayed or delivered before."""
        if message.seq <= self.seq:
            self.duplicate_count += 1
            return None
        self.seq = message.seq
        return message.record


def with_facts_owed(message: Replayed) -> tuple[Record, ...]:
    """The past, and the facts that the journal owes: they have happened, whoever told of them is
    dead, and nobody will tell them again. For those who keep what is true at a venue (the watcher,
    a paper venue); to others they come when they are durable, and so do intents, but adopted ones.
    """
    facts = [r for r in message.owed if isinstance(r, OrderFact) or _is_adopted(r)]
    return (*message.records, *facts)


def _is_adopted(record: Record) -> bool:
    return isinstance(record, IntentPlanned) and record.is_adopted


class JournalReader(Behaviour):
    """Recovers by replay: all of the day and of open groups, unless `replay_group` narrows it."""

    replay_group: str = ""

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._cursor = JournalCursor(ctx, self.replay_group)
        return self._cursor.request()

    def receive(self, message: Message) -> None:
        match message:
            case Replayed():
                records = self._cursor.replayed(message)
                if records is not None:
                    for record in records:
                        self.fold(record)
                    self.recovered()
                    self.ctx.ready()
            case Journaled():
                fresh = self._cursor.fresh(message)
                if fresh is not None:
                    self.fold(fresh)
            case _:
                super().receive(message)

    @property
    def seq(self) -> int:
        """Number of the last record folded."""
        return self._cursor.seq

    @abstractmethod
    def fold(self, record: Record) -> None:
        """Take one record, of the past or new."""

    @abstractmethod
    def recovered(self) -> None:
        """The past is folded; the data lane opens after this."""
