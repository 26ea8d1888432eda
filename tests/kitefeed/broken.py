"""A feed whose ticker is broken in a callback on the socket's thread."""

from collections.abc import Mapping
from typing import Any

from actors.brokers.kite.credentials import Credentials
from actors.feeds.kite.feed import KiteFeed
from actors.feeds.kite.plan import FeedPlan, Slot, Ticker
from actors.feeds.kite.ticker import RawTicker
from actors.runtime.behaviour import Context


class BrokenTicker(RawTicker):
    def _on_open(self, ws: Any) -> None:
        raise ValueError("the callback is broken")


def make_with_a_failing_callback(*, root: str, names: dict[str, str], **_: object) -> KiteFeed:
    def broken(
        login: Credentials, plan: FeedPlan, names: Mapping[int, str], slot: Slot, ctx: Context
    ) -> Ticker:
        ticker: Ticker = BrokenTicker(login, plan.root, {}, slot, (ctx.now_ns, ctx.mono_ns))
        return ticker

    fixed = {int(token): name for token, name in names.items()}
    return KiteFeed(FeedPlan(root=root), lambda _: fixed, broken)
