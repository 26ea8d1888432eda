"""Fills that were booked from an order row before any trade of them was heard of.

Decides how such a fill is named. The trades that it stands for come later and have other ids.
"""

from typing import Final

from engine.messages.records import OrderFilled

SYNTHETIC: Final = "syn-"


def is_synthetic(fill: OrderFilled) -> bool:
    """True for a fill that stands for trades still to come."""
    return fill.trade_id.startswith(SYNTHETIC)
