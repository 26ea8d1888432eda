"""Figures of a realm, recomputed from its tables alone.

Decides the sums of a summary. Refuses to take any figure from memory: what the engine believes is
compared with this, not the other way round.
"""

from typing import Any

import msgspec
import psycopg

_COUNTS = """SELECT
    (SELECT count(*) FROM signals WHERE realm = %(realm)s AND at_ns >= %(since)s),
    (SELECT count(*) FROM decisions WHERE realm = %(realm)s AND at_ns >= %(since)s),
    (SELECT count(*) FROM orders WHERE realm = %(realm)s AND planned_at_ns >= %(since)s),
    (SELECT count(*) FROM trades WHERE realm = %(realm)s AND at_ns >= %(since)s),
    (SELECT count(*) FROM groups WHERE realm = %(realm)s AND closed_at_ns >= %(since)s
        AND quantity_entered > 0),
    (SELECT count(*) FROM positions WHERE realm = %(realm)s AND quantity <> 0),
    (SELECT count(DISTINCT subject) FROM audit_log WHERE realm = %(realm)s
        AND kind = 'DayClosed' AND at_ns >= %(since)s)"""
_MONEY = """SELECT
    coalesce(sum(CASE side WHEN 'SELL' THEN quantity ELSE -quantity END * price_paise), 0)::bigint,
    coalesce(sum(charges_paise), 0)::bigint
    FROM trades WHERE realm = %(realm)s AND at_ns >= %(since)s"""
_DIGEST = "SELECT seq, chain FROM journal WHERE realm = %(realm)s ORDER BY seq DESC LIMIT 1"
_ROUND_TRIPS = """SELECT g.group_id, g.strategy, g.instrument, g.side, g.quantity_entered,
    g.pnl_gross_paise, g.charges_paise, g.close_reason, g.opened_at_ns, g.closed_at_ns
    FROM groups g WHERE realm = %(realm)s AND quantity_entered > 0
    ORDER BY closed_at_ns, group_id"""
_UNTRACED = """SELECT count(*) FROM trades t
    LEFT JOIN orders o USING (realm, client_order_id)
    LEFT JOIN decisions d USING (realm, decision_id)
    LEFT JOIN signals s USING (realm, signal_id)
    WHERE t.realm = %(realm)s AND s.signal_id IS NULL"""


class RealmFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and paise since an instant. The gross P&L is sold minus bought: exact when flat."""

    signals: int
    decisions: int
    orders: int
    fills: int
    round_trips: int
    positions_open: int
    trading_days: int
    pnl_gross_paise: int
    charges_paise: int
    records: int
    journal_digest: str


def realm_figures(conn: psycopg.Connection[Any], realm: str, since_ns: int = 0) -> RealmFigures:
    """Read the figures of a realm since `since_ns` (the digest covers the whole journal)."""
    what = {"realm": realm, "since": since_ns}
    counts = conn.execute(_COUNTS, what).fetchone()
    money = conn.execute(_MONEY, what).fetchone()
    head = conn.execute(_DIGEST, what).fetchone() or (0, b"")
    assert counts is not None
    assert money is not None
    return RealmFigures(
        signals=counts[0],
        decisions=counts[1],
        orders=counts[2],
        fills=counts[3],
        round_trips=counts[4],
        positions_open=counts[5],
        trading_days=counts[6],
        pnl_gross_paise=money[0],
        charges_paise=money[1],
        records=head[0],
        journal_digest=bytes(head[1]).hex(),
    )


def round_trips(conn: psycopg.Connection[Any], realm: str) -> list[tuple[Any, ...]]:
    """One row a round trip: group, strategy, instrument, side, quantity, gross, charges, reason,
    opened and closed (ns)."""
    return conn.execute(_ROUND_TRIPS, {"realm": realm}).fetchall()


def untraced_trades(conn: psycopg.Connection[Any], realm: str) -> int:
    """Trades without a path trade -> order -> decision -> signal. Anything but 0 is a bug."""
    row = conn.execute(_UNTRACED, {"realm": realm}).fetchone()
    assert row is not None
    return int(row[0])
