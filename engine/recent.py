"""The journal's memory of what a restarting actor may ask for.

Decides which records are still of interest: everything since the trading day began, and all
records of groups that are not closed. Refuses to know databases. Stands alone so that replay is
served from memory while the database is away.
"""

from engine.limits import RECORDS_RECENT_MAX
from engine.messages.records import DayClosed, GroupClosed, GroupOpened, Record


class RecentRecords:
    """Records in order of their number, pruned when a day closes."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, str, Record]] = []
        self._by_group: dict[str, list[Record]] = {}
        self._open_groups: set[str] = set()

    def add(self, seq: int, group_id: str, record: Record) -> None:
        """Remember one durable record; a `DayClosed` lets the past go and stays as its mark: what a
        broker still lists from before it is no news."""
        self._rows.append((seq, group_id, record))
        assert len(self._rows) <= RECORDS_RECENT_MAX, "a day of more records than the bound"
        self._by_group.setdefault(group_id, []).append(record)
        if isinstance(record, GroupOpened):
            self._open_groups.add(group_id)
        elif isinstance(record, GroupClosed):
            self._open_groups.discard(group_id)
        elif isinstance(record, DayClosed):
            past = self._rows[:-1]
            self._rows = [row for row in past if row[1] in self._open_groups] + self._rows[-1:]
            self._by_group = {}
            for _, group, kept in self._rows:
                self._by_group.setdefault(group, []).append(kept)

    def select(self, group_id: str = "") -> tuple[Record, ...]:
        """All records remembered, or those of one group, in order."""
        if not group_id:
            return tuple(record for _, _, record in self._rows)
        return tuple(self._by_group.get(group_id, ()))

    def __len__(self) -> int:
        return len(self._rows)
