"""Commands under way: latched, offered to the authority, answered once.

Decides how a command with an effect is carried to the authority actor and when its reply leaves.
The same id gets the same reply and has one effect. KILL is durable before anything else happens
with it; lowering commands are offered again until confirmed, raising ones are offered once.
Refuses to know sockets and views. Part of the console actor, kept apart from its reading side.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from actors.channels.commands import COMMANDS, Code
from actors.runtime.behaviour import Context
from actors.runtime.log import log_event
from engine.live_phrase import order_of
from engine.messages.console import RequestReceived
from engine.messages.control import AlertRaised, CommandDone, OperatorCommand
from engine.messages.supervision import TimerFired
from engine.units import NS_PER_MS, NS_PER_S

KILL_WAIT_MS: Final = 100
OFFER_AGAIN_MS: Final = 250
OFFERS_MAX: Final = 240
KILL_COALESCED_NS: Final = NS_PER_S
ENTRIES_MAX: Final = 512
PEERS_MAX: Final = 16
CLOSED: Final = "no live account is configured"

ARM: Final = "arm"

KillLatch = Callable[[str, str], None]
Door = Callable[[], str]
"""Why LIVE is closed to any phrase, "" if it is not."""
Reply = Callable[[str, bytes], None]
Encode = Callable[[str, Code, str, object], bytes]


@dataclass
class Entry:
    """One command from its arrival to its forgetting. `reply` is empty while it is under way."""

    digest: str
    order: OperatorCommand
    began_at_ns: int
    peers: list[str] = field(default_factory=list)
    reply: bytes = b""
    is_latched: bool = False
    is_confirmed: bool = False
    offer_count: int = 0


class CommandDesk:
    """request id -> entry, in order of arrival; bounded, a finished one is forgotten first."""

    def __init__(
        self, kill_latch: KillLatch, reply: Reply, encode: Encode, door: Door | None = None
    ) -> None:
        self._kill_latch = kill_latch
        self._door = door or (lambda: CLOSED)
        self._reply = reply
        self._encode = encode
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._kill: Entry | None = None

    def open(self, ctx: Context) -> None:
        self._ctx = ctx

    def take(self, asked: RequestReceived) -> None:
        """Begin a command, or answer a repeated one from memory."""
        entry = self._entries.get(asked.request_id)
        if entry is None:
            self._begin(asked)
        elif entry.digest != asked.digest:
            self._alert("command_conflict", f"id {asked.request_id} came with another content")
            text = "this id had other content"
            self._reply(asked.peer, self._encode(asked.request_id, Code.CONFLICT, text, None))
        elif entry.reply:
            self._reply(asked.peer, entry.reply)
        elif len(entry.peers) < PEERS_MAX:
            entry.peers.append(asked.peer)

    def finish(self, done: CommandDone) -> None:
        """The authority has spoken; a reply that left already stays as it was. What it says of
        another content under this id, from before a restart of the console, is no answer."""
        entry = self._entries.get(done.request_id)
        if entry is None or entry.is_confirmed:
            return
        content = (entry.order.command, entry.order.argument)
        if done.command and (done.command, done.argument) != content:
            return
        entry.is_confirmed = True
        for key in ("wait", "again"):
            self._ctx.timer_cancel(f"{key}:{done.request_id}")
        self._close(entry, Code.OK if done.is_done else Code.REFUSED, done.text)

    def remind(self, key: str) -> None:
        """A timer of ours came due."""
        what, _, request_id = key.partition(":")
        entry = self._entries.get(request_id)
        if entry is None:
            return
        if what == "again":
            self._offer(entry)
        elif entry.is_latched:
            text = "latched on disk; the authority has not confirmed and is asked again"
            self._close(entry, Code.OK, text)
        else:
            self._close(entry, Code.TIMEOUT, "the authority has not answered")

    def _begin(self, asked: RequestReceived) -> None:
        now_ns = self._ctx.now_ns()
        order = OperatorCommand(
            command=asked.command,
            argument=_argument_of(asked),
            reason=str(asked.argument("reason")) or "operator",
            by=f"console:{asked.by}",
            request_id=asked.request_id,
            at_ns=now_ns,
        )
        entry = Entry(asked.digest, order, self._ctx.mono_ns(), [asked.peer])
        self._remember(entry)
        if order.command == ARM and self._stays_closed(entry):
            return
        if order.command == "kill":
            if self._coalesces(entry):
                return
            entry.is_latched = self._latch(order)
            self._kill = entry
        log_event(
            "command_received", command=order.command, by=order.by, request_id=order.request_id
        )
        is_kill = order.command == "kill"
        wait_ms = KILL_WAIT_MS if is_kill else COMMANDS[order.command].wait_ms
        self._after(f"wait:{order.request_id}", wait_ms)
        self._offer(entry)

    def _coalesces(self, entry: Entry) -> bool:
        """A kill like this one is latched and under way: one effect is enough."""
        last = self._kill
        if last is None or not last.is_latched or last.order.argument != entry.order.argument:
            return False
        if last.is_confirmed and entry.began_at_ns - last.began_at_ns > KILL_COALESCED_NS:
            return False
        entry.is_latched, entry.is_confirmed = True, last.is_confirmed
        self._close(entry, Code.OK, f"latched; coalesced with {last.order.request_id}")
        return True

    def _stays_closed(self, entry: Entry) -> bool:
        """LIVE is asked for: the keys come first, then the phrase, then the authority."""
        why = self._door()
        if not why and not entry.order.argument:
            why = "the phrase is not the one that status asks for"
        status = "closed" if why else "open"
        log_event("gate_tried", status=status, reason=why, by=entry.order.by)
        if why:
            self._alert("gate_closed", f"LIVE was asked for by {entry.order.by}: {why}")
            self._close(entry, Code.REFUSED, why)
        return bool(why)

    def _latch(self, order: OperatorCommand) -> bool:
        try:
            self._kill_latch(order.reason, order.by)
        except OSError as error:
            log_event("kill_latch_failed", "ERROR", why=str(error))
            self._alert("kill_latch_failed", f"the kill is not durable: {error}")
            return False
        return True

    def _offer(self, entry: Entry) -> None:
        order = entry.order
        is_wanted = order.command == "kill" or not entry.reply
        if entry.is_confirmed or not is_wanted or entry.offer_count >= OFFERS_MAX:
            return
        entry.offer_count += 1
        self._ctx.send(COMMANDS[order.command].actor, order)
        if order.command == "kill" and order.argument:
            self._ctx.send("authority", _flatten_with(order))
        if COMMANDS[order.command].is_lowering:
            self._after(f"again:{order.request_id}", OFFER_AGAIN_MS)

    def _close(self, entry: Entry, code: Code, text: str) -> None:
        if entry.reply:
            return
        order = entry.order
        body = {
            "command": order.command,
            "argument": order.argument,
            "latched": entry.is_latched,
            "confirmed": entry.is_confirmed,
        }
        entry.reply = self._encode(order.request_id, code, text, body)
        for peer in entry.peers:
            self._reply(peer, entry.reply)
        entry.peers.clear()

    def _remember(self, entry: Entry) -> None:
        self._entries[entry.order.request_id] = entry
        if len(self._entries) > ENTRIES_MAX:
            finished = next((name for name, old in self._entries.items() if old.reply), None)
            if finished is not None:
                del self._entries[finished]

    def _after(self, key: str, delay_ms: int) -> None:
        self._ctx.timer_after(key, delay_ms * NS_PER_MS, TimerFired(key=key))

    def _alert(self, event: str, text: str) -> None:
        alert = AlertRaised(
            severity="critical",
            event=event,
            subject="console",
            text=text,
            at_ns=self._ctx.now_ns(),
        )
        self._ctx.send("alerts", alert)


def _flatten_with(kill: OperatorCommand) -> OperatorCommand:
    """KILL FLAT is two commands to the authority, each with its own id."""
    changes = {"command": "flatten", "argument": "", "request_id": f"{kill.request_id}:flat"}
    return msgspec.structs.replace(kill, **changes)


def _argument_of(asked: RequestReceived) -> str:
    """A command's one argument as the authority knows it: `flat`, a scope ("" is all), a name."""
    scope = asked.argument("scope")
    if asked.command == ARM:
        return order_of(str(asked.argument("phrase")))
    if asked.command == "kill":
        return "flat" if asked.argument("flat") is True else ""
    if scope:
        return "" if scope == "all" else str(scope)
    return str(asked.argument("strategy") or asked.argument("actor"))
