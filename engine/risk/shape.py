"""Whether a proposal can be read at all: every field has its type and a sane range (BAD-63).

Decides on types and ranges of outside input; every later rule relies on whole, sane numbers.
Refuses to know the account. Stands alone because a strategy is foreign code: a float, None, NaN
or a list may stand in any field.
"""

from typing import Any

from engine.limits import FEATURES_MAX, PRICE_PAISE_MAX, TARGETS_MAX, TEXT_CHARS_MAX
from engine.messages.signals import EntryProposed
from engine.messages.values import Feature, Refusal, Side, Target
from engine.risk.settings import RiskSettings
from engine.risk.view import RiskView
from engine.units import BPS


def refuse(rule: str, measured: int, limit: int, why: str) -> Refusal:
    """A refusal as a value."""
    return Refusal(rule=rule, measured=measured, limit=limit, why=why)


def is_whole(value: Any, low: int, high: int) -> bool:  # noqa: ANN401 - outside input
    """True for an int (no bool, no float, no None) within the bounds."""
    return type(value) is int and low <= value <= high


def is_text(value: Any) -> bool:  # noqa: ANN401 - outside input
    return isinstance(value, str) and 0 < len(value) <= TEXT_CHARS_MAX


def shape(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """Every field has its type and a sane range (BAD-63)."""
    del view, settings
    texts = (proposal.signal_id, proposal.strategy, proposal.instrument)
    prices = (proposal.price_limit_paise, proposal.price_stop_paise)
    times = (proposal.at_ns, proposal.expires_at_ns)
    checks = (
        all(is_text(text) for text in texts),
        isinstance(proposal.side, Side),
        all(is_whole(price, 1, PRICE_PAISE_MAX) for price in prices),
        is_whole(proposal.trail_paise, 0, PRICE_PAISE_MAX),
        all(is_whole(at_ns, 1, 2**63 - 1) for at_ns in times),
        is_whole(proposal.strategy_generation, 1, 2**31),
        is_whole(proposal.score_bps, -(2**31), 2**31),
        _are_features(proposal.features),
        _are_targets(proposal.targets),
    )
    broken = checks.count(False)
    return None if broken == 0 else refuse("shape", broken, 0, "a field is not what it must be")


def _are_targets(targets: Any) -> bool:  # noqa: ANN401 - outside input
    return (
        isinstance(targets, tuple)
        and len(targets) <= TARGETS_MAX
        and all(
            isinstance(target, Target)
            and is_whole(target.price_paise, 1, PRICE_PAISE_MAX)
            and is_whole(target.share_bps, 1, BPS)
            for target in targets
        )
    )


def _are_features(features: Any) -> bool:  # noqa: ANN401 - outside input
    return (
        isinstance(features, tuple)
        and len(features) <= FEATURES_MAX
        and all(
            isinstance(feature, Feature)
            and is_text(feature.name)
            and is_whole(feature.value_e4, -(2**62), 2**62)
            for feature in features
        )
    )
