"""Whether the account's money bears one more entry, by the broker's own figures.

Decides on what the broker says the order blocks and what is free, with a cushion for what the
market does in between. Refuses to estimate: the guard does that before (its capital and margin
share); this is the last look, and without figures the answer is no. Exits are never asked.

Source: Kite's order margins consider neither funds nor other queued orders (forum, 2026-11).
"""

from engine.messages.values import Refusal
from engine.units import BPS

RULE = "margin"
UNKNOWN = "margin_unknown"


def margin_refusal(needed_paise: int, free_paise: int, cushion_bps: int) -> Refusal | None:
    """Why the entry may not leave, None if it may.

    Args:
        needed_paise: what the order blocks; a margin that is not positive is none.
        free_paise: the buying power left.
        cushion_bps: the share of it that stays untouched, 0 to 10,000.
    """
    assert 0 <= cushion_bps <= BPS
    usable = free_paise * (BPS - cushion_bps) // BPS
    if not needed_paise > 0:
        return Refusal(rule=UNKNOWN, measured=needed_paise, limit=usable, why="no margin was told")
    if needed_paise <= usable:
        return None
    return Refusal(rule=RULE, measured=needed_paise, limit=usable, why="the broker's free margin")
