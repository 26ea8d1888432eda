"""The door of a strategy: what it hands over is checked here before anybody hears of it.

Decides whether a proposal leaves: well formed, its own instrument, new, not too many a second, not
paused, feed fresh. Refuses risk decisions (the guard's). Stands alone because it is all that a
strategy can touch; each refusal is counted by rule, the first of a rule is reported.
"""

from collections import Counter
from collections.abc import Mapping

from actors.runtime.behaviour import Context
from actors.runtime.log import log_event
from engine.ids import signal_id
from engine.instruments import Instrument
from engine.limits import (
    DECISION_WAIT_NS,
    PROPOSALS_SECOND_MAX,
    SIGNALS_DAY_MAX,
    TEXT_CHARS_MAX,
    TIMERS_STRATEGY_MAX,
)
from engine.messages.control import AlertRaised, Ceiling, CeilingMoved
from engine.messages.signals import EntryDecided, EntryProposed, ExitAdvised
from engine.messages.supervision import TimerFired
from engine.messages.values import Authority, Refusal
from engine.strategies.base import Proposal
from engine.strategies.proposals import check_proposal
from engine.units import NS_PER_S

TIMER_PREFIX = "own:"
_EXPIRY = TimerFired(key="expiry")


class Door:
    """The `StrategyPort` of one strategy.

    `is_warm` False: the past is being told; proposals go nowhere and `now_ns` is the past's.
    `groups` are the open groups (id -> instrument), `stale` the instruments not to be entered.
    """

    def __init__(self, ctx: Context, name: str, instruments: Mapping[str, Instrument]) -> None:
        self._ctx = ctx
        self._name = name
        self._instruments = instruments
        self.is_warm = False
        self.told_ns = 0
        self.paused_by = ""
        self.groups: dict[str, str] = {}
        self.stale: set[str] = set()
        self.seen: set[str] = set()
        self.proposed_count = 0
        self.refused: Counter[str] = Counter()
        self._pending: dict[str, tuple[str, int]] = {}
        self._second = 0
        self._second_count = 0
        self._is_stormy = False
        self._timers: set[str] = set()

    # -- what the strategy may do -----------------------------------------------------------

    def now_ns(self) -> int:
        return self._ctx.now_ns() if self.is_warm else self.told_ns

    def propose(self, proposal: Proposal) -> str:
        if not self.is_warm:
            return ""
        now_ns = self._ctx.now_ns()
        refusal = self._flood(now_ns) or check_proposal(proposal, self._instruments, now_ns)
        if refusal is None:
            signal = signal_id(self._name, proposal.instrument, proposal.side, proposal.idea_at_ns)
            refusal = self._standing(signal, proposal.instrument)
        if refusal is not None:
            self._refuse(refusal, now_ns)
            return ""
        self._send(signal, proposal, now_ns)
        return signal

    def advise_exit(self, group_id: str, reason: str) -> bool:
        if not (type(group_id) is str and group_id in self.groups and self.is_warm):
            return False
        text = reason[:TEXT_CHARS_MAX] if type(reason) is str else "advised"
        advised = ExitAdvised(group_id=group_id, reason=text, at_ns=self._ctx.now_ns())
        self._ctx.send(f"oco/{group_id}", advised)
        return True

    def set_timer(self, key: str, at_ns: int) -> None:
        assert type(key) is str
        assert type(at_ns) is int
        assert len(key) <= TEXT_CHARS_MAX
        self._timers.add(key)
        assert len(self._timers) <= TIMERS_STRATEGY_MAX, "a strategy of more timers than the bound"
        full_key = TIMER_PREFIX + key
        self._ctx.timer_at(full_key, at_ns, TimerFired(key=full_key))

    # -- what the shell tells the door ------------------------------------------------------

    def decided(self, decided: EntryDecided) -> None:
        """An answer came: nothing waits for it any more."""
        self._pending.pop(decided.signal_id, None)
        if decided.group_id:
            self.groups[decided.group_id] = decided.instrument

    def timer_fired(self, key: str) -> str:
        """The strategy's own key of a fired timer."""
        own = key.removeprefix(TIMER_PREFIX)
        self._timers.discard(own)
        return own

    def expired(self, now_ns: int) -> list[EntryDecided]:
        """Refusals for proposals that nobody answered in time."""
        late = [
            signal
            for signal, (_, expires_ns) in self._pending.items()
            if expires_ns + DECISION_WAIT_NS <= now_ns
        ]
        answers = [self._unanswered(signal, now_ns) for signal in late]
        self._arrange_expiry()
        return answers

    def pause(self, by: str) -> None:
        """Stop proposing, or ('') go on; a storm after that is a new one."""
        self.paused_by = by
        self._is_stormy = self._is_stormy and bool(by)

    def new_day(self) -> None:
        """Ideas of another day cannot come again: their time is part of their identity."""
        self.seen.clear()

    # -- inside -----------------------------------------------------------------------------

    def _flood(self, now_ns: int) -> Refusal | None:
        second = now_ns // NS_PER_S
        if second != self._second:
            self._second, self._second_count = second, 0
        self._second_count += 1
        if self._second_count <= PROPOSALS_SECOND_MAX and len(self.seen) < SIGNALS_DAY_MAX:
            return None
        return Refusal(
            rule="proposal_storm",
            measured=self._second_count,
            limit=PROPOSALS_SECOND_MAX,
            why="too many proposals in a second or a day",
        )

    def _standing(self, signal: str, instrument: str) -> Refusal | None:
        if self.paused_by:
            return Refusal(rule="paused", measured=1, limit=0, why=self.paused_by)
        if signal in self.seen:
            return Refusal(rule="repeated", measured=2, limit=1, why="this idea was proposed")
        if instrument in self.stale:
            return Refusal(rule="feed_not_fresh", measured=1, limit=0, why=instrument)
        return None

    def _send(self, signal: str, proposal: Proposal, now_ns: int) -> None:
        self.seen.add(signal)
        self.proposed_count += 1
        self._pending[signal] = (proposal.instrument, proposal.expires_at_ns)
        self._arrange_expiry()
        self._ctx.send(
            "guard",
            EntryProposed(
                signal_id=signal,
                strategy=self._name,
                strategy_generation=self._ctx.generation,
                instrument=proposal.instrument,
                side=proposal.side,
                price_limit_paise=proposal.price_limit_paise,
                price_stop_paise=proposal.price_stop_paise,
                targets=proposal.targets,
                trail_paise=proposal.trail_paise,
                score_bps=proposal.score_bps,
                features=proposal.features,
                at_ns=now_ns,
                expires_at_ns=proposal.expires_at_ns,
            ),
        )

    def _refuse(self, refusal: Refusal, now_ns: int) -> None:
        self.refused[refusal.rule] += 1
        if refusal.rule == "proposal_storm":
            self._storm(refusal, now_ns)
        elif self.refused[refusal.rule] == 1:
            log_event("proposal_refused", "WARNING", strategy=self._name, rule=refusal.rule)
            if refusal.rule not in ("paused", "repeated", "feed_not_fresh"):
                self._alert("warning", "proposal_refused", refusal, now_ns)

    def _storm(self, refusal: Refusal, now_ns: int) -> None:
        """Pause the strategy as the guard would; a person lets it go on."""
        if self._is_stormy:
            return
        self._is_stormy = True
        log_event("proposal_storm_began", "WARNING", strategy=self._name)
        scope = f"strategy:{self._name}"
        ceiling = Ceiling(
            owner="storm", scope=scope, authority=Authority.NONE, reason="proposal_storm"
        )
        self._ctx.send("authority", CeilingMoved(ceiling=ceiling, at_ns=now_ns))
        self._alert("critical", "proposal_storm", refusal, now_ns)

    def _alert(self, severity: str, event: str, refusal: Refusal, now_ns: int) -> None:
        text = f"{refusal.rule}: {refusal.why} ({refusal.measured}, limit {refusal.limit})"
        alert = AlertRaised(
            severity=severity, event=event, subject=self._name, text=text, at_ns=now_ns
        )
        self._ctx.send("alerts", alert)

    def _unanswered(self, signal: str, now_ns: int) -> EntryDecided:
        instrument, _ = self._pending.pop(signal)
        self.refused["unanswered"] += 1
        why = "no decision in time"
        return EntryDecided(
            signal_id=signal,
            strategy=self._name,
            instrument=instrument,
            refusal=Refusal(rule="unanswered", measured=1, limit=0, why=why),
            at_ns=now_ns,
        )

    def _arrange_expiry(self) -> None:
        if self._pending:
            first_ns = min(expires_ns for _, expires_ns in self._pending.values())
            self._ctx.timer_at("expiry", first_ns + DECISION_WAIT_NS, _EXPIRY)
        else:
            self._ctx.timer_cancel("expiry")
