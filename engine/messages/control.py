"""Operator commands, authority, and what the rooms publish for the operator's eyes.

Control overtakes data. Nobody asks anybody: rooms publish views to the console, which answers
from the latest ones, so that STATUS works while the core is down.
"""

from typing import ClassVar

from engine.messages.base import Delivery, Message
from engine.messages.values import Authority, Mode


class Ceiling(Message, frozen=True, kw_only=True):
    """One independent upper bound of authority over a scope.

    `scope` is "" for all, "instrument:NSE:INFY", "strategy:ema", "actor:<name>". The effective
    authority of an intent is the minimum over the ceilings that concern it.
    """

    owner: str
    scope: str
    authority: Authority
    reason: str


class AuthorityChanged(Message, frozen=True, kw_only=True):
    """The authority actor's whole view; the receiver replaces its old one if `seq` is newer.

    `mode_seq` moves with each mode change, `seq` with each change of anything. `is_protecting`
    opens REDUCE to the protection path where the mode alone allows no more than CANCEL: late in
    RECOVERING, and in KILLED if the policy says "and flat".
    """

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    seq: int
    mode: Mode
    mode_seq: int
    ceilings: tuple[Ceiling, ...]
    at_ns: int
    is_protecting: bool = False


class AuthorityWanted(Message, frozen=True, kw_only=True):
    """A room has started and wants the present `AuthorityChanged`."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    reader: str


class CeilingMoved(Message, frozen=True, kw_only=True):
    """The owner of a ceiling lowers or (where the rules let it) raises it."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    ceiling: Ceiling
    at_ns: int


class GenerationFenced(Message, frozen=True, kw_only=True):
    """Everything of this actor up to and including `generation` is void from now on."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    name: str
    generation: int
    reason: str


class RecoveryDone(Message, frozen=True, kw_only=True):
    """A core room has recovered its state (`part` names it, and its `generation`)."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    part: str
    at_ns: int
    generation: int = 0


class Reconciled(Message, frozen=True, kw_only=True):
    """One comparison of journal and broker is done; `differences` are one line each."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    is_clean: bool
    differences: tuple[str, ...]
    at_ns: int


class OperatorCommand(Message, frozen=True, kw_only=True):
    """A validated command on its way to the authority actor.

    `command`: kill, halt, resume, flatten, pause, unpause, restart, mode. `argument` as the
    command's schema says (a strategy, an actor's name ...). `by` names channel and person.
    """

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    command: str
    argument: str
    reason: str
    by: str
    request_id: str
    at_ns: int


class CommandDone(Message, frozen=True, kw_only=True):
    """The outcome of an operator command, to the console that sent it. `command` and `argument`
    are those that it answers ("" from who does not say): a console that restarted may meanwhile
    know the id by another content."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    request_id: str
    is_done: bool
    text: str
    command: str = ""
    argument: str = ""


class FlattenOrdered(Message, frozen=True, kw_only=True):
    """Every group of the scope goes flat now: cancel, exit, verify. `scope` as in Ceiling. `by`:
    the authority, or the custodian when it asks for the mode that lets exits leave; else ""."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    scope: str
    reason: str
    at_ns: int
    by: str = ""


class FlatVerified(Message, frozen=True, kw_only=True):
    """The custodian's verdict on a flatten: how many groups of the scope are not closed."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    scope: str
    groups_open: int
    at_ns: int


class EntriesCancelled(Message, frozen=True, kw_only=True):
    """Working entries are withdrawn; positions keep their protection."""

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    scope: str
    reason: str
    at_ns: int


class ViewPublished(Message, frozen=True, kw_only=True):
    """A room's latest public figures for console and dashboard: `body` is JSON text.

    `topic`: positions, orders, pnl, risk, feeds, strategies, journal, reconcile, authority.
    """

    delivery: ClassVar[Delivery] = Delivery.CONFLATE

    topic: str
    body: str
    at_ns: int

    @property
    def conflation_key(self) -> str:
        return self.topic


class AlertRaised(Message, frozen=True, kw_only=True):
    """Something a person should know. `severity`: critical, warning, info."""

    delivery: ClassVar[Delivery] = Delivery.DROP_OLDEST

    severity: str
    event: str
    subject: str
    text: str
    at_ns: int
