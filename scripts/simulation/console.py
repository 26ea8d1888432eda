"""The console of a simulated life: the real command desk, and eyes on the authority.

Decides what of the engine people see. Refuses sockets and the view that the real console publishes
every second. Stands alone so that commands meet the real desk's memory of repeated ones.
"""

from actors.command_desk import CommandDesk
from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.stores.latches import KILL, LatchStore
from engine.messages.base import Message
from engine.messages.console import RequestReceived
from engine.messages.control import AuthorityChanged, AuthorityWanted, CommandDone
from engine.messages.supervision import TimerFired


class SimConsole(Behaviour):
    """Actor `console` of a simulated life."""

    def __init__(self, latches: LatchStore, shown: "Shown") -> None:
        self._latches = latches
        self._shown = shown
        self._desk = CommandDesk(self._latch_kill, self._reply, _encoded)

    def open(self, ctx: Context) -> Opening:
        opening = super().open(ctx)
        self._desk.open(ctx)
        ctx.send("authority", AuthorityWanted(reader=ctx.name))
        return opening

    def receive(self, message: Message) -> None:
        match message:
            case RequestReceived():
                self._desk.take(message)
            case CommandDone():
                self._desk.finish(message)
            case TimerFired(key=key):
                self._desk.remind(key)
            case AuthorityChanged():
                self._shown.take(message)
            case _:
                pass  # views: nobody looks at them here

    def _latch_kill(self, reason: str, by: str) -> None:
        self._latches.set(KILL, reason=reason, by=by, at_ns=self.ctx.now_ns())

    def _reply(self, peer: str, raw: bytes) -> None:
        self._shown.replies.append((peer, raw))
        del self._shown.replies[:-100]


def _encoded(*fields: object) -> bytes:
    return repr(fields).encode()


class Shown:
    """What people see: the newest view of a life."""

    def __init__(self) -> None:
        self.view: AuthorityChanged | None = None
        self.replies: list[tuple[str, bytes]] = []

    def take(self, view: AuthorityChanged) -> None:
        """Keep the newer one; a restarted authority counts from 0, as the real console knows."""
        old = self.view
        if old is None or view.seq > old.seq or view.at_ns >= old.at_ns:
            self.view = view
