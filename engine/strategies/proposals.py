"""What a strategy says, checked before the engine hears it.

Decides whether a proposal is well formed: right types, own instrument, prices on the grid and on
the right sides, in time. Refuses to trust a strategy in anything: it is the one part of the engine
that anybody writes, so a float, a None, a NaN or a megabyte of text must end here, and no text of
the strategy's making is used before its type and length are known.

All refusals are values with a rule; the guard behind this door decides about risk, this door only
about form.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from engine.instruments import Instrument
from engine.limits import (
    ENTRY_LIFE_NS_MAX,
    FEATURES_MAX,
    IDEA_AGE_NS_MAX,
    PRICE_PAISE_MAX,
    TARGETS_MAX,
    TEXT_CHARS_MAX,
)
from engine.messages.values import Feature, Refusal, Side, Target
from engine.strategies.base import Proposal
from engine.units import BPS

_BOUND: Final = 2**62


def check_proposal(
    proposal: object, instruments: Mapping[str, Instrument], now_ns: int
) -> Refusal | None:
    """The first fault of a proposal, or None if it may go to the guard.

    Args:
        proposal: whatever the strategy handed over.
        instruments: the strategy's own, by name.
        now_ns: the market clock.
    """
    if type(proposal) is not Proposal:
        return _refusal("not_a_proposal", type(proposal).__name__[:TEXT_CHARS_MAX])
    name = proposal.instrument
    if not (type(name) is str and name in instruments):
        return _refusal("foreign_instrument", _shown(name))
    wrong = next(_wrong_types(proposal), "")
    if wrong:
        return _refusal("malformed", wrong)
    return _check_prices(proposal, instruments[name].tick_paise) or _check_times(proposal, now_ns)


def _wrong_types(proposal: Proposal) -> Iterator[str]:
    """Fields that are not what they must be; bool is not a number here."""
    if type(proposal.side) is not Side:
        yield "side"
    for field in (
        "price_limit_paise",
        "price_stop_paise",
        "trail_paise",
        "score_bps",
        "idea_at_ns",
        "expires_at_ns",
    ):
        if type(getattr(proposal, field)) is not int:
            yield field
    targets, features = proposal.targets, proposal.features
    is_short = type(targets) is tuple and 1 <= len(targets) <= TARGETS_MAX
    if not (is_short and all(_is_target(target) for target in targets)):
        yield "targets"
    is_short = type(features) is tuple and len(features) <= FEATURES_MAX
    if not (is_short and all(_is_feature(feature) for feature in features)):
        yield "features"


def _is_target(target: object) -> bool:
    return (
        type(target) is Target and type(target.price_paise) is int and type(target.share_bps) is int
    )


def _is_feature(feature: object) -> bool:
    return (
        type(feature) is Feature
        and type(feature.name) is str
        and 0 < len(feature.name) <= TEXT_CHARS_MAX
        and type(feature.value_e4) is int
        and abs(feature.value_e4) <= _BOUND
    )


def _check_prices(proposal: Proposal, tick_paise: int) -> Refusal | None:
    sign, limit, stop = proposal.side.sign, proposal.price_limit_paise, proposal.price_stop_paise
    steps = (stop, limit, *(target.price_paise for target in proposal.targets))
    for price in steps:
        if not 0 < price <= PRICE_PAISE_MAX:
            return _refusal("price_absurd", "a price", price, PRICE_PAISE_MAX)
        if price % tick_paise:
            return _refusal("off_tick", "a price is not on the grid", price, tick_paise)
    if not stop * sign < limit * sign:
        return _refusal("stop_wrong_side", "the stop is not on the losing side", stop)
    if not all(a * sign < b * sign for a, b in pairwise(steps[1:])):
        return _refusal("target_wrong_side", "targets must rise away from the limit")
    if not all(target.share_bps > 0 for target in proposal.targets):
        return _refusal("shares_wrong", "a share is not above 0")
    shares = sum(target.share_bps for target in proposal.targets)
    if shares != BPS:
        return _refusal("shares_wrong", "shares do not add up", shares, BPS)
    if not 0 <= proposal.trail_paise <= limit:
        return _refusal("trail_wrong", "the trail is not a distance", proposal.trail_paise, limit)
    if not 0 <= proposal.score_bps <= BPS:
        return _refusal("score_wrong", "the score is no share", proposal.score_bps, BPS)
    return None


def _check_times(proposal: Proposal, now_ns: int) -> Refusal | None:
    idea, expires = proposal.idea_at_ns, proposal.expires_at_ns
    if not expires > now_ns:
        return _refusal("expired", "expired before it was proposed", expires - now_ns)
    if not expires <= now_ns + ENTRY_LIFE_NS_MAX:
        return _refusal("life_too_long", "expires too late", expires - now_ns, ENTRY_LIFE_NS_MAX)
    if not 0 <= now_ns - idea <= IDEA_AGE_NS_MAX:
        return _refusal("idea_time_wrong", "old or of the future", now_ns - idea, IDEA_AGE_NS_MAX)
    return None


def _shown(text: object) -> str:
    """A text of unknown origin for the operator: its type if it is none, cut if it is long."""
    return text[:TEXT_CHARS_MAX] if type(text) is str else type(text).__name__[:TEXT_CHARS_MAX]


def _refusal(rule: str, why: str, measured: int = 0, limit: int = 0) -> Refusal:
    measured = max(-_BOUND, min(_BOUND, measured))
    return Refusal(rule=rule, measured=measured, limit=limit, why=why)
