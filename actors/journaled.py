"""Reading one's past from the journal: replay, then each later record exactly once.

Decides when a journal-reading actor has recovered. Refuses to know what the records mean. Every
such actor uses it in the same three places: `open`, on `Replayed`, on `Journaled`.
"""

from actors.runtime.behaviour import Context, Opening
from engine.messages.journal import Journaled, Replayed, ReplayRequested
from engine.messages.records import Record


class JournalReader:
    """Asks for the past, drops what it has seen.

    Args:
        group_id: only this group's records; "" means the day's and all open groups'.
    """

    def __init__(self, ctx: Context, group_id: str = "") -> None:
        self._ctx = ctx
        self._group_id = group_id
        self._seq = -1
        self._is_waiting = False
        self.duplicate_count = 0

    def request(self) -> Opening:
        """Ask; to be returned from `open`. The answer overtakes data, which waits meanwhile. May
        be asked again later, when in doubt: the answer is the whole truth once more."""
        self._is_waiting = True
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
        if message.reader_generation != self._ctx.generation or not self._is_waiting:
            return None
        self._is_waiting = False
        self._seq = max(self._seq, message.seq)
        return message.records

    def fresh(self, message: Journaled) -> Record | None:
        """The record, or None if it was replayed or delivered before."""
        if message.seq <= self._seq:
            self.duplicate_count += 1
            return None
        self._seq = message.seq
        return message.record
