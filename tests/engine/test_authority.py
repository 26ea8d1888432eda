"""Modes are a table, authority is a minimum; both are enumerated."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.authority import (
    RELEASE_OWNER,
    TRANSITIONS,
    ModeEvent,
    Scope,
    effective,
    is_maintenance,
    needed,
    next_mode,
    stricter,
)
from engine.messages.control import Ceiling
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Authority, Book, Leg, Mode, OrderType
from tests.risk_samples import intent, stop

SCOPE = Scope(
    book=Book.LIVE, instrument="NSE:INFY", strategy="ema", owner="oco/grp-1", generation=2
)
PAPER = Scope(
    book=Book.PAPER, instrument="NSE:INFY", strategy="ema", owner="oco/grp-1", generation=2
)
STRANGER = Scope(
    book=Book.LIVE, instrument="NSE:INFY", strategy="ema", owner="strategy/ema", generation=2
)

EDGES = {
    ("STANDBY", "lease_acquired"): "RECOVERING",
    ("STANDBY", "kill_latch_found"): "KILLED",
    ("RECOVERING", "recovered"): "PAPER",
    ("RECOVERING", "step_retried"): "RECOVERING",
    ("RECOVERING", "step_failed"): "HALTED",
    ("RECOVERING", "quarantined"): "PAPER",
    ("PAPER", "released"): "LIVE",
    ("PAPER", "troubled"): "REDUCE",
    ("LIVE", "troubled"): "REDUCE",
    ("REDUCE", "trouble_gone"): "PAPER",
    ("HALTED", "resumed"): "PAPER",
    ("PAPER", "flatten_ordered"): "FLATTENING",
    ("LIVE", "flatten_ordered"): "FLATTENING",
    ("REDUCE", "flatten_ordered"): "FLATTENING",
    ("HALTED", "flatten_ordered"): "FLATTENING",
    ("FLATTENING", "flat_squared"): "PAPER",
    ("FLATTENING", "flat_stopped"): "HALTED",
    ("FLATTENING", "not_flat"): "FLATTENING",
}


def expected(mode: Mode, event: ModeEvent) -> str | None:
    """An independent reading of the state machine's prose."""
    if event is ModeEvent.PROCESS_RESTARTED:
        return "STANDBY"
    if event is ModeEvent.FENCED:
        return "FENCED"
    if event is ModeEvent.KILL_ORDERED:
        return None if mode is Mode.FENCED else "KILLED"
    if event is ModeEvent.HALT_ORDERED:
        return None if mode in (Mode.FENCED, Mode.KILLED) else "HALTED"
    return EDGES.get((mode.value, event.value))


@pytest.mark.parametrize(("mode", "event"), list(product(Mode, ModeEvent)))
def test_when_any_event_meets_any_mode_then_only_the_edges_of_the_table_exist(
    mode: Mode, event: ModeEvent
) -> None:
    target = next_mode(mode, event)
    assert (target.value if target else None) == expected(mode, event)


def test_when_live_is_entered_then_it_is_from_paper() -> None:
    into_live = {source for (source, _), mode in TRANSITIONS.items() if mode is Mode.LIVE}
    assert into_live == {Mode.PAPER}


def test_when_killed_then_no_event_but_a_fence_or_a_new_process_leads_out() -> None:
    ways = {event for (mode, event), to in TRANSITIONS.items() if mode is Mode.KILLED is not to}
    assert ways == {ModeEvent.FENCED, ModeEvent.PROCESS_RESTARTED}


def test_when_two_modes_compete_then_the_stricter_wins() -> None:
    assert stricter((Mode.PAPER, Mode.KILLED, Mode.HALTED)) is Mode.KILLED
    assert stricter((Mode.LIVE, Mode.PAPER)) is Mode.PAPER


NONE, CANCEL, REDUCE, FULL = Authority
TABLE = [
    # mode, live book, paper book, live when protecting, live for an owner that does not protect
    (Mode.STANDBY, NONE, NONE, NONE, NONE),
    (Mode.RECOVERING, CANCEL, CANCEL, REDUCE, CANCEL),
    (Mode.PAPER, REDUCE, FULL, REDUCE, REDUCE),
    (Mode.REDUCE, REDUCE, REDUCE, REDUCE, REDUCE),
    (Mode.LIVE, FULL, FULL, FULL, FULL),
    (Mode.HALTED, CANCEL, CANCEL, CANCEL, CANCEL),
    (Mode.FLATTENING, REDUCE, REDUCE, REDUCE, CANCEL),
    (Mode.KILLED, CANCEL, CANCEL, REDUCE, CANCEL),
    (Mode.FENCED, NONE, NONE, NONE, NONE),
]


@pytest.mark.parametrize(("mode", "live", "paper", "protecting", "stranger"), TABLE)
def test_when_a_mode_rules_then_each_book_has_its_authority(
    mode: Mode, live: Authority, paper: Authority, protecting: Authority, stranger: Authority
) -> None:
    assert effective(mode, (), SCOPE, fenced={}) is live
    assert effective(mode, (), PAPER, fenced={}) is paper
    assert effective(mode, (), SCOPE, fenced={}, is_protecting=True) is protecting
    assert effective(mode, (), STRANGER, fenced={}, is_protecting=True) is stranger


def ceiling(scope: str, authority: Authority, owner: str = "operator") -> Ceiling:
    return Ceiling(owner=owner, scope=scope, authority=authority, reason="test")


@pytest.mark.parametrize(
    ("scope", "concerns"),
    [
        ("", True),
        ("instrument:NSE:INFY", True),
        ("instrument:NSE:TCS", False),
        ("strategy:ema", True),
        ("strategy:other", False),
        ("actor:strategy/ema", True),
        ("actor:writer", False),
        ("nonsense:x", True),
    ],
)
def test_when_a_ceiling_concerns_a_scope_then_it_binds(scope: str, concerns: bool) -> None:
    got = effective(Mode.LIVE, (ceiling(scope, NONE),), STRANGER, fenced={})
    assert got is (NONE if concerns else FULL)


@pytest.mark.conformance("CTL-17", "CTL-18")
def test_when_a_strategy_is_stopped_then_its_position_can_still_be_reduced() -> None:
    stopped = (ceiling("strategy:ema", NONE),)
    assert effective(Mode.LIVE, stopped, STRANGER, fenced={}) is NONE
    assert effective(Mode.LIVE, stopped, SCOPE, fenced={}) is REDUCE


def test_when_a_strategy_is_on_paper_then_it_has_none_live_and_full_on_paper() -> None:
    held = (ceiling("strategy:ema", NONE, RELEASE_OWNER),)
    assert effective(Mode.LIVE, held, STRANGER, fenced={}) is NONE
    assert effective(Mode.LIVE, held, PAPER, fenced={}) is FULL


@pytest.mark.conformance("PK-07")
def test_when_a_generation_is_fenced_then_it_has_nothing_and_the_next_has_all() -> None:
    assert effective(Mode.LIVE, (), SCOPE, fenced={"oco/grp-1": 2}) is NONE
    assert effective(Mode.LIVE, (), SCOPE, fenced={"oco/grp-1": 1}) is FULL


@given(
    mode=st.sampled_from(Mode),
    ceilings=st.lists(
        st.tuples(
            st.sampled_from(["", "instrument:NSE:INFY", "strategy:ema", "actor:oco/grp-1", "x:y"]),
            st.sampled_from(Authority),
        )
    ),
    scope=st.sampled_from([SCOPE, PAPER, STRANGER]),
)
def test_when_a_ceiling_is_added_then_authority_never_rises(
    mode: Mode, ceilings: list[tuple[str, Authority]], scope: Scope
) -> None:
    board = [ceiling(name, authority) for name, authority in ceilings]
    whole = effective(mode, board, scope, fenced={})
    for count in range(len(board)):
        assert whole <= effective(mode, board[:count], scope, fenced={})


def test_when_an_intent_asks_then_its_need_follows_from_what_it_does() -> None:
    assert needed(intent(), False) is FULL
    assert needed(intent(action=Action.MODIFY), True) is FULL
    assert needed(intent(action=Action.CANCEL), False) is CANCEL
    assert needed(stop(), True) is REDUCE
    assert needed(stop(), False) is FULL
    assert needed(stop(action=Action.MODIFY), True) is REDUCE
    assert needed(stop(action=Action.CANCEL), False) is REDUCE
    assert needed(stop(action=Action.CANCEL), True) is CANCEL


@pytest.mark.conformance("FLT-82", "INV-17")
def test_when_halted_then_a_stop_may_grow_with_its_position_and_targets_may_not() -> None:
    modify = stop(action=Action.MODIFY, quantity=10)
    assert is_maintenance(modify, 10, True)
    assert is_maintenance(modify, 9, True)
    assert not is_maintenance(modify, 10, False)
    target = stop(action=Action.MODIFY, quantity=10, leg=Leg.TARGET_1)
    assert is_maintenance(target, 10, True)
    assert not is_maintenance(target, 9, True)
    assert is_maintenance(stop(), 0, True)
    assert not is_maintenance(stop(leg=Leg.TARGET_1), 0, True)
    assert not is_maintenance(intent(), 0, True)


@pytest.mark.conformance("INV-10")
def test_when_halted_then_only_the_protection_path_may_add_and_only_behind_a_trigger() -> None:
    triggered = stop(
        action=Action.MODIFY, quantity=10, order_type=OrderType.LIMIT, price_trigger_paise=0
    )
    assert is_maintenance(triggered, 10, True)
    assert not is_maintenance(triggered, 9, True)
    assert not is_maintenance(replace(triggered, action=Action.PLACE), 0, True)
    assert not is_maintenance(stop(owner="strategy/ema"), 0, True)


@pytest.mark.conformance("LIV-09", "INV-10")
def test_when_halted_and_a_stop_has_triggered_then_the_rest_may_follow_it() -> None:
    def is_let(asked: IntentPlanned, is_reducing: bool = True) -> bool:
        return is_maintenance(asked, 9, is_reducing, is_stop_hit=True)

    as_limit = {"order_type": OrderType.LIMIT, "price_trigger_paise": 0}
    assert is_let(stop(action=Action.MODIFY, quantity=10, **as_limit))
    assert is_let(stop(leg=Leg.EXIT, **as_limit))
    assert is_let(stop(leg=Leg.TARGET_1, action=Action.CANCEL), is_reducing=False)
    assert not is_let(stop(leg=Leg.EXIT, **as_limit), is_reducing=False)
    assert not is_let(stop(leg=Leg.TARGET_1, **as_limit))
    assert not is_let(stop(leg=Leg.EXIT, owner="strategy/ema", **as_limit))
    assert not is_let(intent())
