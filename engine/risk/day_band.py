"""The exchange's price band of the day: whether every order of a trade could stand in it.

Decides on the entry's limit, its stop and its targets. Refuses to clamp: a stop at another place is
another trade. Stands alone because a stop beyond the band is taken by nobody, and the position
would stand without it on the very day on which it matters.

Source: orders outside lower_circuit_limit to upper_circuit_limit are rejected; the band of a share
with derivatives may widen in the day, so that this one errs on the narrow side (2026-11).
"""

from engine.messages.signals import EntryProposed
from engine.messages.values import Refusal
from engine.risk.settings import RiskSettings
from engine.risk.shape import refuse
from engine.risk.view import RiskView


def day_band(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """Passes where the band is not known (0): the distance from the last price still counts."""
    del settings
    spec = view.instrument
    assert spec is not None
    targets = (target.price_paise for target in proposal.targets)
    prices = (proposal.price_limit_paise, proposal.price_stop_paise, *targets)
    low, high = min(prices), max(prices)
    if spec.band_low_paise and not low >= spec.band_low_paise:
        return refuse("day_band", low, spec.band_low_paise, "below the day's price band")
    if spec.band_high_paise and not high <= spec.band_high_paise:
        return refuse("day_band", high, spec.band_high_paise, "above the day's price band")
    return None
