"""The writer: the one room that holds the broker.

Decides nothing of its own: the gate (engine/risk/gate.py) judges each durable intent, the writer
sends, queues or denies it and forwards every report to the watcher. Refuses to resend: intents
found in the replayed past are never sent again, whatever became of them; adoptions never are. A
writer that was given up and wakes sends nothing (INV-06): its successor answers for the broker.
Stands alone because this is the last place where an order can be stopped.

Receives Journaled, Replayed, AuthorityChanged, GenerationFenced, Tick, SnapshotRequested,
StreamHinted and TimerFired. Sends IntentAnswered, OrderReport, TradeReport and StreamHinted to
"watcher", BrokerSnapshot to "watcher" and "reconciler", RecoveryDone and CeilingMoved (the account)
to "authority", AlertRaised to "alerts".
"""

from collections import deque
from collections.abc import Mapping
from typing import assert_never

from actors.account_watch import AccountWatch
from actors.brokers.port import BrokerPort, HearingBroker, QuietBroker, Report, merged_books
from actors.first_look import FirstLook
from actors.give_way import give_way
from actors.journaled import JournalReader, with_facts_owed
from actors.live_entries import LiveEntries
from actors.runtime.behaviour import Context, Opening
from actors.runtime.log import log_event
from actors.telling import Watching
from engine.instruments import Instrument
from engine.limits import EXITS_QUEUED_MAX
from engine.messages.base import Message
from engine.messages.broker import Outcome, SnapshotRequested, StreamHinted
from engine.messages.control import AuthorityChanged, GenerationFenced, RecoveryDone
from engine.messages.journal import Replayed
from engine.messages.market import PhaseChanged, Tick
from engine.messages.records import IntentPlanned, Record
from engine.messages.supervision import TimerFired
from engine.messages.values import Action, Book, Leg, Refusal, SessionPhase
from engine.orders.answer import answered
from engine.risk.gate import Gate, GateCaps, Verdict

_RATE_TIMER = "rate"


class WriterBehaviour(JournalReader):
    """See the module.

    Args:
        brokers: one adapter a book; an intent of another book is denied.
        instruments: the tradable names; an entry in any other is denied.
        caps: the writer's own fat-finger caps.
        entries: asked before a live entry leaves; None: the live book is no real one.
    """

    def __init__(
        self,
        *,
        brokers: Mapping[Book, BrokerPort],
        instruments: tuple[Instrument, ...],
        caps: GateCaps,
        entries: LiveEntries | None = None,
    ) -> None:
        assert brokers
        self._brokers = dict(brokers)
        self._gate = Gate(caps, {spec.name: spec.multiplier for spec in instruments})
        self._first_look = FirstLook(self._brokers, self._gate)
        self._quiet = tuple(b for b in brokers.values() if isinstance(b, QuietBroker))
        self._waiting: deque[IntentPlanned] = deque()
        self._is_live, self._is_real = False, Book.LIVE in brokers
        self._entries = entries

    def open(self, ctx: Context) -> Opening:
        self._watching = Watching(ctx)
        self._account = AccountWatch(ctx, self._brokers)
        give_way(ctx, self._brokers, self._is_drain_due)
        opening = super().open(ctx)
        if self._is_real:
            self._gate.rate.take_all(self._rate_ns())  # another generation may have sent just now
        return opening

    def receive(self, message: Message) -> None:
        match message:
            case Tick():
                self._tick(message)
            case AuthorityChanged():
                self._gate.authorise(message)
            case GenerationFenced():
                self._gate.fence(message.name, message.generation)
            case SnapshotRequested():
                self._snapshot(message)
            case StreamHinted():
                self._hear(message)
            case PhaseChanged():
                self._phase(message)
            case TimerFired():
                self._drain()
            case Replayed():
                if not self._is_live:
                    self._recover_brokers(with_facts_owed(message))
                super().receive(message)
            case _:
                super().receive(message)

    def _phase(self, changed: PhaseChanged) -> None:
        if changed.phase is SessionPhase.CLOSED:
            for broker in self._brokers.values():
                broker.end_day()

    # -- the past and the journal ---------------------------------------------------------

    def _recover_brokers(self, records: tuple[Record, ...]) -> None:
        for broker in self._brokers.values():
            broker.recover(records)

    def recovered(self) -> None:
        self._is_live = True
        ctx = self.ctx
        if self._entries is not None:
            self._entries.restore(ctx.now_ns())
        done = RecoveryDone(part=ctx.name, at_ns=ctx.now_ns(), generation=ctx.generation)
        self.ctx.send("authority", done)

    def fold(self, record: Record) -> None:
        if self._is_live and isinstance(record, IntentPlanned) and not record.is_adopted:
            self._take(record)
        else:
            self._gate.fold(record)
            if self._entries is not None and not self._is_live:
                self._entries.fold(record)

    def _take(self, intent: IntentPlanned) -> None:
        is_entry = intent.leg is Leg.ENTRY and intent.action is not Action.CANCEL
        if self._waiting and not is_entry:
            self._wait(intent)
        else:
            self._pass(intent)

    def _pass(self, intent: IntentPlanned) -> bool:
        """Judge and act. False: the intent must wait for the rate budget."""
        if self._first_look.has_left(intent, self.ctx):
            return True
        tick = self._gate.ticks.get(intent.instrument)
        mark = tick.price_paise if tick is not None else 0
        verdict = self._gate.judge(intent, mark, self.ctx.now_ns(), self._rate_ns())
        match verdict:
            case Refusal():
                self._deny(intent, verdict)
            case Verdict.SEND:
                refusal = self._entry_refusal(intent, mark)
                if refusal is None:
                    self._send(intent)
                else:
                    self._deny(intent, refusal)
            case Verdict.WAIT:
                self._wait(intent)
                return False
            case _:
                assert_never(verdict)
        return True

    def _entry_refusal(self, intent: IntentPlanned, mark: int) -> Refusal | None:
        if self._entries is None:
            return None
        broker = self._brokers.get(Book.LIVE)
        return self._entries.refusal(intent, mark, self.ctx.now_ns(), broker)

    def _wait(self, intent: IntentPlanned) -> None:
        if not len(self._waiting) < EXITS_QUEUED_MAX:
            self._deny(intent, _refusal("queue", len(self._waiting), EXITS_QUEUED_MAX))
            return
        self._waiting.append(intent)
        timer = TimerFired(key=_RATE_TIMER)
        next_ns = self._gate.rate.next_at_ns(self._rate_ns())
        if self._is_real:
            self.ctx.timer_after(_RATE_TIMER, next_ns - self._rate_ns(), timer)
        else:
            self.ctx.timer_at(_RATE_TIMER, next_ns, timer)

    def _rate_ns(self) -> int:
        """A broker's second is a real one, however the wall clock is set; where every book is of
        paper it is one of market time, which time-lapse lets run faster."""
        return self.ctx.mono_ns() if self._is_real else self.ctx.now_ns()

    def _is_drain_due(self) -> bool:
        rate_ns = self._rate_ns()
        return bool(self._waiting) and self._gate.rate.next_at_ns(rate_ns) <= rate_ns

    def _drain(self) -> None:
        """There is budget again: send what waited, in order, but new targets last: a position can
        wait for its profit, not for its stop. What is left waits in front again."""
        waiting = deque(sorted(self._waiting, key=_is_new_target))
        self._waiting = deque()
        while waiting and self._pass(waiting.popleft()):
            pass
        self._waiting.extend(waiting)

    # -- the broker -----------------------------------------------------------------------

    def _send(self, intent: IntentPlanned) -> None:
        broker = self._brokers.get(intent.book)
        if broker is None:
            self._deny(intent, _refusal("book", 0, 0))
            return
        if self.ctx.is_void():  # the last instruction before the broker: it may have stood still
            log_event("order_withheld", "WARNING", intent_id=intent.intent_id)
            return
        self._gate.sent(intent)
        now_ns = self.ctx.now_ns()
        match intent.action:
            case Action.PLACE:
                answer = broker.place(intent, now_ns)
            case Action.MODIFY:
                answer = broker.modify(intent, now_ns)
            case Action.CANCEL:
                answer = broker.cancel(intent, now_ns)
            case _:
                assert_never(intent.action)
        self.ctx.send("watcher", answer)
        if self._entries is not None:
            self._entries.settle()
        self._gate.orders.report(answer)
        self._forward(broker.reports())
        self._account.look(intent.book)
        if self._account.was_limited(intent.book):  # nothing for a second: it covers its own
            self._gate.rate.take_all(self._rate_ns())
        self._rest(intent.instrument)

    def _forward(self, reports: tuple[Report, ...]) -> None:
        for report in reports:
            self._gate.orders.report(report)
            self.ctx.send("watcher", report)

    def _hear(self, hint: StreamHinted) -> None:
        """A frame of the order stream: what it says of an order goes to gate and watcher at once.
        A frame that says nothing we can read makes the watcher look into the books."""
        reports: tuple[Report, ...] = ()
        for broker in self._brokers.values():
            if hint.body and isinstance(broker, HearingBroker):
                broker.hear(hint.body)
                reports = (*reports, *broker.reports())
        self._forward(reports)
        if not reports:
            self.ctx.send("watcher", StreamHinted(body="", at_ns=hint.at_ns))

    def _deny(self, intent: IntentPlanned, refusal: Refusal) -> None:
        log_event(
            "order_denied",
            "WARNING",
            intent_id=intent.intent_id,
            rule=refusal.rule,
            measured=refusal.measured,
            limit=refusal.limit,
            why=refusal.why,
        )
        answer = answered(intent, Outcome.DENIED, self.ctx.now_ns(), refusal=refusal)
        self.ctx.send("watcher", answer)

    def _tick(self, tick: Tick) -> None:
        if self._gate.ticks.get(tick.instrument) is tick:
            return  # told again because we asked: the venue's depth must not be used up twice
        self._gate.ticks[tick.instrument] = tick
        for broker in self._brokers.values():
            broker.on_tick(tick, tick.at_ns)
            if reports := broker.reports():
                self._forward(reports)
        self._rest(tick.instrument)

    def _rest(self, instrument: str) -> None:
        """Let the feed know which ticks change nothing at any broker."""
        if len(self._quiet) == len(self._brokers):
            every = [broker.quiet_bounds(instrument) for broker in self._quiet]
            bounds = (max(low for low, _ in every), min(high for _, high in every))
            self._watching.rest(instrument, bounds)

    def _snapshot(self, request: SnapshotRequested) -> None:
        """The watcher gets a snapshot for each book that can be read, so that a venue that is away
        proves nothing about the other's orders; who compares gets all books or none."""
        now_ns = self.ctx.now_ns()
        read = []
        for book, broker in self._brokers.items():
            if request.book not in (None, book):
                continue
            one = broker.snapshot(request.request_id, now_ns)
            self._account.look(book)
            if one is None:
                continue
            assert one.book is book, f"the broker of {book} read the book {one.book}"
            self._gate.orders.read(one)
            self.ctx.send("watcher", one)
            read.append(one)
        if request.reader != "watcher" and len(read) == len(self._brokers):
            self.ctx.send(request.reader, merged_books(read))


def _is_new_target(intent: IntentPlanned) -> bool:
    return intent.action is Action.PLACE and intent.leg in (Leg.TARGET_1, Leg.TARGET_2)


def _refusal(rule: str, measured: int, limit: int) -> Refusal:
    why = {"queue": "too many exits wait", "book": "no broker serves this book"}[rule]
    return Refusal(rule=rule, measured=measured, limit=limit, why=why)
