"""Builds a feed in its own process from plain arguments.

Decides nothing but the shapes. Stands alone so that the engine's own process names these functions
without importing Twisted.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actors.feeds.kite.feed import KiteFeed
from actors.feeds.kite.plan import FeedPlan, names_from_table
from engine.market.kite_link import LinkLimits


def make(*, names: Mapping[str, str], **plan: Any) -> KiteFeed:  # noqa: ANN401 FeedPlan's fields
    """A feed of given tokens (decimal text, as keys of a map on the wire) and their names."""
    fixed = {int(token): name for token, name in names.items()}
    return KiteFeed(plan_of(plan), lambda _: fixed)


def make_from_table(*, table: str, wanted: Sequence[str], **plan: Any) -> KiteFeed:  # noqa: ANN401
    """A feed of named instruments, whose tokens the day's list on disk knows."""
    return KiteFeed(plan_of(plan), names_from_table(Path(table), tuple(wanted)))


def plan_of(fields: Mapping[str, Any]) -> FeedPlan:
    """The plan from its fields; `limits` as a map."""
    limits = LinkLimits(**fields.get("limits", {}))
    return FeedPlan(**{**fields, "limits": limits})
