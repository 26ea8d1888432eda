"""What a supervisor is told: its children, strategy and limits, as data.

Decides the vocabulary and the defaults. Refuses to start anything; `supervisors.faults` checks it.
The tree is written in these words, so that it reads like a picture of the house.
"""

from collections.abc import Callable
from enum import Enum, unique

import msgspec

from actors.runtime.behaviour import Behaviour
from actors.runtime.runtime import HostKind
from actors.runtime.target import ProcessTarget
from engine.messages.base import Message
from engine.messages.values import Authority

Factory = Callable[[Message | None], Behaviour] | ProcessTarget


@unique
class Restart(Enum):
    """PERMANENT: always. TRANSIENT: after an abnormal end. TEMPORARY: never, nothing is kept."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


@unique
class Strategy(Enum):
    """ONE_FOR_ONE: the dead child alone. ONE_FOR_ALL: all. REST_FOR_ONE: it and those after it.
    DYNAMIC: any number of one template, started at run time, stopped in parallel."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"
    DYNAMIC = "dynamic"

    @property
    def is_group(self) -> bool:
        return self in (Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE)


@unique
class ChildKind(Enum):
    WORKER = "worker"
    SUPERVISOR = "supervisor"


@unique
class AutoShutdown(Enum):
    """Whether the end of significant children ends their supervisor: never, any or the last."""

    NEVER = "never"
    ANY = "any"
    ALL = "all"


@unique
class OnIntensity(Enum):
    """What a spent restart budget means. ESCALATE: the supervisor ends (budget shared by its
    children, as in OTP). QUARANTINE: this child stays down, the others go on (own budget)."""

    ESCALATE = "escalate"
    QUARANTINE = "quarantine"


class Shutdown(msgspec.Struct, frozen=True):
    """Time for an orderly stop: 0 fences at once, None waits for ever."""

    ms: int | None


KILL = Shutdown(0)
INFINITY = Shutdown(None)
_BY_KIND = Shutdown(-1)
_MS_BY_KIND = -1
WORKER_SHUTDOWN_MS = 5_000
WORKER_START_TIMEOUT_MS = 10_000


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """The first restart is immediate; the k-th consecutive failure (k >= 2) waits
    min(cap, base * 2**(k-2)) * (1 + U[0, jitter]). `reset_after_ms` healthy forgets them."""

    base_ms: int = 100
    cap_ms: int = 30_000
    jitter_bps: int = 2_000
    reset_after_ms: int = 60_000


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One child. `id` is its global name; a template's id is the prefix of its children's names.

    Args:
        factory: builds the behaviour on the child's own host; its argument is what
            `ChildWanted.argument` brought, None for static children. A PROCESS child needs a
            `ProcessTarget` (importable), which has its arguments inside.
        shutdown: 5 s for a worker and INFINITY for a supervisor unless given.
        start_timeout_ms: from start to READY. 10 s for a worker unless given; 0 is none, for
            supervisors only (their children have their own).
        authority_on_restart: the ceiling of an `actor:<name>` scope after any restart.
        pool: name of the worker that serves a POOLED child.
    """

    id: str
    factory: Factory
    restart: Restart = Restart.PERMANENT
    shutdown: Shutdown = _BY_KIND
    kind: ChildKind = ChildKind.WORKER
    significant: bool = False
    host: HostKind = HostKind.POOLED
    pool: str = "core"
    authority_on_restart: Authority = Authority.NONE
    start_timeout_ms: int = _MS_BY_KIND
    busy_ms_max: int = 2_000
    inbox_max: int = 10_000
    conflate_after: int = 256
    on_intensity: OnIntensity = OnIntensity.ESCALATE

    def __post_init__(self) -> None:
        is_worker = self.kind is ChildKind.WORKER
        if self.shutdown is _BY_KIND:
            shutdown = Shutdown(WORKER_SHUTDOWN_MS) if is_worker else INFINITY
            msgspec.structs.force_setattr(self, "shutdown", shutdown)
        if self.start_timeout_ms == _MS_BY_KIND:
            timeout_ms = WORKER_START_TIMEOUT_MS if is_worker else 0
            msgspec.structs.force_setattr(self, "start_timeout_ms", timeout_ms)


class SupervisorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One supervisor: `children` in start order, or one `template` if `strategy` is DYNAMIC.

    More than `restarts_max` restarts within `window_ms` spend the budget. `fence_listeners` are
    told `GenerationFenced` before any restart, `authority` (if named) `CeilingMoved`, `journal`
    gets `Append` of an `ActorFailed`, `alerts` gets `AlertRaised`; "" leaves one out.
    """

    strategy: Strategy = Strategy.ONE_FOR_ONE
    restarts_max: int = 3
    window_ms: int = 5_000
    children: tuple[ChildSpec, ...] = ()
    template: ChildSpec | None = None
    children_max: int = 10_000
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
    backoff: Backoff = Backoff()
    fence_listeners: tuple[str, ...] = ()
    authority: str = ""
    journal: str = ""
    alerts: str = ""
