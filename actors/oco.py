"""The actor of one OCO group: reads its past, hears its facts, records its intents.

Decides nothing about orders (engine/orders/oco.py does); it keeps the order of things: an intent
goes to the journal and nowhere else, and only what is in the journal changes the group. Its own
records are applied when they are sent, because the journal takes one sender's appends in order.
If one of them stays without any echo it reads its past again: what is not there was never sent, but
for what it sent behind the question.
"""

from typing import Final, assert_never

from msgspec.structs import replace

from actors.journaled import JournalCursor
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.telling import Watching, append
from engine.instruments import Instrument
from engine.limits import GROUP_ENDED
from engine.market.watching import ANY_PRICE, NO_PRICE
from engine.messages.base import Message
from engine.messages.control import AlertRaised, EntriesCancelled, FlattenOrdered
from engine.messages.journal import AppendRefused, Journaled, Replayed
from engine.messages.market import FeedsCalled, MarketWatch, PhaseChanged, Tick
from engine.messages.records import GroupClosed, GroupOpened, IntentPlanned, Record
from engine.messages.signals import ExitAdvised, TradePlan
from engine.messages.supervision import ChildExited, ExitKind, TimerFired
from engine.orders.oco import decide
from engine.orders.oco_draft import Notice, Wake
from engine.orders.oco_plan import is_market_free
from engine.orders.oco_state import Group, OcoSettings, evolve, fold
from engine.orders.oco_view import View, observe
from engine.orders.oco_want import Situation
from engine.orders.order import Status
from engine.units import NS_PER_S

DOUBT_NS: Final = 60 * NS_PER_S
REFUSED_PAUSE_NS: Final = NS_PER_S
CLOSING_DOUBT_NS: Final = 5 * NS_PER_S
NOTICE_EVERY_NS: Final = 60 * NS_PER_S
_DOUBT: Final = "doubt"


class OcoActor(Behaviour):
    """Behaviour `oco/<group_id>`.

    Args:
        plan: the approved trade; the same for every generation.
        preface: records that the guard wants in front of GroupOpened, in the same append.
    """

    def __init__(
        self,
        plan: TradePlan,
        instrument: Instrument,
        settings: OcoSettings,
        preface: tuple[Record, ...] = (),
    ) -> None:
        assert instrument.name == plan.instrument
        self._plan = plan
        self._instrument = instrument
        self._settings = settings
        self._preface = preface
        self._noticed_mono_ns: dict[str, int] = {}
        self._sent_since: list[Record] = []
        self._is_recovered = False
        self._is_closing = False
        self._is_refused = False
        self.group = Group(plan=plan)

    def open(self, ctx: Context) -> Opening:
        self.ctx = ctx
        self._looked_at_ns = ctx.now_ns()
        self._view = View(
            owner=ctx.name, generation=ctx.generation, clock_from_ns=self._looked_at_ns
        )
        self._reader = JournalCursor(ctx, self._plan.group_id)
        self._watching = Watching(ctx)
        self._watch_market(is_on=True)
        if self._preface and ctx.generation == 1:
            # Just approved, so there is no past: the journal would answer with nothing, and refuse
            # the opening if it knew the plan after all.
            self._is_recovered = True
            self._act()
            return Opening.READY
        return self._reader.request()

    def receive(self, message: Message) -> None:
        match message:
            case Replayed():
                self._recover(message)
            case Journaled():
                record = self._reader.fresh(message)
                if record is not None:
                    self._learn(record)
            case Tick() | ExitAdvised() | FlattenOrdered() | EntriesCancelled() | PhaseChanged():
                self._view = observe(self.group, self._view, message)
                self._act()
            case FeedsCalled():
                self._watch_again()
                self._act()
            case AppendRefused():
                self._refused(message)
            case TimerFired(key=key):
                if key == _DOUBT:
                    self._doubt()
                else:
                    self._act()
            case _:
                super().receive(message)

    def close(self, reason: str) -> None:
        self._watch_market(is_on=False)

    def _recover(self, message: Replayed) -> None:
        records = self._reader.replayed(message)
        if records is None:
            return
        late = (record for record in self._sent_since if record not in records)
        self.group = fold(self._plan, (*records, *late))
        self._sent_since.clear()
        if self._is_refused and not self.group.is_opened:
            self.ctx.stop("the journal refused the group")
            return
        self._is_refused = False
        if not self._is_recovered:
            self._is_recovered = True
            self.ctx.ready()
        self._finish_or_act()

    def _learn(self, record: Record) -> None:
        """Take a fact, or an exit adopted for us; our own intents come back to others only, and
        are applied already."""
        if isinstance(record, GroupOpened):
            return
        if not self._view.price_paise:
            self._watch_again()
        self.group = evolve(self.group, record)
        if isinstance(record, GroupClosed):
            self._is_closing = False
        self._finish_or_act()

    def _finish_or_act(self) -> None:
        group = self.group
        if group.is_closed and group.position == 0 and not group.live:
            ended = ChildExited(
                name=self.ctx.name,
                generation=self.ctx.generation,
                kind=ExitKind.NORMAL,
                reason=GROUP_ENDED,
            )
            self.ctx.send("custodian", ended)
            self.ctx.stop(GROUP_ENDED)
        else:
            self._act()

    def _act(self) -> None:
        if not self._is_recovered or self._is_closing or self._is_refused:
            return
        now_ns = self.ctx.now_ns()
        if now_ns < self._looked_at_ns:
            self._view = replace(self._view, clock_from_ns=now_ns)
        self._looked_at_ns = now_ns
        at = Situation(
            group=self.group,
            view=self._view,
            instrument=self._instrument,
            settings=self._settings,
            now_ns=now_ns,
        )
        records: list[Record] = []
        for output in decide(at):
            match output:
                case GroupOpened() | IntentPlanned() | GroupClosed():
                    records.append(output)
                case Wake():
                    self.ctx.timer_at(output.key, output.at_ns, TimerFired(key=output.key))
                case Notice():
                    self._notify(output)
                case _:
                    assert_never(output)
        if records:
            self._append(tuple(records))
            return  # what it leads to is looked at when it is told
        bounds = ANY_PRICE if is_market_free(at) else NO_PRICE
        self._watching.rest(self._plan.instrument, bounds)

    def _append(self, records: tuple[Record, ...]) -> None:
        is_first = not self.group.is_opened
        append(self.ctx, *(self._preface if is_first else ()), *records)
        for record in records:
            if isinstance(record, GroupClosed):
                self._is_closing = True  # the group is closed when the journal says so
            else:
                self.group = evolve(self.group, record)
                if self._reader.is_waiting:
                    self._sent_since.append(record)
        delay_ns = CLOSING_DOUBT_NS if self._is_closing else DOUBT_NS
        self.ctx.timer_after(_DOUBT, delay_ns, TimerFired(key=_DOUBT))

    def _refused(self, message: AppendRefused) -> None:
        """Nothing of an append of ours happened: read again what did, after a pause. A group that
        was never recorded ends; the guard has been told as well."""
        if message.sender_generation == self.ctx.generation:
            self._is_refused = True
            self.ctx.timer_after(_DOUBT, REFUSED_PAUSE_NS, TimerFired(key=_DOUBT))

    def _doubt(self) -> None:
        """An append without any echo for long: ask the journal what it has of us."""
        is_silent = any(
            order.status is Status.PLANNED or order.is_busy for order in self.group.orders
        )
        if is_silent or self._is_closing or self._is_refused:
            self._is_closing = False
            self._reader.request()
            self.ctx.timer_after(_DOUBT, DOUBT_NS, TimerFired(key=_DOUBT))

    def _notify(self, notice: Notice) -> None:
        """Tell a person, and look once more a minute later: what lasts is told again, though
        nothing else may wake us."""
        mono_ns = self.ctx.mono_ns()
        last_ns = self._noticed_mono_ns.get(notice.event)
        if last_ns is not None and mono_ns - last_ns < NOTICE_EVERY_NS:
            return
        self._noticed_mono_ns[notice.event] = mono_ns
        self.ctx.timer_after(notice.event, NOTICE_EVERY_NS, TimerFired(key=notice.event))
        self.ctx.send(
            "alerts",
            AlertRaised(
                severity=notice.severity,
                event=notice.event,
                subject=self._plan.group_id,
                text=notice.text,
                at_ns=self.ctx.now_ns(),
            ),
        )

    def _watch_again(self) -> None:
        """Nobody may have heard what we watch: the market was not there."""
        self._watching.forget()
        self._watch_market(is_on=True)

    def _watch_market(self, *, is_on: bool) -> None:
        self.ctx.send(
            "market",
            MarketWatch(instrument=self._plan.instrument, reader=self.ctx.name, is_on=is_on),
        )
