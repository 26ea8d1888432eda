"""Whether the broker takes our orders at all, told to those who must know.

Decides when the ceiling of the broker's account falls (entries stop, exits may be tried) and rises.
Refuses to guess: it rises only when the broker has answered, so that a restarted writer raises
nothing unseen. Stands alone because it is about the account, not about any order.
"""

from collections.abc import Mapping
from typing import Final

from actors.brokers.port import BrokerPort, ClosableAccount, LimitedBroker
from actors.runtime.behaviour import Context
from actors.runtime.log import log_event
from actors.telling import alert
from engine.messages.control import Ceiling, CeilingMoved
from engine.messages.values import Authority, Book

OWNER: Final = "broker"


class AccountWatch:
    """Looks at the brokers that can say so; nothing else costs anything."""

    def __init__(self, ctx: Context, brokers: Mapping[Book, BrokerPort]) -> None:
        self._ctx = ctx
        self._accounts = {
            book: broker for book, broker in brokers.items() if isinstance(broker, ClosableAccount)
        }
        self._known: dict[Book, str] = {}
        self._limited = {
            book: broker for book, broker in brokers.items() if isinstance(broker, LimitedBroker)
        }
        self._limited_seen: dict[Book, int] = {}

    def look(self, book: Book) -> None:
        """After each use of the broker: tell what has changed."""
        account = self._accounts.get(book)
        why = account.closed_because if account is not None else None
        if why is None or self._known.get(book) == why:
            return
        was_closed = bool(self._known.get(book))
        self._known[book] = why
        ceiling = Ceiling(
            owner=OWNER,
            scope="",
            authority=Authority.REDUCE if why else Authority.FULL,
            reason=why or "orders are taken",
        )
        self._ctx.send("authority", CeilingMoved(ceiling=ceiling, at_ns=self._ctx.now_ns()))
        if why:
            log_event("account_closed", "WARNING", book=book.value, why=why)
            alert(self._ctx, "critical", "account_closed", book.value, why)
        elif was_closed:
            log_event("account_opened", book=book.value)
            alert(self._ctx, "info", "account_opened", book.value, "orders are taken again")

    def was_limited(self, book: Book) -> bool:
        """Whether the broker has refused a write for being one too many since the last question."""
        broker = self._limited.get(book)
        if broker is None or broker.limited_count == self._limited_seen.get(book, 0):
            return False
        self._limited_seen[book] = count = broker.limited_count
        log_event("rate_limited", "WARNING", book=book.value, count=count)
        alert(self._ctx, "warning", "rate_limited", book.value, "the broker answers 429")
        return True
