"""The metrics actor: turns views, the board and dead letters into Prometheus figures.

Decides which published figure feeds which metric. Refuses to define metrics (see
actors/channels/prometheus.py) and to ask anybody: a room that is down shows by its age, not by an
error here. A figure that nobody published leaves its metric alone.
"""

from collections import Counter as Count
from collections.abc import Callable
from typing import Any, Final

from actors.channels import prometheus as metric
from actors.channels.metrics_http import MetricsEndpoint
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.board import Board
from actors.runtime.deadletters import DeadLetters
from actors.views import UNKNOWN_MODE, Views
from engine.messages.base import Message
from engine.messages.control import AuthorityChanged, AuthorityWanted, ViewPublished
from engine.messages.supervision import TimerFired
from engine.messages.values import FeedState, Mode
from engine.units import NS_PER_S

EVERY_NS: Final = NS_PER_S
LIVE_AGE_S_MAX: Final = 10.0
READY_MODES: Final = frozenset({Mode.PAPER.value, Mode.LIVE.value, Mode.REDUCE.value})
KINDS_MAX: Final = 64
_REASONS: Final = ("eod", "risk", "loss", "file", "signal", "operator", "manual")


class Metrics(Behaviour):
    """Gathers once a second and serves the page."""

    def __init__(self, endpoint: MetricsEndpoint, board: Board, dead_letters: DeadLetters) -> None:
        self._endpoint = endpoint
        self._board = board
        self._dead_letters = dead_letters
        self._views = Views()
        self._mode = UNKNOWN_MODE

    def open(self, ctx: Context) -> Opening:
        self.ctx = ctx
        self._gather()
        self._endpoint.start(self._live, self._ready)
        ctx.send("authority", AuthorityWanted(reader=ctx.name))
        return Opening.READY

    def close(self, reason: str) -> None:
        self._endpoint.close()

    def receive(self, message: Message) -> None:
        match message:
            case ViewPublished():
                self._views.put(message)
                if message.topic == "journal":
                    self._journal(self._views.figures("journal"))
            case AuthorityChanged():
                self._views.put_authority(message)
                self._note_mode()
            case TimerFired(key="gather"):
                self._gather()
            case _:
                super().receive(message)

    def _gather(self) -> None:
        self.ctx.timer_after("gather", EVERY_NS, TimerFired(key="gather"))
        self._note_mode()
        self._tree()
        self._money()
        self._market()
        self._login()
        metric.AGES.see("metrics", "", self.ctx.mono_ns())
        metric.TALLY.bring(metric.VIEWS_MALFORMED, self._views.malformed_count)

    def _note_mode(self) -> None:
        self._mode = mode = self._views.mode
        for name in Mode:
            metric.MODE.labels(name.value).set(name.value == mode)
        is_killed = mode == Mode.KILLED.value or self._views.figures("authority").get("killed")
        reason = _kill_reason(self._views.reasons) if is_killed else ""
        if is_killed and not _LATCH.reason:
            metric.KILL_SWITCH.labels(reason).inc()
        _LATCH.reason = reason

    def _tree(self) -> None:
        states: Count[str] = Count()
        restarts: Count[str] = Count()
        for row in self._board.rows():
            states[row.state] += 1
            restarts[row.name.split("/", 1)[0]] += row.restarts
        for state in ("starting", "ready", "restarting", "stopped", "held", "quarantined"):
            metric.ACTORS.labels(state).set(states[state])
        for kind, count in restarts.most_common(KINDS_MAX):
            metric.TALLY.bring(metric.RESTARTS, count, kind)
        lost: Count[tuple[str, str]] = Count()
        for (target, _, why), count in self._dead_letters.counts().items():
            lost[target, why] += count
        for (target, why), count in lost.most_common(KINDS_MAX):
            metric.TALLY.bring(metric.DEAD_LETTERS, count, target, why)

    def _money(self) -> None:
        risk, pnl, gate = (self._views.figures(topic) for topic in ("risk", "pnl", "writer"))
        _set(metric.HEAT_RUPEES.set, risk.get("heat_inr"))
        _set(metric.NET_RUPEES.set, pnl.get("net_inr"))
        _set(lambda pct: metric.LOSS_USED_RATIO.set(pct / 100), risk.get("loss_used_pct"))
        _set(metric.THROTTLE_DEPTH.set, gate.get("throttle_queue_depth"))
        _bring(metric.ORDERS_PLACED, risk.get("orders_today"))
        for counter, found in (
            (metric.REFUSALS, risk.get("refusals")),
            (metric.RETRIES, gate.get("retries")),
        ):
            named = list(found.items())[:KINDS_MAX] if isinstance(found, dict) else []
            for name, total in named:
                _bring(counter, total, str(name))

    def _market(self) -> None:
        positions = self._views.rows("positions")
        metric.POSITIONS_OPEN.set(sum(bool(row.get("quantity")) for row in positions))
        states = Count(row.get("state") for row in self._views.rows("feeds"))
        for state in FeedState:
            metric.FEEDS.labels(state.value).set(states[state.value])
        differences = self._views.figures("reconcile").get("differences")
        if isinstance(differences, list):
            metric.RECONCILE_DIFFERENCES.set(len(differences))

    def _login(self) -> None:
        login = self._views.figures("login")
        _set(metric.LOGIN_VALID.set, login.get("valid"))
        _set(metric.LOGIN_LEFT_SECONDS.set, login.get("left_s"))
        _bring(metric.RETRIES, login.get("renewed_count"), "token_refresh")

    def _journal(self, journal: dict[str, Any]) -> None:
        _set(metric.JOURNAL_AVAILABLE.set, journal.get("available"))
        _set(metric.JOURNAL_SPOOLED.set, journal.get("spooled"))
        _set(lambda us: metric.JOURNAL_COMMIT_SECONDS.observe(us / 1e6), journal.get("commit_us"))

    # -- the pages' probes, on the page's threads ------------------------------------------------

    def _live(self) -> tuple[bool, dict[str, object]]:
        """The process works: this actor gathered a moment ago."""
        age_s = metric.AGES.youngest_s("metrics")
        return age_s <= LIVE_AGE_S_MAX, {"age_s": round(age_s, 3)}

    def _ready(self) -> tuple[bool, dict[str, object]]:
        """The authority lets something trade, on paper or live."""
        return self._mode in READY_MODES, {"mode": self._mode}


class _Latch:
    """Outlives the actor: a kill is counted once, also when this actor restarts meanwhile."""

    reason = ""


_LATCH: Final = _Latch()


def _set(setter: Callable[[float], object], found: object) -> None:
    if isinstance(found, int | float):
        setter(float(found))


def _bring(counter: Any, total: object, *labels: str) -> None:  # noqa: ANN401 a Counter
    if isinstance(total, int | float):
        metric.TALLY.bring(counter, float(total), *labels)


def _kill_reason(reasons: list[str]) -> str:
    """One of a bounded set of words for a kill's reason."""
    text = " ".join(reasons).lower()
    found = next((word for word in _REASONS if word in text), "other")
    return {"operator": "manual", "loss": "risk"}.get(found, found)
