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
        self._advance()
        self._arrange()
        return Opening.READY

    def receive(self, message: Message) -> None:
        if message is not _DUE:
            super().receive(message)
        now_ns, hand, target = self.ctx.now_ns(), self.ctx.hand, self._target
        for _ in range(FRAMES_TURN_MAX):
            if self._next is None:
                break
            if self._due_ns > now_ns:
                if not self.ctx.skip_to(self._due_ns):
                    break
                now_ns = self._due_ns
            hand(target, self._next)
            self._advance()
        self._arrange()

    def _advance(self) -> None:
        self._next = item = next(self._items, None)
        if item is not None:
            self._due_ns = due_ns(item)

    def _arrange(self) -> None:
        if self._next is None:
            rejected = tuple(sorted(self._source.rows_rejected.items()))
            self.ctx.send(self._target, FeedEnded(rows_rejected=rejected))
        else:
            self.ctx.timer_at("due", self._due_ns, _DUE)
