"""The journal's memory of what a restarting actor may ask for.

Decides which records are still of interest: everything since the trading day began, all records of
groups that are not closed, and the last change of the mode, whose sequence must not begin anew.
Refuses to know databases. Stands alone so that replay is served from memory while the database is
away.

The end of a day lets nothing go yet: a clock that was ahead may end a day that goes on, and its
counters, orders and trades still count then. The first record of a later day lets the past go.
"""

from engine.limits import RECORDS_RECENT_MAX
from engine.messages.records import DayClosed, GroupClosed, GroupOpened, ModeChanged, Record
from engine.units import NS_PER_S

_DAY_NS = 86_400 * NS_PER_S
"""A trading day is a UTC day, as for the guard: sessions never cross 05:30 IST."""


class RecentRecords:
    """Records in order of their number, pruned when a day follows on one that was closed."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, str, Record]] = []
        self._by_group: dict[str, list[Record]] = {}
        self._open_groups: set[str] = set()
        self._closed_day = -1

    def add(self, seq: int, group_id: str, record: Record) -> None:
        """Remember one durable record. What was before a `DayClosed` is let go with the first
        record of a later day; the mark stays: what a broker still lists from before it is no news.
        """
        if 0 <= self._closed_day < record.at_ns // _DAY_NS:
            self._let_go()
        self._rows.append((seq, group_id, record))
        assert len(self._rows) <= RECORDS_RECENT_MAX, "a day of more records than the bound"
        self._by_group.setdefault(group_id, []).append(record)
        if isinstance(record, GroupOpened):
            self._open_groups.add(group_id)
        elif isinstance(record, GroupClosed):
            self._open_groups.discard(group_id)
        elif isinstance(record, DayClosed):
            self._closed_day = record.at_ns // _DAY_NS

    def _let_go(self) -> None:
        """Forget what is older than the last mark, but for open groups and the last mode."""
        rows, self._closed_day = self._rows, -1
        mark = max(at for at, row in enumerate(rows) if isinstance(row[2], DayClosed))
        past = rows[:mark]
        mode_seq = max((row[0] for row in past if isinstance(row[2], ModeChanged)), default=0)
        kept = [row for row in past if row[1] in self._open_groups or row[0] == mode_seq]
        self._rows = kept + rows[mark:]
        self._by_group = {}
        for _, group, record in self._rows:
            self._by_group.setdefault(group, []).append(record)

    def select(self, group_id: str = "") -> tuple[Record, ...]:
        """All records remembered, or those of one group, in order."""
        if not group_id:
            return tuple(record for _, _, record in self._rows)
        return tuple(self._by_group.get(group_id, ()))

    def __len__(self) -> int:
        return len(self._rows)
