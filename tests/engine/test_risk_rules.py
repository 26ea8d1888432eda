"""Each rule with a boundary pair: just allowed, just refused; and what is missing refuses."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.instruments import Instrument
from engine.limits import REJECTS_PAUSE_NS, REJECTS_ROW_MAX
from engine.messages.signals import EntryProposed
from engine.messages.values import Authority, FeedState, Refusal, SessionPhase, Side, Target
from engine.portfolio.pnl import Pnl
from engine.risk.rules import PROPOSAL_RULES
from engine.risk.size_rules import CAP_RULES, SIZE_RULES, assess
from engine.risk.view import RiskView, Sized
from engine.units import NS_PER_MS, NS_PER_S
from tests.risk_samples import INFY, NOW, PROPOSAL, SESSION, SETTINGS, VIEW, tick

TWO_NS = 2 * NS_PER_S
PAUSED = replace(SESSION, phase=SessionPhase.CLOSED)
ENTRIES_END = SESSION.entries_end_at_ns
HALF = (Target(price_paise=151_000, share_bps=5_000), Target(price_paise=152_000, share_bps=4_999))
LATE = {"expires_at_ns": ENTRIES_END + 10**12}


def refused_by(proposal: EntryProposed, view: RiskView, settings: Any = SETTINGS) -> str:
    verdict = assess(proposal, view, settings)
    return verdict.rule if isinstance(verdict, Refusal) else ""


def test_when_all_is_sound_then_it_is_sized_by_risk() -> None:
    sized = assess(PROPOSAL, VIEW, SETTINGS)
    assert isinstance(sized, Sized)
    # 100,000 / (1,000 distance + 150 charges) = 86.9, but the symbol's cap allows 33
    assert sized.quantity == 33
    assert sized.notional_paise == 33 * 150_000
    assert sized.risk_paise == 33 * 1_150


PAIRS = [
    # rule, just allowed (proposal, view, settings changes), just refused
    ("storm", ({}, {"proposals_minute": 5}, {}), ({}, {"proposals_minute": 6}, {})),
    ("instrument", ({}, {}, {}), ({}, {"allowed": frozenset({"NSE:TCS"})}, {})),
    ("instrument", ({}, {}, {"allowlist": ("NSE:INFY",)}), ({}, {}, {"allowlist": ("NSE:TCS",)})),
    ("instrument", ({}, {}, {}), ({"instrument": "NSE:TCS"}, {}, {})),
    ("instrument", ({}, {}, {}), ({}, {"allowed": None}, {})),
    ("instrument", ({}, {}, {}), ({}, {"instrument": None}, {})),
    ("generation", ({}, {"generation_void": 0}, {}), ({}, {"generation_void": 1}, {})),
    ("duplicate_plan", ({}, {}, {}), ({}, {"is_decided": True}, {})),
    ("authority", ({}, {}, {}), ({}, {"authority": Authority.REDUCE}, {})),
    ("expired", ({"expires_at_ns": NOW + 1}, {}, {}), ({"expires_at_ns": NOW}, {}, {})),
    ("expired", ({"at_ns": NOW + TWO_NS}, {}, {}), ({"at_ns": NOW + TWO_NS + 1}, {}, {})),
    ("session", ({}, {}, {}), ({}, {"session": None}, {})),
    ("session", ({}, {}, {}), ({}, {"session": PAUSED}, {})),
    (
        "session",
        (LATE, {"now_ns": ENTRIES_END - 1, "tick": tick(at_ns=ENTRIES_END - 1)}, {}),
        (LATE, {"now_ns": ENTRIES_END, "tick": tick(at_ns=ENTRIES_END)}, {}),
    ),
    (
        "session",
        ({}, {"session": replace(SESSION, entries_end_at_ns=0)}, {}),
        ({}, {"session": replace(SESSION, entries_end_at_ns=0, closes_at_ns=NOW)}, {}),
    ),
    ("feed", ({}, {}, {}), ({}, {"feed": FeedState.STALE}, {})),
    ("feed", ({}, {}, {}), ({}, {"feed": None}, {})),
    (
        "tick_age",
        ({}, {"tick": tick(at_ns=NOW - 5_000 * NS_PER_MS)}, {}),
        ({}, {"tick": tick(at_ns=NOW - 5_000 * NS_PER_MS - 1)}, {}),
    ),
    (
        "tick_age",
        ({}, {"tick": tick(at_ns=NOW + TWO_NS)}, {}),
        ({}, {"tick": tick(at_ns=NOW + TWO_NS + 1)}, {}),
    ),
    ("tick_age", ({}, {}, {}), ({}, {"tick": None}, {})),
    ("tick_age", ({}, {}, {}), ({}, {"tick": tick(0)}, {})),
    ("tick_age", ({}, {}, {}), ({}, {"tick": tick(-5)}, {})),
    ("tick_age", ({}, {}, {}), ({}, {"tick": tick(math.nan)}, {})),
    ("price_away", ({}, {"tick": tick(148_515)}, {}), ({}, {"tick": tick(148_510)}, {})),
    (
        "price_away",
        ({}, {"tick": tick(149_255), "instrument": replace(INFY, band_bps=50)}, {}),
        ({}, {"tick": tick(149_250), "instrument": replace(INFY, band_bps=50)}, {}),
    ),
    (
        "spread",
        ({}, {"tick": tick(bid_paise=149_625, ask_paise=150_375)}, {}),
        ({}, {"tick": tick(bid_paise=149_620, ask_paise=150_375)}, {}),
    ),
    (
        "spread",
        ({}, {"tick": tick(bid_paise=150_000, ask_paise=150_000)}, {}),
        ({}, {"tick": tick(bid_paise=150_005, ask_paise=150_000)}, {}),
    ),
    ("spread", ({}, {}, {}), ({}, {"tick": tick(bid_paise=150_000)}, {})),
    (
        "tick_multiple",
        ({"price_stop_paise": 149_005}, {}, {}),
        ({"price_stop_paise": 149_001}, {}, {}),
    ),
    ("stop_side", ({"price_stop_paise": 149_995}, {}, {}), ({"price_stop_paise": 150_000}, {}, {})),
    ("stop_side", ({}, {}, {}), ({"side": Side.SELL}, {}, {})),
    ("targets", ({}, {}, {}), ({"targets": HALF}, {}, {})),
    ("targets", ({}, {}, {}), ({"targets": ()}, {}, {})),
    ("targets", ({}, {}, {}), ({"targets": PROPOSAL.targets[::-1]}, {}, {})),
    (
        "day_band",
        ({}, {"instrument": replace(INFY, band_low_paise=149_000, band_high_paise=152_000)}, {}),
        ({}, {"instrument": replace(INFY, band_low_paise=149_005, band_high_paise=152_000)}, {}),
    ),
    (
        "day_band",
        ({}, {"instrument": replace(INFY, band_high_paise=152_000)}, {}),
        ({}, {"instrument": replace(INFY, band_high_paise=151_995)}, {}),
    ),
    ("order_unknown", ({}, {}, {}), ({}, {"is_order_unknown": True}, {})),
    ("group_open", ({}, {}, {}), ({}, {"is_group_open": True}, {})),
    ("group_open", ({}, {}, {}), ({}, {"is_opposite_open": True}, {})),
    (
        "duplicate_day",
        ({}, {"is_entered_today": True}, {}),
        ({}, {"is_entered_today": True}, {"is_duplicate_day_blocked": True}),
    ),
    ("losses_row", ({}, {"losses_row": 2}, {}), ({}, {"losses_row": 3}, {})),
    (
        "rejects_row",
        ({}, {"rejects_row": REJECTS_ROW_MAX - 1, "rejected_at_ns": NOW}, {}),
        ({}, {"rejects_row": REJECTS_ROW_MAX, "rejected_at_ns": NOW}, {}),
    ),
    (
        "rejects_row",
        ({}, {"rejects_row": 99, "rejected_at_ns": NOW - REJECTS_PAUSE_NS}, {}),
        ({}, {"rejects_row": 99, "rejected_at_ns": NOW - REJECTS_PAUSE_NS + 1}, {}),
    ),
    ("positions_max", ({}, {"positions_count": 2}, {}), ({}, {"positions_count": 3}, {})),
    ("orders_day", ({}, {"orders_day": 99}, {}), ({}, {"orders_day": 100}, {})),
    (
        "loss_day",
        ({}, {"pnl_day": Pnl(open_paise=-199_999)}, {}),
        ({}, {"pnl_day": Pnl(open_paise=-199_999, charges_paise=1)}, {}),
    ),
    ("loss_day", ({}, {}, {}), ({}, {"pnl_day": Pnl(unmarked=("NSE:TCS",))}, {})),
    ("loss_day", ({}, {}, {}), ({}, {"is_loss_latched": True}, {})),
    (
        "notional_max",
        ({}, {"notional_paise": 8_850_000}, {}),
        ({}, {"notional_paise": 8_850_001}, {}),
    ),
    (
        "notional_symbol_max",
        ({}, {"notional_symbol_paise": 4_850_000}, {}),
        ({}, {"notional_symbol_paise": 4_850_001}, {}),
    ),
    (
        "capital_max",
        ({}, {"notional_paise": 4_850_000}, {"capital_paise_max": 5_000_000}),
        ({}, {"notional_paise": 4_850_001}, {"capital_paise_max": 5_000_000}),
    ),
    (
        "size_zero",
        ({}, {}, {"risk_per_trade_paise_max": 1_150}),
        ({}, {}, {"risk_per_trade_paise_max": 1_149}),
    ),
    (
        "heat",
        ({}, {"risk_open_paise": 300_000 - 33 * 1_150}, {}),
        ({}, {"risk_open_paise": 300_000 - 33 * 1_150 + 1}, {}),
    ),
]


@pytest.mark.conformance("CTL-02", "CTL-03", "CTL-09", "CTL-12", "CTL-44", "CTL-46", "CTL-61")
@pytest.mark.parametrize(("rule", "allowed", "refused"), PAIRS)
def test_when_at_the_boundary_then_the_rule_decides(
    rule: str, allowed: tuple[Any, ...], refused: tuple[Any, ...]
) -> None:
    for changes, expected in ((allowed, ""), (refused, rule)):
        proposal = replace(PROPOSAL, **changes[0])
        view = replace(VIEW, **changes[1])
        settings = replace(SETTINGS, **changes[2])
        assert refused_by(proposal, view, settings) == expected


def test_when_rules_are_listed_then_each_has_a_boundary_pair() -> None:
    named = {pair[0].removesuffix("_max") for pair in PAIRS} | {"shape", "freeze", "risk_per_trade"}
    rules = {rule.__name__ for rule in (*PROPOSAL_RULES, *CAP_RULES, *SIZE_RULES)}
    assert rules == named


BAD_VALUES = [None, math.nan, math.inf, 1.5, "5", True, [], -1, 0, 10**19]


@pytest.mark.conformance("BAD-63", "CTL-23")
@pytest.mark.parametrize("value", BAD_VALUES)
@pytest.mark.parametrize(
    "name",
    ["price_limit_paise", "price_stop_paise", "at_ns", "expires_at_ns", "strategy_generation"],
)
def test_when_a_number_is_not_sound_then_the_shape_refuses(name: str, value: Any) -> None:
    assert refused_by(replace(PROPOSAL, **{name: value}), VIEW) == "shape"


@pytest.mark.conformance("BAD-63")
@pytest.mark.parametrize(
    "changes",
    [
        {"signal_id": ""},
        {"signal_id": "x" * 201},
        {"strategy": None},
        {"instrument": 5},
        {"side": "BUY"},
        {"targets": None},
        {"targets": [Target(price_paise=151_000, share_bps=10_000)]},
        {"targets": (None,)},
        {"targets": (Target(price_paise=151_000.0, share_bps=10_000),)},
        {"targets": (Target(price_paise=151_000, share_bps=3_000),) * 3},
        {"trail_paise": -1},
        {"score_bps": math.nan},
        {"features": ("x",)},
    ],
)
def test_when_a_field_is_of_another_kind_then_the_shape_refuses(changes: dict[str, Any]) -> None:
    assert refused_by(replace(PROPOSAL, **changes), VIEW) == "shape"


@pytest.mark.conformance("CTL-01")
@pytest.mark.parametrize(("freeze", "lot", "expected"), [(20, 1, 20), (20, 15, 15), (14, 15, 0)])
def test_when_there_is_a_freeze_quantity_then_the_size_keeps_below_it_in_lots(
    freeze: int, lot: int, expected: int
) -> None:
    spec = Instrument(name="NSE:INFY", lot=lot, freeze_quantity=freeze)
    verdict = assess(PROPOSAL, replace(VIEW, instrument=spec), SETTINGS)
    assert (verdict.quantity if isinstance(verdict, Sized) else 0) == expected


@pytest.mark.conformance("CTL-01", "CTL-57")
def test_when_sizing_was_wrong_then_the_rules_after_it_refuse() -> None:
    freeze, risk = SIZE_RULES[1], SIZE_RULES[2]
    spec = replace(VIEW, instrument=replace(INFY, freeze_quantity=10))
    sized = Sized(quantity=10, notional_paise=1, risk_paise=100_000)
    assert freeze(sized, spec, SETTINGS) is None
    assert risk(sized, spec, SETTINGS) is None
    for broken in ({"quantity": 11}, {"quantity": 0}, {"quantity": math.nan}):
        assert freeze(replace(sized, **broken), spec, SETTINGS) is not None
    for broken in ({"risk_paise": 100_001}, {"risk_paise": 0}, {"risk_paise": math.nan}):
        assert risk(replace(sized, **broken), spec, SETTINGS) is not None


@pytest.mark.conformance("CTL-09")
@given(
    price=st.integers(200, 1_000_000).map(lambda n: n * 5),
    distance=st.integers(1, 100),
    lot=st.integers(1, 60),
    used=st.integers(0, 9_000_000),
    heat=st.integers(0, 300_000),
    margin=st.integers(1, 10_000),
)
def test_when_a_plan_is_approved_then_no_cap_is_exceeded(
    price: int, distance: int, lot: int, used: int, heat: int, margin: int
) -> None:
    proposal = replace(
        PROPOSAL,
        price_limit_paise=price,
        price_stop_paise=price - 5 * distance,
        targets=(Target(price_paise=price + 5, share_bps=10_000),),
    )
    view = replace(
        VIEW,
        tick=tick(price),
        instrument=replace(INFY, lot=lot),
        notional_paise=used,
        risk_open_paise=heat,
    )
    settings = replace(SETTINGS, margin_bps=margin)
    sized = assess(proposal, view, settings)
    if isinstance(sized, Refusal):
        return
    assert sized.quantity > 0
    assert sized.quantity % lot == 0
    assert used + sized.notional_paise <= settings.notional_paise_max
    assert sized.notional_paise <= settings.notional_symbol_paise_max
    assert (used + sized.notional_paise) * margin <= settings.capital_paise_max * 10_000
    assert sized.quantity * 5 * distance < sized.risk_paise <= settings.risk_per_trade_paise
    assert heat + sized.risk_paise <= settings.heat_paise_max
