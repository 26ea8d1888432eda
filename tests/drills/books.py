"""What must hold in the database at every instant, whatever was broken: read and compared.

All reads of one look are of one snapshot, so that it may be taken while the engine writes.
"""

from collections import Counter
from typing import Any

import psycopg
from psycopg import IsolationLevel

from actors.stores import queries
from engine.journal import decode
from engine.messages.records import ActorFailed, IntentPlanned, OrderFilled, Record
from engine.messages.values import Action, Side

REALM = "paper"
_SIGNED = "sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END)::bigint"
_TRADES = f"SELECT instrument, {_SIGNED} FROM trades WHERE realm = %s GROUP BY instrument"
_POSITIONS = "SELECT instrument, quantity FROM positions WHERE realm = %s"
_JOURNAL = "SELECT body FROM journal WHERE realm = %s ORDER BY seq"
_MISCOUNTED = """SELECT o.client_order_id, o.filled_quantity, sum(t.quantity), o.quantity
    FROM orders o LEFT JOIN trades t USING (realm, client_order_id) WHERE o.realm = %s
    GROUP BY o.realm, o.client_order_id, o.filled_quantity, o.quantity
    HAVING o.filled_quantity <> coalesce(sum(t.quantity), 0) OR o.filled_quantity > o.quantity"""
_OPEN = "SELECT group_id FROM groups WHERE realm = %s AND closed_at_ns IS NULL"
_CLOSED = "SELECT group_id FROM groups WHERE realm = %s AND closed_at_ns IS NOT NULL"
_HELD = """SELECT o.group_id FROM trades t JOIN orders o USING (realm, client_order_id)
    JOIN groups g USING (realm, group_id) WHERE o.realm = %s AND g.closed_at_ns IS NULL
    GROUP BY o.group_id
    HAVING sum(CASE t.side WHEN 'BUY' THEN t.quantity ELSE -t.quantity END) <> 0"""
_STOPPED = """SELECT DISTINCT group_id FROM orders WHERE realm = %s AND leg IN ('stop', 'exit')
    AND status IN ('working', 'triggered', 'partly_filled')"""


class Books:
    """One engine's database, seen from outside."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def names(self, query: str) -> set[str]:
        with psycopg.connect(self.dsn) as conn:
            return {row[0] for row in conn.execute(query, (REALM,))}

    def groups_open(self) -> set[str]:
        return self.names(_OPEN)

    def groups_closed(self) -> set[str]:
        return self.names(_CLOSED)

    def groups_naked(self) -> set[str]:
        """Open groups that hold a position and have neither a stop nor an exit working."""
        with psycopg.connect(self.dsn) as conn:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            held = {row[0] for row in conn.execute(_HELD, (REALM,))}
            return held - {row[0] for row in conn.execute(_STOPPED, (REALM,))}

    def groups_held(self) -> set[str]:
        """Open groups that hold a position."""
        return self.names(_HELD)

    def count(self, table: str, where: str = "true") -> int:
        with psycopg.connect(self.dsn) as conn:
            query = f"SELECT count(*) FROM {table} WHERE realm = %s AND {where}"
            row = conn.execute(query, (REALM,)).fetchone()
            assert row is not None
            return int(row[0])

    def positions(self) -> dict[str, int]:
        """Sum of trades by instrument, flat ones left out."""
        with psycopg.connect(self.dsn) as conn:
            return _nonzero(conn.execute(_TRADES, (REALM,)).fetchall())

    def records(self) -> list[Record]:
        """The whole journal."""
        with psycopg.connect(self.dsn) as conn:
            return [decode(row[0]) for row in conn.execute(_JOURNAL, (REALM,), binary=True)]

    def failures(self) -> Counter[tuple[str, int]]:
        """How often each generation's end was recorded."""
        failed = [record for record in self.records() if isinstance(record, ActorFailed)]
        return Counter((record.name, record.generation) for record in failed)

    def check(self) -> int:
        """Assert everything that must always hold; the number of records read."""
        with psycopg.connect(self.dsn) as conn:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            head = queries.verify(conn, REALM, 1)
            records = [decode(row[0]) for row in conn.execute(_JOURNAL, (REALM,), binary=True)]
            assert head.seq == len(records), "the journal has gaps"
            hours = 24 * 10_000
            duplicates = queries.count_duplicate_order_intents(
                conn, REALM, hours, hours * 3_600 * 10**9
            )
            assert duplicates == 0, f"{duplicates} duplicate order intents"
            assert conn.execute(_MISCOUNTED, (REALM,)).fetchall() == []
            trades = _nonzero(conn.execute(_TRADES, (REALM,)).fetchall())
            positions = _nonzero(conn.execute(_POSITIONS, (REALM,)).fetchall())
        assert trades == positions, "trades and positions differ"
        assert trades == _fold(records), "trades and the journal's fills differ"
        _check_intents(records)
        return len(records)


def _nonzero(rows: list[tuple[Any, ...]]) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in rows if row[1]}


def _fold(records: list[Record]) -> dict[str, int]:
    """Positions from the journal's fills alone; no fill may be there twice."""
    held: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for record in records:
        if isinstance(record, OrderFilled):
            key = (record.venue_order_id, record.trade_id)
            assert key not in seen, f"fill {key} is in the journal twice"
            seen.add(key)
            signed = record.quantity if record.side is Side.BUY else -record.quantity
            held[record.instrument] += signed
    return {name: quantity for name, quantity in held.items() if quantity}


def _check_intents(records: list[Record]) -> None:
    planned = [record for record in records if isinstance(record, IntentPlanned)]
    twice = [name for name, n in Counter(p.intent_id for p in planned).items() if n > 1]
    assert not twice, f"intents planned twice: {twice}"
    placed = Counter(p.client_order_id for p in planned if p.action is Action.PLACE)
    assert not [name for name, n in placed.items() if n > 1]
