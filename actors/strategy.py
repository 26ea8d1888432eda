"""The shell of a strategy: messages in, the plain class inside, its door out.

Decides what a strategy hears and in which order, above all when it starts in the middle of a day:
first the phase, then what the journal knows (own decisions, fills, closed groups), then the bars
of the day, and only then the present. Refuses to know what the strategy thinks. An exception of
the strategy ends this actor and nothing else; its positions are held elsewhere.

Receives Tick, BarClosed, FeedStateChanged, PhaseChanged, AuthorityChanged, EntryDecided, Journaled,
Replayed, TimerFired. Sends ReplayRequested to "journal", PhaseWanted to "calendar",
AuthorityWanted and CeilingMoved (storm) to "authority", EntryProposed to "guard", ExitAdvised to
"oco/<group>", AlertRaised to "alerts", ViewPublished to the console if one is named.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from actors.journaled import JournalCursor
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.log import log_event
from actors.strategy_door import TIMER_PREFIX, Door
from engine.authority import RELEASE_OWNER
from engine.instruments import Instrument
from engine.limits import VIEW_EVERY_NS
from engine.messages.base import Message
from engine.messages.control import AuthorityChanged, AuthorityWanted, ViewPublished
from engine.messages.journal import Journaled, Replayed
from engine.messages.market import BarClosed, FeedStateChanged, PhaseChanged, PhaseWanted, Tick
from engine.messages.records import GroupClosed, GroupOpened, OrderFilled, Record, SignalRecorded
from engine.messages.signals import EntryDecided
from engine.messages.supervision import TimerFired
from engine.messages.values import Authority, FeedState
from engine.strategies.base import Closed, Decided, Fill, Parameters, Strategy, View

History = Callable[[int], Iterable[BarClosed]]
"""The day's finished bars of the strategy's instruments and interval up to an instant, in order."""


def no_history(_now_ns: int) -> Iterable[BarClosed]:
    """Nothing is kept: indicators warm up on what comes."""
    return ()


class StrategyBehaviour(Behaviour):
    """Behaviour `strategy/<name>`; see the module.

    Args:
        kind, parameters: the class and its checked parameters.
        instruments: the only ones it may propose.
        history: where bars of the day come from at a start.
        console: name told of the view "strategies/<name>"; "" is nobody.
    """

    def __init__(
        self,
        kind: type[Strategy[Any]],
        parameters: Parameters,
        instruments: tuple[Instrument, ...],
        *,
        name: str,
        history: History = no_history,
        console: str = "",
    ) -> None:
        self._kind, self._parameters = kind, parameters
        self._instruments = instruments
        self._name = name
        self._history = history
        self._console = console
        self._phase: PhaseChanged | None = None
        self._past: tuple[Record, ...] | None = None
        self._is_view_due = False
        self._is_started = False

    def open(self, ctx: Context) -> Opening:
        super().open(ctx)
        self._door = Door(ctx, self._name, {item.name: item for item in self._instruments})
        self._strategy = self._kind(self._parameters, self._door)
        self._on_tick, self._on_bar = self._strategy.on_tick, self._strategy.on_bar
        self._cursor = JournalCursor(ctx)
        ctx.send("calendar", PhaseWanted(reader=ctx.name))
        ctx.send("authority", AuthorityWanted(reader=ctx.name))
        return self._cursor.request()

    def close(self, reason: str) -> None:
        if self._is_started:
            self._strategy.on_stop()

    def receive(self, message: Message) -> None:
        kind = type(message)
        if kind is Tick:
            self._on_tick(message)  # type: ignore[arg-type]
        elif kind is BarClosed:
            self._on_bar(message)  # type: ignore[arg-type]
        else:
            self._receive_rare(message)

    def _receive_rare(self, message: Message) -> None:
        match message:
            case FeedStateChanged():
                self._feed_state(message)
            case PhaseChanged():
                self._take_phase(message)
            case EntryDecided():
                self._decided(message)
            case Journaled():
                self._journaled(message)
            case AuthorityChanged():
                self._take_authority(message)
            case TimerFired():
                self._timer(message.key)
            case Replayed():
                self._replayed(message)
            case _:
                super().receive(message)

    # -- the start --------------------------------------------------------------------------

    def _replayed(self, replayed: Replayed) -> None:
        past = self._cursor.replayed(replayed)
        if past is not None:
            self._past = past
            self._begin()

    def _begin(self) -> None:
        """Tell the day so far, once the phase and the past are both known."""
        if self._is_started or self._phase is None or self._past is None:
            return
        now_ns = self._door.told_ns = self.ctx.now_ns()
        view = View(name=self._name, instruments=self._instruments, now_ns=now_ns)
        self._strategy.on_start(view)
        self._strategy.on_phase(self._phase)
        for record in self._past:
            self._door.told_ns = record.at_ns
            self._tell(record)
        self._past = ()
        self.warmup(self._history(now_ns))
        self._door.is_warm = self._is_started = True
        log_event("strategy_started", strategy=self._name, groups_open=len(self._door.groups))
        self.ctx.ready()
        self._changed()

    def warmup(self, bars: Iterable[BarClosed]) -> None:
        """Tell finished bars of the past, in order; nothing is proposed on them."""
        was_warm, self._door.is_warm = self._door.is_warm, False
        for bar in bars:
            self._door.told_ns = bar.end_at_ns
            self._on_bar(bar)
        self._door.is_warm = was_warm

    # -- facts ------------------------------------------------------------------------------

    def _journaled(self, journaled: Journaled) -> None:
        record = self._cursor.fresh(journaled)
        if record is not None:
            self._tell(record)
            self._changed()

    def _tell(self, record: Record) -> None:
        """One durable record; those of other strategies are none of ours."""
        match record:
            case SignalRecorded() if record.signal.strategy == self._name:
                self._door.seen.add(record.signal.signal_id)
            case GroupOpened() if record.plan.strategy == self._name:
                self._opened(record)
            case OrderFilled() if record.strategy == self._name:
                self._strategy.on_fill(
                    Fill(
                        group_id=record.group_id,
                        instrument=record.instrument,
                        leg=record.leg,
                        side=record.side,
                        price_paise=record.price_paise,
                        at_ns=record.at_ns,
                    )
                )
            case GroupClosed() if record.strategy == self._name:
                self._closed(record)
            case _:
                pass

    def _opened(self, opened: GroupOpened) -> None:
        plan = opened.plan
        if plan.group_id not in self._door.groups:
            self._door.groups[plan.group_id] = plan.instrument
            self._strategy.on_decision(
                Decided(
                    signal_id=plan.signal_id,
                    instrument=plan.instrument,
                    group_id=plan.group_id,
                    rule="",
                    at_ns=opened.at_ns,
                )
            )

    def _closed(self, closed: GroupClosed) -> None:
        self._door.groups.pop(closed.group_id, None)
        self._strategy.on_group_closed(
            Closed(
                group_id=closed.group_id,
                instrument=closed.instrument,
                reason=closed.reason,
                is_entered=closed.quantity_entered > 0,
                pnl_paise=closed.pnl_gross_paise,
                at_ns=closed.at_ns,
            )
        )

    def _decided(self, decided: EntryDecided) -> None:
        self._door.decided(decided)
        self._strategy.on_decision(
            Decided(
                signal_id=decided.signal_id,
                instrument=decided.instrument,
                group_id=decided.group_id,
                rule=decided.refusal.rule if decided.refusal is not None else "",
                at_ns=decided.at_ns,
            )
        )
        self._changed()

    def _take_phase(self, phase: PhaseChanged) -> None:
        before, self._phase = self._phase, phase
        if not self._is_started:
            self._begin()
            return
        if before is not None and before.trading_day != phase.trading_day:
            self._door.new_day()
        self._strategy.on_phase(phase)

    def _take_authority(self, changed: AuthorityChanged) -> None:
        """Paused: somebody holds this strategy or actor below FULL. The release ceiling does not
        count: it keeps a strategy on the paper book, where it trades."""
        scopes = (f"strategy:{self._name}", f"actor:{self.ctx.name}")
        paused_by = next(
            (
                f"{ceiling.owner}: {ceiling.reason}"
                for ceiling in changed.ceilings
                if ceiling.scope in scopes
                and ceiling.owner != RELEASE_OWNER
                and ceiling.authority < Authority.FULL
            ),
            "",
        )
        self._door.pause(paused_by)
        self._changed()

    def _feed_state(self, changed: FeedStateChanged) -> None:
        if changed.state is FeedState.FRESH:
            self._door.stale.discard(changed.instrument)
        else:
            self._door.stale.add(changed.instrument)

    def _timer(self, key: str) -> None:
        if key == "view":
            self._publish()
        elif key == "expiry":
            for answer in self._door.expired(self.ctx.now_ns()):
                self._decided(answer)
        else:
            assert key.startswith(TIMER_PREFIX)
            self._strategy.on_timer(self._door.timer_fired(key), self.ctx.now_ns())

    # -- telling ----------------------------------------------------------------------------

    def _changed(self) -> None:
        if self._console and not self._is_view_due:
            self._is_view_due = True
            self.ctx.timer_after("view", VIEW_EVERY_NS, TimerFired(key="view"))

    def _publish(self) -> None:
        self._is_view_due = False
        door = self._door
        view = {
            "strategy": self._name,
            "is_started": self._is_started,
            "paused_by": door.paused_by,
            "proposed": door.proposed_count,
            "refused": dict(sorted(door.refused.items())),
            "groups_open": sorted(door.groups),
            "stale": sorted(door.stale),
        }
        body = msgspec.json.encode(view).decode()
        topic = f"strategies/{self._name}"
        published = ViewPublished(topic=topic, body=body, at_ns=self.ctx.now_ns())
        self.ctx.send(self._console, published)
