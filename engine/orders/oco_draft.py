"""The outputs of one decision of a group: records, the next look, notices.

Decides ids, owner and reason of each intent, and the pace of repeated ones. Refuses to know why an
intent is needed (oco.py). Stands alone because every order leaves through `intend`.
"""

from typing import TypeAlias

import msgspec

from engine.ids import ATTEMPTS_MAX, client_order_id
from engine.messages.records import GroupClosed, GroupOpened, IntentPlanned
from engine.messages.values import Action, Leg
from engine.orders.oco_plan import Stage, exit_reason
from engine.orders.oco_state import EXIT_REASON_PREFIX, failures
from engine.orders.oco_want import Situation, Want
from engine.orders.order import OrderState


class Wake(msgspec.Struct, frozen=True, kw_only=True):
    """Decide again at this instant, even if nothing happens."""

    key: str
    at_ns: int


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something the operator should know; the shell repeats it sparingly."""

    severity: str
    event: str
    text: str


Output: TypeAlias = GroupOpened | IntentPlanned | GroupClosed | Wake | Notice


class Draft:
    """Collects the outputs of one decision."""

    def __init__(self, at: Situation, stage: Stage) -> None:
        self.at = at
        self.group = at.group
        self.plan = at.group.plan
        self._stage = stage
        self._records: list[GroupOpened | IntentPlanned | GroupClosed] = []
        self._due_ns: list[int] = []
        self._notices: list[Notice] = []

    def outputs(self) -> tuple[Output, ...]:
        due = [at_ns for at_ns in self._due_ns if at_ns > self.at.now_ns]
        wake = (Wake(key="plan", at_ns=min(due)),) if due else ()
        return (*self._records, *wake, *self._notices)

    def look_at(self, at_ns: int) -> None:
        """Ask for another decision at this instant (ignored if it has passed, or is 0)."""
        self._due_ns.append(at_ns)

    def is_due(self, pause_ns: int, *since_ns: int) -> bool:
        """True if the pause since the last of these instants is over; otherwise another look is
        asked for. An instant that lies ahead was written before the clock was set back: its pause
        counts from then, because as long as the clock lies behind it would not end (FLT-60)."""
        at = self.at
        from_ns = max(ns if ns <= at.now_ns else at.view.clock_from_ns for ns in since_ns)
        self._due_ns.append(from_ns + pause_ns)
        return at.now_ns >= from_ns + pause_ns

    def backoff_ns(self, failures_count: int) -> int:
        """The pause after so many failures in a row, at least one."""
        settings = self.at.settings
        return min(settings.backoff_ns << min(failures_count - 1, 20), settings.backoff_ns_max)

    def notice(self, severity: str, event: str, text: str) -> None:
        self._notices.append(Notice(severity=severity, event=event, text=text))

    def open(self) -> None:
        self._records.append(GroupOpened(plan=self.plan, at_ns=self.at.now_ns))

    def place(self, want: Want) -> None:
        """The leg's next attempt, after a back-off if the last ones failed."""
        attempts = self.group.of_leg(want.leg)
        fails = failures(attempts)
        if len(attempts) > ATTEMPTS_MAX:
            self.notice("critical", "attempts_exhausted", f"{want.leg.value}: out of attempts")
        elif not fails or self.is_due(self.backoff_ns(fails), attempts[-1].status_at_ns):
            own_id = client_order_id(self.plan.book, self.plan.group_id, want.leg, len(attempts))
            self._intend(own_id, own_id, Action.PLACE, want, want.quantity)

    def modify(self, order: OrderState, want: Want) -> None:
        intent_id = f"{order.client_order_id}-m{order.modify_count + 1}"
        quantity = order.filled_own + want.quantity
        self._intend(intent_id, order.client_order_id, Action.MODIFY, want, quantity)

    def cancel(self, order: OrderState) -> None:
        """Cancel an order that owes no answer; after a refusal only when the back-off is over."""
        refusals = order.refused_count
        if order.is_busy:
            return
        if refusals and not self.is_due(self.backoff_ns(refusals), order.requested_at_ns):
            return
        intent_id = f"{order.client_order_id}-c{order.cancel_count + 1}"
        as_is = Want(
            leg=order.leg,
            side=order.side,
            quantity=order.remaining,
            order_type=order.order_type,
            price_limit_paise=order.price_limit_paise,
            price_trigger_paise=order.price_trigger_paise,
        )
        self._intend(intent_id, order.client_order_id, Action.CANCEL, as_is, order.quantity)

    def close(self, reason: str) -> None:
        plan, group = self.plan, self.group
        assert group.position == 0
        assert not group.live
        self._records.append(
            GroupClosed(
                group_id=plan.group_id,
                strategy=plan.strategy,
                instrument=plan.instrument,
                book=plan.book,
                reason=reason,
                quantity_entered=group.entered,
                pnl_gross_paise=group.pnl_gross_paise * self.at.instrument.multiplier,
                charges_paise=group.charges_paise,
                at_ns=self.at.now_ns,
            )
        )

    def _reason(self) -> str:
        reason = exit_reason(self.at) or ("both_filled" if self._stage is Stage.FLIPPED else "")
        return f"{EXIT_REASON_PREFIX}{reason}" if reason else self._stage.value

    def _intend(
        self, intent_id: str, order_id: str, action: Action, want: Want, quantity: int
    ) -> None:
        plan = self.plan
        is_entry = want.leg is Leg.ENTRY and action is Action.PLACE
        self._records.append(
            IntentPlanned(
                intent_id=intent_id,
                client_order_id=order_id,
                group_id=plan.group_id,
                leg=want.leg,
                action=action,
                book=plan.book,
                strategy=plan.strategy,
                instrument=plan.instrument,
                side=want.side,
                quantity=quantity,
                order_type=want.order_type,
                price_limit_paise=want.price_limit_paise,
                price_trigger_paise=want.price_trigger_paise,
                product=plan.product,
                reason=self._reason(),
                owner=self.at.view.owner,
                owner_generation=self.at.view.generation,
                mode_seq=plan.mode_seq,
                expires_at_ns=plan.entry_expires_at_ns if is_entry else 0,
                at_ns=self.at.now_ns,
            )
        )
