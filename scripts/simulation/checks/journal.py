"""The journal: one history, chained, and equal to what the rooms live by.

Source: reliability 6.4, INV-35, INV-36, INV-39.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from engine.messages.records import GroupClosed, GroupOpened, JobRan, OrderFilled, Record, RiskNoted
from engine.orders.oco_state import fold
from engine.portfolio.positions import Ledger
from scripts.simulation.checks.check import Check

if TYPE_CHECKING:
    from scripts.simulation.world import World

_PACK = msgspec.msgpack.Encoder()
GROUPS_EVERY = 16
"""Every so many closings a group is replayed; all that are open are at the end."""


class ReplayIsLiveState(Check):
    """A group folded from zero is the group that lives; fills folded twice count once."""

    id = "INV-35"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._records: dict[str, list[Record]] = {}
        self._doubted: dict[str, None] = {}
        self._closed = 0

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, GroupOpened):
            self._records[record.plan.group_id] = [record]
            return
        group_id = getattr(record, "group_id", "")
        if group_id in self._records:
            self._records[group_id].append(record)
            if isinstance(record, GroupClosed):
                self._closed += 1
            elif self._closed % GROUPS_EVERY == 0:
                self._doubted[group_id] = None

    def on_gone(self, records: Sequence[Record]) -> None:
        for group_id, told in tuple(self._records.items()):
            left = [record for record in told if record not in records]
            if left and isinstance(left[0], GroupOpened):
                self._records[group_id] = left
            elif group_id not in self.picture.groups:
                del self._records[group_id]
                self._doubted.pop(group_id, None)

    def at_rest(self) -> None:
        if len(self._doubted) > GROUPS_EVERY:
            self._compare()

    def at_end(self) -> None:
        self._doubted.update(dict.fromkeys(self.picture.open_groups))
        self._compare()
        self._fold_twice()

    def _compare(self) -> None:
        for group_id in self._doubted:
            room = self.room(f"oco/{group_id}")
            group = self.picture.groups[group_id]
            if room is None or not room._is_recovered or room._is_refused:
                continue
            if room._reader.seq < group.seq or len(room.group.orders) > len(group.orders):
                continue  # it has appended what is not answered yet
            if any(
                order.request and order.request.intent_id not in self.picture.intents
                for order in room.group.orders
            ):
                continue
            replayed = fold(group.plan, self._records[group_id])
            if replayed != room.group:
                self.violated(f"{group_id} lives as {room.group}, replay gives {replayed}")
        self._doubted.clear()

    def _fold_twice(self) -> None:
        once, twice = Ledger(), Ledger()
        fills = [r for _, r in self.world.records if isinstance(r, OrderFilled)]
        for fill in fills:
            once.apply(fill)
        for fill in (*fills, *fills):
            twice.apply(fill)
        for key, position in once.items():
            other = twice.get(key)
            if other is None or other.cash_paise != position.cash_paise:
                self.violated(f"{key}: folding the journal twice changes it")


class ChainHolds(Check):
    """Each stored record is chained to all before it, and is the record that was made durable."""

    id = "INV-36"

    def at_end(self) -> None:
        recorded = dict(self.world.records)
        for realm, rows in self.world.database.rows.items():
            chain = bytes(32)
            for seq, (body, stored) in enumerate(rows, 1):
                chain = sha256(chain + body).digest()
                if chain != stored:
                    self.violated(f"record {seq} of {realm} does not match the chain")
                if seq in recorded and _PACK.encode(recorded[seq]) != body:
                    self.violated(f"record {seq} of {realm} is not what was made durable")


class OnceADay(Check):
    """A scheduled event has one turn a day, over restarts too."""

    id = "INV-39"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._turns: set[tuple[str, str]] = set()

    def on_record(self, seq: int, record: Record) -> None:
        if isinstance(record, JobRan):
            turn = (record.job, record.trading_day)
        elif isinstance(record, RiskNoted) and record.event == "flat_by_ordered":
            turn = (record.event, record.subject)
        else:
            return
        if turn in self._turns:
            self.violated(f"{turn[0]} had a second turn on {turn[1]}")
        self._turns.add(turn)
