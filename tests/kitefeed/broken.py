"""A feed whose ticker is broken in a callback on the socket's thread."""

from typing import Any

from actors.brokers.kite.credentials import Credentials
from actors.feeds.kite.feed import FeedPlan, KiteFeed, Ticker
from actors.feeds.kite.ticker import RawTicker, Slot
from actors.runtime.behaviour import Context


class BrokenTicker(RawTicker):
    def _on_open(self, ws: Any) -> None:
        raise ValueError("the callback is broken")


def make_with_a_failing_callback(*, root: str, names: dict[str, str], **_: object) -> KiteFeed:
    def broken(login: Credentials, plan: FeedPlan, slot: Slot, ctx: Context) -> Ticker:
        ticker: Ticker = BrokenTicker(login, plan.root, {}, slot, (ctx.now_ns, ctx.mono_ns))
        return ticker

    plan = FeedPlan(root=root, names={int(t): n for t, n in names.items()})
    return KiteFeed(plan, broken)
