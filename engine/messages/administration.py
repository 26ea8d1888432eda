"""Questions and orders of tests, boot and scripts to a supervisor, and its answers.

Not for actors among themselves: those use the messages of `engine.messages.supervision`.
"""

from enum import Enum, unique
from typing import ClassVar

from engine.messages.base import Delivery, Message


@unique
class Admin(Enum):
    """What is wanted. START begins a dynamic child; TERMINATE stops a child (a static one is
    held); DELETE forgets a stopped static one; the last three ask."""

    START = "start"
    TERMINATE = "terminate"
    RESTART = "restart"
    DELETE = "delete"
    LIST = "list"
    COUNT = "count"
    SPEC = "spec"


@unique
class Outcome(Enum):
    OK = "ok"
    IGNORED = "ignored"
    NOT_FOUND = "not_found"
    RUNNING = "running"
    RESTARTING = "restarting"
    ALREADY_STARTED = "already_started"
    ALREADY_PRESENT = "already_present"
    UNSUPPORTED = "unsupported"
    REFUSED = "refused"
    FAILED = "failed"
    MAX_CHILDREN = "max_children"
    ENDING = "ending"


class Administration(Message, frozen=True, kw_only=True):
    """Base of all requests; the answer to `request_id` goes to the name `reply_to`."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    request_id: str
    reply_to: str


class ChildAdministered(Administration, frozen=True, kw_only=True):
    """One request. `generation` > 0 makes (child_id, generation) a reference to one life."""

    action: Admin
    child_id: str = ""
    generation: int = 0
    argument: Message | None = None


class ChildLine(Message, frozen=True, kw_only=True):
    """One child: `generation` is 0 while it has no live reference."""

    name: str
    generation: int
    state: str
    kind: str
    restart: str
    shutdown_ms: int | None
    is_significant: bool


class ChildCounts(Message, frozen=True, kw_only=True):
    specs: int = 0
    active: int = 0
    supervisors: int = 0
    workers: int = 0


class ChildAdministrated(Message, frozen=True, kw_only=True):
    """The answer, when the request is done (a start: when the child is READY or failed)."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    request_id: str
    outcome: Outcome
    name: str = ""
    generation: int = 0
    text: str = ""
    lines: tuple[ChildLine, ...] = ()
    counts: ChildCounts = ChildCounts()
