"""The records that are durable, in the database or in the spool, and what became of others.

Decides which record is news: each is told once, also when a failover forgets it and the engine
gives it back, or when it is gone, with a failover that nobody makes good or with the spool, and its
live trade is booked again. One of paper is news again: its venue goes with the process and is
rebuilt from what is left, which is all that ever happened in it. Decides too which are gone for
good: what a failover forgot was in the memory of the journal alone, unless the disk took it.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from engine.messages.records import OrderFilled, Record
from engine.messages.values import Book


class Durable:
    """See the module. `records` are in order of their numbers."""

    def __init__(self, hooks: Mapping[str, list[Callable[..., Any]]]) -> None:
        self.records: list[tuple[int, Record]] = []
        self._hooks = hooks
        self._forgotten: dict[int, Record] = {}
        self._gone: set[tuple[str, str]] = set()

    def kept(self) -> list[tuple[int, Record]]:
        """All that is not gone, in order: durable, or forgotten and with somebody still."""
        forgotten = sorted(self._forgotten.items(), key=lambda item: item[0])
        return [*self.records, *forgotten] if forgotten else self.records

    def committed(self, seq: int, record: Record) -> None:
        """A record became durable. Where another has got the number of a forgotten one, that one
        and those behind it cannot be given back any more: they are gone."""
        if self.records and seq <= self.records[-1][0]:
            return
        forgotten = self._forgotten.get(seq)
        if forgotten is not None and forgotten != record:
            self._tell_gone(number for number in self._forgotten if number >= seq)
        self.records.append((seq, record))
        is_given_back = self._forgotten.pop(seq, None) is not None
        if self._was_told(record) or is_given_back:
            return
        for hook in self._hooks["on_record"]:
            hook(seq, record)

    def _was_told(self, record: Record) -> bool:
        if not isinstance(record, OrderFilled):
            return False
        trade = (record.client_order_id, record.trade_id)
        was_told = trade in self._gone
        self._gone.discard(trade)
        return was_told

    def lost(self, seq: int) -> None:
        """A failover of the database forgot all records after this number; others may get their
        numbers, and whoever still has them gives them back."""
        while self.records and self.records[-1][0] > seq:
            self._forgotten.update((self.records.pop(),))

    def died(self, spooled: Container[int]) -> None:
        """The engine's process died: what a failover forgot, nobody has, unless it was given back
        to the database since or its number is in the spool."""
        self._tell_gone(number for number in self._forgotten if number not in spooled)

    def gone(self, seq: int) -> None:
        """The spool is gone, and with it all records after this number: nobody has them."""
        self.lost(seq)
        self._tell_gone(number for number in self._forgotten if number > seq)

    def _tell_gone(self, numbers: Iterable[int]) -> None:
        gone = [self._forgotten.pop(number) for number in sorted(numbers)]
        if not gone:
            return
        for record in gone:
            if isinstance(record, OrderFilled) and record.book is Book.LIVE:
                self._gone.add((record.client_order_id, record.trade_id))
        for hook in self._hooks["on_gone"]:
            hook(gone)
