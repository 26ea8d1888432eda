"""The guard's watch over the day's loss: warned of at 80 % of the limit, latched at all of it.

Decides when entries end for the day, and which prices cannot bring that about (so that the feeds
need not wake the guard for them). Refuses to know proposals. Stands beside guard.py because it is
the one thing the guard does by itself (CTL-46, INV-27).
"""

from actors.runtime.behaviour import Context
from actors.runtime.log import log_event
from actors.telling import Watching, alert, append
from engine.market.watching import ANY_PRICE, price_range
from engine.messages.control import Ceiling, CeilingMoved, FlattenOrdered
from engine.messages.market import Tick
from engine.messages.records import LatchChanged, RiskNoted
from engine.messages.values import Authority, Refusal
from engine.risk.account import LOSS_LATCH, Account
from engine.risk.headroom import quiet_bounds
from engine.risk.settings import RiskSettings

_WARN_TENTHS = 8


def note(ctx: Context, event: str, subject: str, refusal: Refusal) -> None:
    """Record what was measured against which limit."""
    append(
        ctx,
        RiskNoted(
            at_ns=ctx.now_ns(),
            event=event,
            subject=subject,
            measured=refusal.measured,
            limit=refusal.limit,
            why=refusal.why,
        ),
    )


def move_ceiling(ctx: Context, owner: str, scope: str, authority: Authority, reason: str) -> None:
    """Tell the authority of a ceiling of ours."""
    ceiling = Ceiling(owner=owner, scope=scope, authority=authority, reason=reason)
    ctx.send("authority", CeilingMoved(ceiling=ceiling, at_ns=ctx.now_ns()))


class LossWatch:
    """See the module.

    Args:
        can_rest: False while somebody wants to see each move of the P&L.
    """

    def __init__(
        self, ctx: Context, account: Account, settings: RiskSettings, *, can_rest: bool
    ) -> None:
        self._ctx, self._account = ctx, account
        self._limit = settings.loss_day_paise_max
        self._can_rest = can_rest
        self._is_warned = False
        self._watching = Watching(ctx)
        self._bounds: dict[str, tuple[int, int]] = {}
        self._book = account.guarded_book()

    def follow_book(self) -> None:
        """Look again if it is another book now whose losses count."""
        if self._account.guarded_book() is not self._book:
            self.look()

    def on_tick(self, tick: Tick) -> None:
        """Look, unless all prices lie inside bounds that were found safe."""
        bounds = self._bounds.get(tick.instrument)
        if bounds is not None and self._can_rest:
            lowest, highest = price_range(tick)
            if bounds[0] < lowest and highest < bounds[1]:
                return
        self.look()

    def look(self) -> None:
        """Compare the day's loss with its limit."""
        account, limit = self._account, self._limit
        if account.is_loss_latched:
            self._bounds = {}
            return
        self._book = account.guarded_book()
        loss = -account.pnl_day(self._book).total_paise
        if loss >= limit:
            account.is_loss_latched = True
            self.latch(is_set=True, why=f"loss of {loss} paise reached the limit of {limit}")
            alert(self._ctx, "critical", "loss_day_reached", "account", f"{loss} of {limit} paise")
            self.stop_entries()
        elif loss * 10 >= limit * _WARN_TENTHS and not self._is_warned:
            self._is_warned = True
            why = "80 % of the daily loss limit"
            refusal = Refusal(rule="loss_day", measured=loss, limit=limit, why=why)
            note(self._ctx, "loss_day_near", "account", refusal)
            alert(self._ctx, "warning", "loss_day_near", "account", f"{loss} of {limit} paise")
        self._arrange(loss)

    def rest(self, instrument: str) -> None:
        """Let the feed know which prices of the instrument do not matter."""
        if self._can_rest:
            self._watching.rest(instrument, self._bounds.get(instrument, ANY_PRICE))

    def start_day(self, *, was_latched: bool) -> None:
        """A new trading day: the latch falls, the warning is due again."""
        self._is_warned = False
        if was_latched:
            self.latch(is_set=False, why="a new trading day")
            move_ceiling(self._ctx, "account", "", Authority.FULL, "a new trading day")
        self.look()

    def stop_entries(self) -> None:
        """Entries end, positions go."""
        move_ceiling(self._ctx, "account", "", Authority.REDUCE, LOSS_LATCH)
        flatten = FlattenOrdered(scope="", reason=LOSS_LATCH, at_ns=self._ctx.now_ns())
        self._ctx.send("custodian", flatten)

    def latch(self, *, is_set: bool, why: str) -> None:
        """Set or release the latch of the day's loss, durably."""
        log_event("latch_changed", "WARNING", latch=LOSS_LATCH, is_set=is_set, why=why)
        now_ns, by = self._ctx.now_ns(), self._ctx.name
        append(
            self._ctx,
            LatchChanged(at_ns=now_ns, latch=LOSS_LATCH, is_set=is_set, reason=why, by=by),
        )

    def _arrange(self, loss: int) -> None:
        """Give each held instrument its share of the way to the next threshold."""
        if not self._can_rest:
            return
        account, before = self._account, self._bounds
        threshold = self._limit if self._is_warned else self._limit * _WARN_TENTHS // 10
        self._bounds = {}
        if not account.is_loss_latched:
            ledger, ticks, room = account.ledger, account.ticks, threshold - loss
            self._bounds = quiet_bounds(ledger, self._book, ticks, room, before)
        for instrument in {**before, **self._bounds}:
            self.rest(instrument)
