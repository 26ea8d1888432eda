"""What is read from the database: the past, its proof, and the figures people ask for.

Decides the SQL of reading. Refuses to know connections' lives and deadlines (journal_store.py).
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from psycopg import Connection
from psycopg.types.json import Jsonb

from actors.stores.port import Head, InstrumentPnl, JsonValue, Stored
from engine.errors import JournalDamaged
from engine.instruments import Instrument
from engine.journal import GENESIS, decode, group_of, kind_of, next_chain
from engine.messages.values import Book
from engine.units import NS_PER_S

_VERIFY_ROWS: Final = 5_000
_DAY: Final = """SELECT seq, body FROM journal WHERE realm = %(realm)s AND (at_ns >= %(since)s
    OR group_id IN (SELECT group_id FROM groups
                    WHERE realm = %(realm)s AND closed_at_ns IS NULL)
    OR seq = (SELECT seq FROM journal WHERE realm = %(realm)s AND kind = 'ModeChanged'
              ORDER BY seq DESC LIMIT 1))
    ORDER BY seq"""
_GROUP: Final = """SELECT seq, body FROM journal
    WHERE realm = %s AND group_id = %s AND group_id <> '' ORDER BY seq"""
_CHAIN: Final = """SELECT seq, at_ns, kind, group_id, body, chain FROM journal
    WHERE realm = %s AND seq >= %s ORDER BY seq LIMIT %s"""
_DUPLICATES: Final = """SELECT count(*) FROM orders later WHERE realm = %s AND planned_at_ns > %s
    AND EXISTS (SELECT FROM orders earlier WHERE earlier.realm = later.realm
        AND earlier.group_id = later.group_id AND earlier.leg = later.leg
        AND (earlier.side, earlier.quantity, earlier.order_type) =
            (later.side, later.quantity, later.order_type)
        AND (earlier.price_limit_paise, earlier.price_trigger_paise) =
            (later.price_limit_paise, later.price_trigger_paise)
        AND (earlier.planned_at_ns, earlier.client_order_id) <
            (later.planned_at_ns, later.client_order_id)
        AND (earlier.ended_at_ns IS NULL OR earlier.ended_at_ns > later.planned_at_ns))"""
_PNL: Final = """SELECT instrument,
    sum(CASE side WHEN 'SELL' THEN quantity * price_paise ELSE -quantity * price_paise END)::bigint,
    sum(charges_paise)::bigint,
    sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END)::bigint,
    count(*)
    FROM trades WHERE realm = %s AND book = %s AND at_ns >= %s
    GROUP BY instrument ORDER BY instrument"""
_STATE_SET: Final = """INSERT INTO system_state (realm, key, value) VALUES (%s, %s, %s)
    ON CONFLICT (realm, key) DO UPDATE SET value = excluded.value, updated_at = now()"""
_INSTRUMENT: Final = """INSERT INTO instruments VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (realm, instrument) DO UPDATE SET segment = excluded.segment, lot = excluded.lot,
    tick_paise = excluded.tick_paise, freeze_quantity = excluded.freeze_quantity,
    band_bps = excluded.band_bps, product = excluded.product, multiplier = excluded.multiplier"""

Conn = Connection[Any]


def load_day(conn: Conn, realm: str, since_ns: int) -> tuple[Stored, ...]:
    """See JournalStorePort.load_day."""
    return _decoded(conn.execute(_DAY, {"realm": realm, "since": since_ns}, binary=True))


def load_group(conn: Conn, realm: str, group_id: str) -> tuple[Stored, ...]:
    """See JournalStorePort.load_group."""
    return _decoded(conn.execute(_GROUP, (realm, group_id), binary=True))


def _decoded(rows: Iterable[tuple[int, bytes]]) -> tuple[Stored, ...]:
    stored = []
    for seq, body in rows:
        try:
            stored.append(Stored(seq, decode(body)))
        except JournalDamaged as error:
            raise JournalDamaged(f"record {seq}: {error}") from error
    return tuple(stored)


def verify(conn: Conn, realm: str, from_seq: int) -> Head:
    """See JournalStorePort.verify; reads _VERIFY_ROWS rows at a time."""
    assert from_seq >= 1
    head = Head(0, GENESIS)
    if from_seq > 1:
        before = conn.execute(_CHAIN, (realm, from_seq - 1, 1)).fetchone()
        if before is None or before[0] != from_seq - 1:
            raise JournalDamaged(f"record {from_seq - 1} is missing")
        head = Head(before[0], before[5])
    while rows := conn.execute(_CHAIN, (realm, head.seq + 1, _VERIFY_ROWS), binary=True).fetchall():
        for row in rows:
            head = _verified(head, row)
    return head


def _verified(head: Head, row: tuple[int, int, str, str, bytes, bytes]) -> Head:
    seq, at_ns, kind, group_id, body, chain = row
    if seq != head.seq + 1:
        raise JournalDamaged(f"record {head.seq + 1} is missing")
    if next_chain(head.chain, body) != chain:
        raise JournalDamaged(f"record {seq} does not match the chain")
    try:
        record = decode(body)
    except JournalDamaged as error:
        raise JournalDamaged(f"record {seq}: {error}") from error
    if (record.at_ns, kind_of(record), group_of(record)) != (at_ns, kind, group_id):
        raise JournalDamaged(f"record {seq} is filed under other keys than its own")
    return Head(seq, chain)


def count_duplicate_order_intents(conn: Conn, realm: str, hours: int, now_ns: int) -> int:
    """See JournalStorePort.count_duplicate_order_intents."""
    row = conn.execute(_DUPLICATES, (realm, now_ns - hours * 3600 * NS_PER_S)).fetchone()
    assert row is not None
    return int(row[0])


def pnl_from_trades(conn: Conn, realm: str, book: Book, since_ns: int) -> tuple[InstrumentPnl, ...]:
    """See JournalStorePort.pnl_from_trades."""
    rows = conn.execute(_PNL, (realm, book.value, since_ns))
    return tuple(InstrumentPnl(*row) for row in rows)


def state_get(conn: Conn, realm: str, key: str) -> JsonValue:
    """See JournalStorePort.state_get."""
    row = conn.execute(
        "SELECT value FROM system_state WHERE realm = %s AND key = %s", (realm, key)
    ).fetchone()
    value: JsonValue = None if row is None else row[0]
    return value


def state_set(conn: Conn, realm: str, key: str, value: JsonValue) -> None:
    """See JournalStorePort.state_set."""
    conn.execute(_STATE_SET, (realm, key, Jsonb(value)))


def put_instruments(conn: Conn, realm: str, instruments: Sequence[Instrument]) -> None:
    """Insert or replace instruments in one transaction."""
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(_INSTRUMENT, [_instrument(realm, i) for i in instruments])


def _instrument(realm: str, i: Instrument) -> tuple[Any, ...]:
    bounds = (i.freeze_quantity, i.band_bps, i.product.value, i.multiplier)
    return (realm, i.name, i.segment, i.lot, i.tick_paise, *bounds)
