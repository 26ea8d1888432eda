"""Margins and charges at the broker, over the session that also carries the orders.

Decides which calls a check takes, and that an entry whose margin cannot be read does not leave.
Refuses to be asked about exits. Funds are read at most once a second, and what entries took since
is counted as gone, so that a burst of entries neither spends the account twice nor the limit of
reads (ten a second, which the books need too).
"""

from collections.abc import Callable
from typing import Final, Protocol

from actors.runtime.clock import boot_ns
from engine.errors import WireMalformed
from engine.kite.money import Form, funds_paise, margin_form, order_margins_paise
from engine.kite.outcome import Verdict
from engine.messages.broker import Outcome
from engine.messages.records import IntentPlanned
from engine.messages.values import Refusal
from engine.risk.margin import UNKNOWN, margin_refusal
from engine.units import NS_PER_S

FUNDS_AGE_NS_MAX: Final = NS_PER_S


class MoneySession(Protocol):
    """What it needs of `actors.brokers.kite.session.KiteSession`."""

    def funds(self) -> Verdict: ...
    def order_margins(self, forms: list[Form]) -> Verdict: ...


class Margins:
    """The last look before a live entry. Belongs to the broker's thread.

    Args:
        cushion_bps: the share of the buying power that no entry may touch.
        note: told every answer (a refused token is one's of orders too).
    """

    def __init__(
        self,
        session: MoneySession,
        cushion_bps: int,
        note: Callable[[Verdict], Verdict],
        mono_ns: Callable[[], int] = boot_ns,
    ) -> None:
        self._session = session
        self._cushion_bps = cushion_bps
        self._note = note
        self._mono_ns = mono_ns
        self._free_paise = 0
        self._until_ns = 0

    def refusal(self, intent: IntentPlanned) -> Refusal | None:
        """Why the entry may not leave; None: its margin is there and counts as taken."""
        try:
            verdict = self._note(self._session.order_margins([margin_form(intent)]))
            if verdict.outcome is not Outcome.ACKED:
                return _unknown("the order's margin", verdict.text)
            (needed,) = order_margins_paise(verdict.data, 1)
            if unread := self._read_funds():
                return unread
        except WireMalformed as error:
            return _unknown("the answer", str(error))
        if refusal := margin_refusal(needed, self._free_paise, self._cushion_bps):
            return refusal
        self._free_paise -= needed
        return None

    def _read_funds(self) -> Refusal | None:
        if self._mono_ns() < self._until_ns:
            return None
        verdict = self._note(self._session.funds())
        if verdict.outcome is not Outcome.ACKED:
            return _unknown("the funds", verdict.text)
        self._free_paise = funds_paise(verdict.data)
        self._until_ns = self._mono_ns() + FUNDS_AGE_NS_MAX
        return None


def _unknown(what: str, why: str) -> Refusal:
    return Refusal(rule=UNKNOWN, measured=0, limit=0, why=f"{what} could not be read: {why}"[:200])
