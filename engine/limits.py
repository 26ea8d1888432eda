"""Every bound of the engine core, in one place, with asserts on how they relate.

Decides how much of anything may exist. Refuses to know who is bounded. Stands alone because a
bound that nobody can find is a bound that nobody checks; limits that belong to an operator are in
engine/risk/settings.py, these belong to the machine.
"""

from typing import Final

from engine.units import NS_PER_MINUTE, NS_PER_MS, NS_PER_S

# -- inboxes and memory ---------------------------------------------------------------------
INBOX_MESSAGES_MAX: Final = 10_000
INBOX_CONFLATE_AFTER: Final = 256
RECORDS_RECENT_MAX: Final = 2_000_000
"""Records of one trading day (and of groups still open) that the journal keeps in memory."""
RECORDS_LAST_MAX: Final = 1_000
"""The newest records as they were stored, for a database that forgets its last commits."""
TRADE_IDS_MAX: Final = 1_000_000
DIFFERENCES_MAX: Final = 100
"""Differences of one reconciliation that are spelled out; the rest are counted."""

# -- capture --------------------------------------------------------------------------------
CAPTURE_EVENTS_WAITING_MAX: Final = 500_000
"""Events between the rooms and the capture's thread; more, and the capture stops."""
CAPTURE_BLOCK_EVENTS_MAX: Final = 20_000
CAPTURE_BLOCK_BYTES_MAX: Final = 256 * 1_048_576
CAPTURE_SEGMENT_BYTES_MAX: Final = 64 * 1_048_576
CAPTURE_SESSION_BYTES_MAX: Final = 8 * 1_073_741_824
CAPTURE_SESSIONS_MAX: Final = 30
CAPTURE_BYTES_MAX: Final = 16 * 1_073_741_824
"""Of all earlier sessions together: the oldest go first."""

# -- orders ---------------------------------------------------------------------------------
GROUPS_OPEN_MAX: Final = 1_000
POSITIONS_MAX: Final = 500
ORDERS_DAY_MAX: Final = 20_000
MODIFIES_PER_ORDER_MAX: Final = 25
"""Source: Kite Connect v3, about 25 modifications an order (documentation, 2026-11)."""
TARGETS_MAX: Final = 2
FEATURES_MAX: Final = 64
TEXT_CHARS_MAX: Final = 200
"""Length of a name or id that comes from outside the core."""

REPORTS_WAITING_MAX: Final = 10_000
"""Updates of the order stream that a broker adapter holds until they are fetched."""

# -- rate -----------------------------------------------------------------------------------
ORDERS_PER_SECOND_BROKER: Final = 10
"""Source: NSE retail algo circular (2025): 10 orders a second; the broker counts calendar
seconds."""
ORDERS_PER_SECOND_MAX: Final = 8
ORDERS_DAY_BROKER: Final = 5_000
"""Of an account over all segments; refused ones count. Source: Kite forum 16217 (2026-11)."""
ORDERS_DAY_ENTRIES_MAX: Final = 4_500
"""From here on only exits leave (CTL-06)."""
EXITS_PER_SECOND_RESERVE: Final = 2
ENTRIES_PER_SECOND_MAX: Final = ORDERS_PER_SECOND_MAX - EXITS_PER_SECOND_RESERVE
EXITS_QUEUED_MAX: Final = 1_000
PROPOSALS_MINUTE_MAX: Final = 600
PROPOSALS_SECOND_MAX: Final = 50
"""Of one strategy; more in a second of market time is a storm and pauses it."""
SIGNALS_DAY_MAX: Final = 10_000
TIMERS_STRATEGY_MAX: Final = 100
BROKER_CALL_MS_MAX: Final = 20_000
"""One call of the writer to a broker, all its requests; a process that takes longer is killed."""

# -- values ---------------------------------------------------------------------------------
PRICE_PAISE_MAX: Final = 10_000_000_00
QUANTITY_MAX: Final = 10_000_000
MONEY_PAISE_MAX: Final = 10_000_000_000_00
"""Rs 1,000 crore: more is a mistake of units."""
HEAT_BPS_MAX: Final = 5_000
PRICE_AWAY_BPS_MAX: Final = 2_000
SPREAD_BPS_MAX: Final = 2_000

# -- time -----------------------------------------------------------------------------------
TICK_AGE_MS_MAX: Final = 600_000
TICK_AHEAD_NS_MAX: Final = 2 * NS_PER_S
"""How far an exchange time may lie ahead of ours before the clock is doubted."""
ENTRY_LIFE_NS_MAX: Final = 60 * NS_PER_MINUTE
IDEA_AGE_NS_MAX: Final = 60 * NS_PER_MINUTE
DECISION_WAIT_NS: Final = 10 * NS_PER_S
"""How long after its expiry a proposal without an answer counts as refused."""
RECONCILE_EVERY_NS: Final = 60 * NS_PER_S
RECONCILE_RECHECK_NS: Final = 2 * NS_PER_S
RECONCILE_ANSWER_NS_MAX: Final = 15 * NS_PER_S
RECONCILE_AGE_NS_MAX: Final = 180 * NS_PER_S
FLAT_CHECK_NS: Final = 30 * NS_PER_S
REJECTS_ROW_MAX: Final = 5
"""Entries that the broker refuses count for its daily quota too; so many in a row are a loop."""
REJECTS_PAUSE_NS: Final = 5 * NS_PER_MINUTE
LATE_AGAIN_NS: Final = 2 * NS_PER_S
"""After this pause a reopened group that has ended is looked at once more."""
GROUP_ENDED: Final = "closed"
"""Why a group's actor ends for good: closed, flat, nothing works."""
VIEW_EVERY_NS: Final = 250 * NS_PER_MS

# -- patience -------------------------------------------------------------------------------
RESTARTS_CORE_MAX: Final = 3
RESTARTS_WINDOW_S: Final = 600
CLEAN_RECONCILES_MIN: Final = 2
JOURNAL_START_MS: Final = 300_000
"""How long a starting journal waits for a database that is away; everybody else waits with it."""

assert 0 < INBOX_CONFLATE_AFTER < INBOX_MESSAGES_MAX
assert ENTRIES_PER_SECOND_MAX + EXITS_PER_SECOND_RESERVE == ORDERS_PER_SECOND_MAX
assert 0 < ENTRIES_PER_SECOND_MAX < ORDERS_PER_SECOND_MAX < ORDERS_PER_SECOND_BROKER
assert 0 < ORDERS_DAY_ENTRIES_MAX < ORDERS_DAY_BROKER <= ORDERS_DAY_MAX
assert 2 * POSITIONS_MAX <= GROUPS_OPEN_MAX, "both books full, and a group still has its place"
assert GROUPS_OPEN_MAX <= EXITS_QUEUED_MAX, "a flatten of all groups must queue"
assert GROUPS_OPEN_MAX <= INBOX_MESSAGES_MAX
assert ORDERS_DAY_MAX * MODIFIES_PER_ORDER_MAX < RECORDS_RECENT_MAX
assert PRICE_PAISE_MAX * QUANTITY_MAX < 2**63
assert RECONCILE_RECHECK_NS < RECONCILE_ANSWER_NS_MAX < RECONCILE_EVERY_NS < RECONCILE_AGE_NS_MAX
assert TICK_AHEAD_NS_MAX < TICK_AGE_MS_MAX * NS_PER_MS
assert CLEAN_RECONCILES_MIN >= 2
assert CAPTURE_BLOCK_EVENTS_MAX < CAPTURE_EVENTS_WAITING_MAX
assert CAPTURE_SEGMENT_BYTES_MAX < CAPTURE_SESSION_BYTES_MAX <= CAPTURE_BYTES_MAX
assert PROPOSALS_SECOND_MAX < PROPOSALS_MINUTE_MAX < SIGNALS_DAY_MAX
