"""What readers of the journal share: ask for the past, then take each record once.

Decides when a reader has recovered and that no record is folded twice. Refuses to know what the
records mean. Stands alone so that every room recovers the same way.
"""

from abc import abstractmethod

from actors.runtime.behaviour import Behaviour, Context, Opening
from engine.messages.base import Message
from engine.messages.journal import Journaled, Replayed, ReplayRequested
from engine.messages.records import Record


class JournalReader(Behaviour):
    """Recovers by replay. `replay_group` narrows the past to one group ("" is all of the day)."""

    replay_group: str = ""

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self.seq = 0
        self._is_recovered = False
        self.ctx.send(
            "journal",
            ReplayRequested(
                reader=ctx.name, reader_generation=ctx.generation, group_id=self.replay_group
            ),
        )
        return Opening.DEFERRED

    def receive(self, message: Message) -> None:
        match message:
            case Replayed():
                self._recover(message)
            case Journaled():
                if message.seq > self.seq:
                    self.seq = message.seq
                    self.fold(message.record)
            case _:
                super().receive(message)

    def _recover(self, replayed: Replayed) -> None:
        if self._is_recovered or replayed.reader_generation != self.ctx.generation:
            return
        for record in replayed.records:
            self.fold(record)
        self.seq = replayed.seq
        self._is_recovered = True
        self.recovered()
        self.ctx.ready()

    @abstractmethod
    def fold(self, record: Record) -> None:
        """Take one record, of the past or new."""

    @abstractmethod
    def recovered(self) -> None:
        """The past is folded; the data lane opens after this."""
