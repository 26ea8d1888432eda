"""Reserved is always the worst case of all plans that are not settled, counted from scratch."""

from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.messages.records import OrderCancelled, OrderDenied, OrderLost, OrderRejected
from engine.messages.values import Action, Book, Leg, Refusal, Side
from engine.risk.reservations import Reservations
from tests.risk_samples import NOW, closed_group, fill, opened_group, plan

ENDS = {
    "denied": OrderDenied,
    "rejected": OrderRejected,
    "lost": OrderLost,
    "cancelled": OrderCancelled,
}


def ended(kind: str, group_id: str, leg: Leg = Leg.ENTRY, action: Action = Action.PLACE) -> Any:
    extra: dict[str, Any] = {"reason": "test"}
    if kind == "denied":
        refusal = Refusal(rule="x", measured=0, limit=0, why="")
        extra = {"intent_id": "i", "action": action, "refusal": refusal}
    if kind == "cancelled":
        extra |= {"filled_total": 0, "is_asked": True}
    return ENDS[kind](
        at_ns=NOW,
        client_order_id=f"E{group_id}",
        group_id=group_id,
        leg=leg,
        instrument="NSE:INFY",
        **extra,
    )


@pytest.fixture
def held() -> Reservations:
    reservations = Reservations()
    reservations.reserve(plan("a"))
    return reservations


def figures(reservations: Reservations) -> tuple[int, int, int]:
    book = Book.PAPER
    return (
        reservations.risk_paise(book),
        reservations.notional_paise(book),
        reservations.count(book),
    )


@pytest.mark.conformance("CTL-08", "CTL-09")
def test_when_a_plan_is_approved_then_all_of_it_is_taken_at_once(held: Reservations) -> None:
    assert figures(held) == (11_500, 1_500_000, 1)
    assert held.notional_paise(Book.LIVE) == 0
    assert held.notional_paise(Book.PAPER, "NSE:TCS") == 0


@pytest.mark.parametrize("kind", list(ENDS))
def test_when_the_entry_ends_then_only_its_unfilled_part_is_released(
    held: Reservations, kind: str
) -> None:
    held.fold(fill("T1", 4, group_id="a"))
    held.fold(ended(kind, "a"))
    assert figures(held) == (4_600, 600_000, 1)


def test_when_a_modify_is_denied_or_an_exit_ends_then_nothing_is_released(
    held: Reservations,
) -> None:
    held.fold(ended("denied", "a", action=Action.MODIFY))
    held.fold(ended("cancelled", "a", leg=Leg.STOP))
    assert figures(held) == (11_500, 1_500_000, 1)


def test_when_a_fill_comes_after_the_end_then_it_counts(held: Reservations) -> None:
    held.fold(ended("cancelled", "a"))
    assert figures(held) == (0, 0, 1)
    held.fold(fill("T1", 3, group_id="a"))
    assert figures(held) == (3_450, 450_000, 1)


def test_when_the_group_closes_then_its_slot_is_free(held: Reservations) -> None:
    held.fold(closed_group("a"))
    assert figures(held) == (0, 0, 0)


def test_when_a_group_never_opens_then_it_is_named_once_its_entry_is_over(
    held: Reservations,
) -> None:
    expires = plan("a").entry_expires_at_ns
    assert held.never_opened(expires) == ()
    assert held.never_opened(expires + 1) == ("a",)
    held.fold(opened_group("a"))
    assert held.never_opened(expires + 1) == ()


@pytest.mark.conformance("INV-23")
def test_when_an_append_is_refused_then_only_a_group_that_never_opened_is_given_back(
    held: Reservations,
) -> None:
    held.reserve(plan("b"))
    held.fold(opened_group("a"))
    assert not held.refused("a")
    assert not held.refused("")
    assert held.refused("b")
    assert figures(held) == (11_500, 1_500_000, 1)


class Model:
    """What a plan's worst case is, kept as the list of what happened to it."""

    def __init__(self, quantity: int) -> None:
        self.quantity = quantity
        self.fills: list[tuple[Leg, Side, int]] = []
        self.is_over = False

    def worst(self) -> int:
        net = sum(side.sign * units for _, side, units in self.fills)
        entered = sum(units for leg, _, units in self.fills if leg is Leg.ENTRY)
        rest = 0 if self.is_over else max(0, self.quantity - entered)
        return max(abs(net + may) for may in range(rest + 1))


class ReservationsAgree(RuleBasedStateMachine):
    """Any order of approvals, fills, ends and closes, against a recount from scratch (INV-23)."""

    def __init__(self) -> None:
        super().__init__()
        self.real = Reservations()
        self.models: dict[str, Model] = {}
        self.count = 0

    @rule(quantity=st.integers(1, 20))
    def approve(self, quantity: int) -> None:
        self.count += 1
        group = f"g{self.count}"
        self.real.reserve(
            plan(group, quantity=quantity, risk_paise=7 * quantity, notional_paise=11 * quantity)
        )
        self.models[group] = Model(quantity)

    @precondition(lambda self: self.models)
    @rule(
        data=st.data(),
        leg=st.sampled_from(Leg),
        units=st.integers(1, 20),
    )
    def fills(self, data: st.DataObject, leg: Leg, units: int) -> None:
        group = data.draw(st.sampled_from(sorted(self.models)))
        side = Side.BUY if leg is Leg.ENTRY else data.draw(st.sampled_from(Side))
        self.models[group].fills.append((leg, side, units))
        self.real.fold(fill("T", units, group_id=group, leg=leg, side=side))

    @precondition(lambda self: self.models)
    @rule(data=st.data(), kind=st.sampled_from(sorted(ENDS)))
    def entry_ends(self, data: st.DataObject, kind: str) -> None:
        group = data.draw(st.sampled_from(sorted(self.models)))
        self.models[group].is_over = True
        self.real.fold(ended(kind, group))

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def closes(self, data: st.DataObject) -> None:
        group = data.draw(st.sampled_from(sorted(self.models)))
        del self.models[group]
        self.real.fold(closed_group(group))

    @invariant()
    def reserved_is_the_worst_case(self) -> None:
        worst = sum(model.worst() for model in self.models.values())
        assert figures(self.real) == (7 * worst, 11 * worst, len(self.models))


TestReservationsAgree = ReservationsAgree.TestCase
TestReservationsAgree.settings = hypothesis_settings(max_examples=60, stateful_step_count=20)
