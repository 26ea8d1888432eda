"""Which order ids a tag has, as far as an adapter has heard.

Decides which order is meant by a tag: the one that the answer to its placement, or the journal, has
named; else the newest of those that bear it and still work. Refuses to know where it is told from.
One request may have had two effects, so a tag may have several ids.
"""

from collections.abc import Mapping

from engine.ids import is_own_tag
from engine.messages.broker import TERMINAL_STATUSES, OrderReport


class OrderNames:
    """The tags and ids of one day."""

    def __init__(self) -> None:
        self._bound: dict[str, str] = {}
        self._tagged: dict[str, dict[str, OrderReport]] = {}
        self._tags: dict[str, str] = {}

    @property
    def duplicate_tag_count(self) -> int:
        """Orders that bear a tag of ours which another one bears already."""
        ours = [tag for tag in self._tags.values() if tag in self._bound or is_own_tag(tag)]
        return len(ours) - len(set(ours))

    @property
    def tags(self) -> Mapping[str, str]:
        """By order id, the tag of every order that bears one."""
        return self._tags

    def forget(self) -> None:
        """The day is over: ids and tags name nothing tomorrow."""
        self._bound.clear()
        self._tagged.clear()
        self._tags.clear()

    def bind(self, tag: str, order_id: str) -> None:
        """The placement under this tag was answered with this id."""
        self._bound[tag] = order_id
        self._tags[order_id] = tag

    def learn(self, report: OrderReport) -> None:
        """An order was seen in the books or in the stream."""
        tag, order_id = report.client_order_id, report.venue_order_id
        if not tag:
            return
        self._tagged.setdefault(tag, {})[order_id] = report
        self._tags[order_id] = tag

    def find(self, tag: str) -> str:
        """The id of the order that a tag means, "" if none is known."""
        if bound := self._bound.get(tag):
            return bound
        rows = list(self._tagged.get(tag, {}).values())
        works = [row for row in rows if row.status not in TERMINAL_STATUSES]
        newest = max(works or rows, key=lambda row: row.at_ns, default=None)
        return newest.venue_order_id if newest is not None else ""

    def seconds(self, tag: str, order_id: str) -> tuple[str, ...]:
        """Other orders with the tag that were still working when last seen."""
        return tuple(
            row.venue_order_id
            for row in self._tagged.get(tag, {}).values()
            if row.venue_order_id != order_id and row.status not in TERMINAL_STATUSES
        )
