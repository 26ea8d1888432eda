"""Feeds that something is wrong with: a callback on the socket's thread, the pace, the day."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

from actors.brokers.kite.credentials import Credentials
from actors.feeds.kite.feed import KiteFeed
from actors.feeds.kite.maker import plan_of
from actors.feeds.kite.plan import FeedPlan, FrameCame, Slot, Ticker, names_from_table
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


class SlowFeed(KiteFeed):
    def _on_frame(self, payload: bytes, event: FrameCame) -> None:
        Event().wait(0.01)
        super()._on_frame(payload, event)


def make_with_a_slow_reader(*, names: dict[str, str], **plan: Any) -> KiteFeed:
    fixed = {int(token): name for token, name in names.items()}
    return SlowFeed(plan_of(plan), lambda _: fixed)


def make_on_a_day(
    *, day: str, table: str, wanted: list[str], names: object, **plan: Any
) -> KiteFeed:
    """A feed by the list on disk, whatever the wall clock says of today."""
    listed = names_from_table(Path(table), tuple(wanted))
    return KiteFeed(plan_of(plan), lambda _: listed(day))
