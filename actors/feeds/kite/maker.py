"""Builds a feed in its own process from plain arguments.

Decides nothing but the shapes. Stands alone so that the engine's own process names these functions
without importing Twisted.
"""

from collections.abc import Mapping

from actors.feeds.kite.feed import FeedPlan, KiteFeed
from engine.market.kite_link import LinkLimits


def make(
    *,
    root: str,
    names: Mapping[str, str],
    limits: Mapping[str, int] | None = None,
    mode: str = "full",
    hint_to: str = "",
    ca_file: str = "",
) -> KiteFeed:
    """A feed of given tokens (decimal text, as keys of a map on the wire) and their names."""
    plan = FeedPlan(
        root=root,
        names={int(token): name for token, name in names.items()},
        limits=LinkLimits(**(limits or {})),
        mode=mode,
        hint_to=hint_to,
        ca_file=ca_file,
    )
    return KiteFeed(plan)
