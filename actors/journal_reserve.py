"""What the journal has beside the database: the last records, the spool, and what is owed.

Decides what goes to the spool with an outage, and which answers of a disk mean that the records
have to wait. Refuses to know when the database is away and who is told (the journal actor). Stands
alone because records that are nowhere yet must be easy to find: they are `owed`.
"""

import errno
from collections import deque
from collections.abc import Iterable
from typing import Final

from actors.journal_fold import Row
from actors.stores.port import Entry
from actors.stores.spool import SpoolPort
from engine.journal import group_of
from engine.limits import RECORDS_LAST_MAX
from engine.messages.journal import Append
from engine.messages.records import GroupOpened, IntentPlanned, Record
from engine.units import NS_PER_MINUTE

TELL_EVERY_NS: Final = NS_PER_MINUTE
REFUSALS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""What a disk answers that may take it again later."""


class Reserve:
    """See the module. `why` is the disk's last refusal."""

    def __init__(self, spool: SpoolPort) -> None:
        self.spool = spool
        self.owed: list[Entry] = []
        self.why = ""
        self._told_mono_ns = 0
        self._last: deque[Row] = deque(maxlen=RECORDS_LAST_MAX)

    def remember(self, rows: Iterable[Row]) -> None:
        """Take the newest rows that are durable."""
        self._last.extend(rows)

    def remembered(self) -> list[Row]:
        """What is known without the database, also what is owed."""
        return [*self._last, *rows_of(self.owed)]

    def is_news(self, mono_ns: int, *, was_owing: bool) -> bool:
        """Whether people are to be told that nothing can be written: at once, and again each
        minute, because what is open stays as it is meanwhile."""
        if was_owing and mono_ns - self._told_mono_ns < TELL_EVERY_NS:
            return False
        self._told_mono_ns = mono_ns
        return True

    def keep(self, entries: list[Entry]) -> bool:
        """Spool entries, and what was committed before them: a failover may forget it, and this
        generation may not live to write it again. False: the disk refuses, they are owed.

        Raises:
            OSError: the file is not one that a disk may take again later.
        """
        held = self.spool.records()
        last = held[-1][0] if held else 0
        try:
            self.spool.append([r for r in (*self._last, *rows_of(entries)) if r[0] > last])
        except OSError as error:
            if error.errno not in REFUSALS:
                raise
            self.owed, self.why = entries, str(error)
            return False
        self.owed = []
        return True


def rows_of(entries: Iterable[Entry]) -> list[Row]:
    """Entries as they are spooled."""
    return [(entry.seq, entry.body) for entry in entries]


def plans_of(group_id: str, owed: Iterable[Entry], waiting: Iterable[Append]) -> tuple[Record, ...]:
    """What a group has planned that is not durable yet and will be: it would plan it once more, as
    its own records never come back to it. Facts do, and are not in here."""
    taken = [entry.record for entry in owed]
    taken.extend(record for append in waiting for record in append.records)
    return tuple(
        record
        for record in taken
        if (isinstance(record, IntentPlanned) and not record.is_adopted)
        or isinstance(record, GroupOpened)
        if group_of(record) == group_id
    )
