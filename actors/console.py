"""The console: the operator's door, open while anything else is down.

Decides what is answered at once (from the latest views and the board), what goes to the authority
actor, and how long a reply waits for it. Refuses to know sockets (a `ConsoleChannel` brings
requests and takes replies) and what a command does. Stands alone on its own thread, below the
control supervisor, because status and kill must work while the core restarts.

KILL is latched on disk before anything else happens with it; whether the authority actor confirms
is part of the reply, not a condition of the effect.
"""

from typing import Any, Final

import msgspec

from actors.channels.commands import COMMANDS, Code
from actors.channels.envelope import VERSION, encode_reply
from actors.channels.zmq_console import ConsoleChannel
from actors.command_desk import CommandDesk, Door, KillLatch
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.board import Board
from actors.views import Views, tree
from engine.messages.base import Message
from engine.messages.console import RequestReceived
from engine.messages.control import (
    AlertRaised,
    AuthorityChanged,
    AuthorityWanted,
    CommandDone,
    ViewPublished,
)
from engine.messages.journal import Journaled
from engine.messages.market import FeedEnded
from engine.messages.records import OrderFilled
from engine.messages.supervision import RestartWanted, TimerFired
from engine.units import NS_PER_MS, NS_PER_S, rupees

STATUS_EVERY_MS: Final = 1_000


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers: replies carry it, so that a client sees when it talks to another engine."""

    engine_id: str
    boot_id: str
    pid: int
    started_mono_ns: int


def gate_line(mode: str, fault: str) -> str:
    """The gate to LIVE for a person, as it stands at the start."""
    status = "closed" if fault else "ready"
    return f"Gate mode={mode} status={status} reason={fault or 'the keys agree'}"


class Console(Behaviour):
    """Answers requests.

    Args:
        channel: where requests come from.
        board: the tree as supervisors see it.
        kill_latch: makes a kill durable (reason, by); raises OSError when it cannot.
        followers: actors that get a copy of each view (metrics, heartbeat).
        door: what keeps LIVE closed; None: there is no live account.
    """

    def __init__(
        self,
        identity: Identity,
        channel: ConsoleChannel,
        board: Board,
        kill_latch: KillLatch,
        *,
        followers: tuple[str, ...] = ("metrics", "heartbeat"),
        door: Door | None = None,
    ) -> None:
        self._identity = identity
        self._channel = channel
        self._board = board
        self._followers = followers
        self._views = Views()
        self._door = door
        self._desk = CommandDesk(kill_latch, channel.reply, self._encode, door)

    def open(self, ctx: Context) -> Opening:
        self.ctx = ctx
        self._desk.open(ctx)
        self._channel.start(ctx.send, ctx.now_ns)
        self._tick()
        ctx.send("authority", AuthorityWanted(reader=ctx.name))
        return Opening.READY

    def close(self, reason: str) -> None:
        self._channel.close()

    def receive(self, message: Message) -> None:
        match message:
            case RequestReceived():
                self._answer(message)
            case ViewPublished():
                self._take_view(message)
            case AuthorityChanged():
                self._take_authority(message)
            case CommandDone():
                self._desk.finish(message)
            case AlertRaised():
                self._publish("alert", msgspec.structs.asdict(message))
            case Journaled():
                self._publish_fill(message)
            case FeedEnded():
                self._publish("feed_ended", {"rows_rejected": dict(message.rows_rejected)})
            case TimerFired(key="status"):
                self._tick()
            case TimerFired(key=key):
                self._desk.remind(key)
            case _:
                super().receive(message)

    # -- requests -------------------------------------------------------------------------------

    def _answer(self, asked: RequestReceived) -> None:
        refusal = self._refuse(asked)
        if refusal is not None:
            self._reply(asked.peer, asked.request_id, *refusal)
        elif asked.command == "restart":
            self._restart(asked)
        elif COMMANDS[asked.command].has_effect:
            self._desk.take(asked)
        else:
            self._reply(asked.peer, asked.request_id, Code.OK, "", self._read(asked.command))

    def _refuse(self, asked: RequestReceived) -> tuple[Code, str] | None:
        """Why nothing is done about a request, or None."""
        who = self._identity
        if asked.code:
            return Code(asked.code), asked.text
        if asked.engine_id not in ("", who.engine_id) or asked.boot_id not in ("", who.boot_id):
            return Code.WRONG_TARGET, f"this is engine {who.engine_id}, boot {who.boot_id}"
        kind, _, name = str(asked.argument("scope")).partition(":")
        strategy = asked.argument("strategy") or (name if kind == "strategy" else "")
        actors = {row.name for row in self._board.rows()}
        known = self._views.strategies()
        if strategy and strategy not in known and f"strategy/{strategy}" not in actors:
            return Code.NOT_FOUND, f"no strategy {strategy}"
        instruments = self._views.instruments()
        if kind == "instrument" and instruments and name not in instruments:
            return Code.NOT_FOUND, f"no instrument {name}"
        actor = asked.argument("actor")
        if actor and actor not in actors:
            return Code.NOT_FOUND, f"no actor {actor}"
        return None

    def _restart(self, asked: RequestReceived) -> None:
        """Straight to the actor's supervisor: the authority may be the one to be restarted."""
        name = str(asked.argument("actor"))
        row = next(row for row in self._board.rows() if row.name == name)
        reason = f"{asked.argument('reason') or 'operator'} (console:{asked.by})"
        self.ctx.send(row.supervisor, RestartWanted(child_id=name, reason=reason))
        text = f"restart ordered of {row.supervisor}; generation was {row.generation}"
        self._reply(asked.peer, asked.request_id, Code.OK, text, {"generation": row.generation})

    def _read(self, command: str) -> object:
        rows = self._board.rows()
        if command == "status":
            return self._status()
        if command == "tree":
            return tree(rows)
        if command == "strategies":
            held = {row.name: row.state for row in rows if row.name.startswith("strategy/")}
            listed = self._views.rows("strategies")
            return listed or [{"strategy": n.split("/")[1], "state": s} for n, s in held.items()]
        return self._views.any_of(command)

    def _status(self) -> dict[str, Any]:
        age_ns = self.ctx.mono_ns() - self._identity.started_mono_ns
        status = self._views.status(self._board.rows(), uptime_s=age_ns / NS_PER_S)
        if self._door is not None:
            fault = self._door()
            status["live_gate"] = f"closed: {fault}" if fault else "ready for the phrase"
        if login := self._views.figures("login"):
            status["login"] = login.get("why") or f"valid for {login.get('left_s')} s"
        return status

    # -- events ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._publish("status", self._status())
        self.ctx.timer_after("status", STATUS_EVERY_MS * NS_PER_MS, TimerFired(key="status"))

    def _take_view(self, view: ViewPublished) -> None:
        self._views.put(view)
        for follower in self._followers:
            self.ctx.send(follower, view)
        self._publish(f"view/{view.topic}", self._views.any_of(view.topic))

    def _take_authority(self, changed: AuthorityChanged) -> None:
        if self._views.put_authority(changed):
            event = {"mode": changed.mode.value, "mode_seq": changed.mode_seq}
            self._publish("mode", {**event, "reasons": self._views.reasons})

    def _publish_fill(self, journaled: Journaled) -> None:
        fill = journaled.record
        if isinstance(fill, OrderFilled):
            event = {
                "instrument": fill.instrument,
                "side": fill.side.value,
                "quantity": fill.quantity,
                "price": rupees(fill.price_paise),
                "leg": fill.leg.value,
                "strategy": fill.strategy,
                "book": fill.book.value,
                "at_ns": fill.at_ns,
            }
            self._publish("fill", event)

    def _publish(self, topic: str, event: object) -> None:
        self._channel.publish(topic, msgspec.json.encode(event))

    # -- replies --------------------------------------------------------------------------------

    def _reply(
        self, peer: str, request_id: str, code: Code, text: str, body: object = None
    ) -> None:
        self._channel.reply(peer, self._encode(request_id, code, text, body))

    def _encode(self, request_id: str, code: Code, text: str, body: object) -> bytes:
        who = self._identity
        fields: dict[str, Any] = {
            "v": VERSION,
            "id": request_id,
            "code": code.value,
            "text": text,
            "engine_id": who.engine_id,
            "boot_id": who.boot_id,
            "pid": who.pid,
            "mode": self._views.mode,
            "body": body,
        }
        return encode_reply(fields)
