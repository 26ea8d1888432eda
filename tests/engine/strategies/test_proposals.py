"""What a strategy may hand over: everything else is refused, whatever it is."""

from typing import Any

import msgspec
import pytest

from engine.instruments import Instrument
from engine.messages.values import Feature, Side, Target
from engine.strategies.base import Proposal
from engine.strategies.proposals import check_proposal
from engine.units import NS_PER_MINUTE, NS_PER_S
from tests.ideas import NAME, OPENS_NS

OWN = {NAME: Instrument(name=NAME, tick_paise=5)}


def a_proposal(**changes: Any) -> Proposal:
    """Buy at 100.00, stop 99.00, targets 101.00 and 102.00."""
    values: dict[str, Any] = {
        "instrument": NAME,
        "side": Side.BUY,
        "price_limit_paise": 10_000,
        "price_stop_paise": 9_900,
        "targets": (
            Target(price_paise=10_100, share_bps=5_000),
            Target(price_paise=10_200, share_bps=5_000),
        ),
        "features": (Feature(name="z", value_e4=1),),
        "idea_at_ns": OPENS_NS,
        "expires_at_ns": OPENS_NS + NS_PER_MINUTE,
    }
    return Proposal(**(values | changes))


class Hostile:
    """Raises wherever its text is asked for."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def a_target(**changes: Any) -> Target:
    return Target(**({"price_paise": 10_100, "share_bps": 10_000} | changes))


NAN = float("nan")
BAD: list[tuple[str, dict[str, Any]]] = [
    ("malformed", {"price_limit_paise": 10_000.0}),
    ("malformed", {"price_limit_paise": None}),
    ("malformed", {"price_limit_paise": NAN}),
    ("malformed", {"price_limit_paise": True}),
    ("malformed", {"price_stop_paise": "9900"}),
    ("malformed", {"score_bps": NAN}),
    ("malformed", {"score_bps": Hostile()}),
    ("malformed", {"trail_paise": 0.5}),
    ("malformed", {"side": "BUY"}),
    ("malformed", {"targets": []}),
    ("malformed", {"targets": ()}),
    ("malformed", {"targets": (a_target(share_bps=10_000.0),)}),
    ("malformed", {"targets": (a_target(price_paise=None),)}),
    ("malformed", {"targets": (a_target(),) * 1_000_000}),
    ("malformed", {"features": (Feature(name="z", value_e4=NAN),)}),  # type: ignore[arg-type]
    ("malformed", {"features": (Feature(name="z", value_e4=2**80),)}),
    ("malformed", {"features": (Feature(name="z" * 10_000_000, value_e4=1),)}),
    ("malformed", {"features": (Feature(name=Hostile(), value_e4=1),)}),  # type: ignore[arg-type]
    ("malformed", {"features": (Feature(name="z", value_e4=1),) * 1_000}),
    ("malformed", {"expires_at_ns": NAN}),
    ("foreign_instrument", {"instrument": "NSE:OTHER"}),
    ("foreign_instrument", {"instrument": None}),
    ("foreign_instrument", {"instrument": Hostile()}),
    ("foreign_instrument", {"instrument": [NAME]}),
    ("foreign_instrument", {"instrument": "X" * 10_000_000}),
    ("price_absurd", {"price_stop_paise": 0}),
    ("price_absurd", {"price_limit_paise": 2**80}),
    ("off_tick", {"price_limit_paise": 10_001}),
    ("stop_wrong_side", {"price_stop_paise": 10_000}),
    ("stop_wrong_side", {"side": Side.SELL}),
    ("target_wrong_side", {"targets": (a_target(price_paise=10_000),)}),
    ("shares_wrong", {"targets": (a_target(share_bps=9_999),)}),
    ("shares_wrong", {"targets": (a_target(share_bps=-1),)}),
    ("trail_wrong", {"trail_paise": -5}),
    ("score_wrong", {"score_bps": 10_001}),
    ("expired", {"expires_at_ns": OPENS_NS}),
    ("life_too_long", {"expires_at_ns": OPENS_NS + 61 * NS_PER_MINUTE}),
    ("idea_time_wrong", {"idea_at_ns": OPENS_NS + NS_PER_S}),
    ("idea_time_wrong", {"idea_at_ns": OPENS_NS - 61 * NS_PER_MINUTE}),
    ("idea_time_wrong", {"idea_at_ns": -(2**90)}),
]


def test_when_a_proposal_is_well_formed_then_nothing_is_refused() -> None:
    assert check_proposal(a_proposal(), OWN, OPENS_NS) is None
    short = a_proposal(
        side=Side.SELL,
        price_stop_paise=10_100,
        targets=(a_target(price_paise=9_900),),
    )
    assert check_proposal(short, OWN, OPENS_NS) is None


@pytest.mark.conformance("BAD-63", "BAD-64")
@pytest.mark.parametrize(("rule", "changes"), BAD, ids=lambda value: "")
def test_when_a_field_is_wrong_then_the_rule_is_named(rule: str, changes: dict[str, Any]) -> None:
    refusal = check_proposal(a_proposal(**changes), OWN, OPENS_NS)
    assert refusal is not None
    assert refusal.rule == rule
    assert len(refusal.why) <= 200
    assert len(msgspec.msgpack.encode(refusal)) < 1_000  # fits a log line and the journal


@pytest.mark.conformance("BAD-64")
@pytest.mark.parametrize("thing", [None, NAN, 1, "buy", Hostile(), {}, object])
def test_when_it_is_no_proposal_at_all_then_it_is_refused(thing: object) -> None:
    refusal = check_proposal(thing, OWN, OPENS_NS)
    assert refusal is not None
    assert refusal.rule == "not_a_proposal"
