"""Bringing a database that is back up to what was promised while it was away.

Decides which records the store lacks and in which order they are written: what the spool holds, and
what the journal itself remembers, because a failover may forget the last commits that it had
confirmed. Refuses to guess: a number that nobody has is damage. Stands alone because it is the one
place where durable history is written a second time.
"""

from collections.abc import Iterable, Sequence

from actors.runtime.log import log_event
from actors.stores.port import Entry, Head, JournalStorePort, Stored
from actors.stores.spool import SpoolPort
from engine.errors import JournalDamaged, RecordRefused
from engine.journal import decode, encode, next_chain
from engine.limits import RECORDS_LAST_MAX
from engine.messages.records import RiskNoted

Row = tuple[int, bytes]


def fold_back(store: JournalStorePort, spool: SpoolPort, remembered: Iterable[Row]) -> bool:
    """Write to the store what it lacks, then empty the spool; safe to repeat.

    Args:
        remembered: the last rows known to be durable, spooled ones included.

    Returns:
        Whether a record was replaced by a note, so that the head is another than expected.

    Raises:
        JournalUnavailable: the store is away again.
        JournalDamaged: records between the store's head and those known here are gone.
    """
    head = store.open()
    rows = _missing(spool.records(), remembered, head)
    is_replaced = False
    if rows:
        log_event("records_folded_back", records_count=len(rows), head_seq=head.seq)
        try:
            store.commit(chained(rows, head.seq, head.chain))
        except RecordRefused:
            _fold_singly(store, rows)
            is_replaced = True
    if spool.records():
        spool.clear()
    return is_replaced


def _missing(spooled: Sequence[Row], remembered: Iterable[Row], head: Head) -> list[Row]:
    """The rows after the head, without a gap."""
    known = {seq: body for seq, body in remembered if seq > head.seq}
    known |= {seq: body for seq, body in spooled if seq > head.seq}
    rows = sorted(known.items())
    for expected, (seq, _) in enumerate(rows, head.seq + 1):
        if seq != expected:
            raise JournalDamaged(f"record {expected} was durable and is gone; {seq} is known")
    return rows


def _fold_singly(store: JournalStorePort, rows: Sequence[Row]) -> None:
    """A spooled record contradicts the store: keep its number for a note that says so."""
    for seq, body in rows:
        head = store.open()
        try:
            store.commit(chained([(seq, body)], head.seq, head.chain))
        except RecordRefused as error:
            note = RiskNoted(
                at_ns=decode(body).at_ns,
                event="spooled_record_refused",
                subject=type(decode(body)).__name__,
                measured=seq,
                limit=0,
                why=str(error),
            )
            log_event("spooled_record_refused", "ERROR", seq=seq, why=str(error))
            store.commit(chained([(seq, encode(note))], head.seq, head.chain))


def tail_of(stored: Sequence[Stored], head_seq: int) -> list[Row]:
    """The newest rows up to the head, without a gap: what can be written again without a store."""
    tail: list[Row] = []
    for seq, record in reversed(stored[-RECORDS_LAST_MAX:]):
        if seq != head_seq - len(tail):
            break
        tail.append((seq, encode(record)))
    return tail[::-1]


def chained(rows: Sequence[Row], seq: int, chain: bytes) -> list[Entry]:
    """Entries for rows, chained on to the store's head; stored rows are left out."""
    entries = []
    for row_seq, body in rows:
        if row_seq <= seq:
            continue
        chain = next_chain(chain, body)
        entries.append(Entry(row_seq, decode(body), body, chain))
    return entries
