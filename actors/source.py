"""The pace-maker of a recorded, generated or replayed market.

Decides when a frame is due: when the market clock reaches its time. Refuses to look into ticks.
Under a virtual clock this drives a backtest at full speed, under a time-lapse clock the same
frames come in step. Bounded work per turn, so control messages are never far behind.
"""

from collections.abc import Iterator

from actors.runtime.behaviour import Behaviour, Context, Opening
from engine.market.source import FrameSource, SourceItem, due_ns
from engine.messages.base import Message
from engine.messages.market import FeedEnded
from engine.messages.supervision import TimerFired

FRAMES_TURN_MAX = 64
_DUE = TimerFired(key="due")


class SourceBehaviour(Behaviour):
    """Plays a source from the present market time on.

    Args:
        target: receives frames, blocks and the final `FeedEnded`.
    """

    def __init__(self, source: FrameSource, target: str = "market") -> None:
        self._source = source
        self._target = target
        self._items: Iterator[SourceItem] = iter(())
        self._next: SourceItem | None = None
        self._due_ns = 0

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._items = self._source.items(ctx.now_ns())
        self._next = next(self._items, None)
        if self._next is not None:
            self._due_ns = due_ns(self._next)
        self._arrange()
        return Opening.READY

    def receive(self, message: Message) -> None:
        if message is not _DUE:
            super().receive(message)
        ctx, target = self.ctx, self._target
        now_ns, hand, skip_to = ctx.now_ns(), ctx.hand, ctx.skip_to
        items, item, item_due_ns = self._items, self._next, self._due_ns
        for _ in range(FRAMES_TURN_MAX):
            if item is None:
                break
            if item_due_ns > now_ns:
                if not skip_to(item_due_ns):
                    break
                now_ns = item_due_ns
            hand(target, item)
            item = next(items, None)
            if item is not None:
                item_due_ns = due_ns(item)
        self._next, self._due_ns = item, item_due_ns
        self._arrange()

    def _arrange(self) -> None:
        if self._next is None:
            rejected = tuple(sorted(self._source.rows_rejected.items()))
            self.ctx.send(self._target, FeedEnded(rows_rejected=rejected))
        else:
            self.ctx.timer_at("due", self._due_ns, _DUE)
