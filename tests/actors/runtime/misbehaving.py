"""Behaviours that are run in child processes by the tests of the process host."""

import ctypes
import os
import sys
import threading
from typing import Any

import msgspec

from actors.runtime.behaviour import Behaviour, Context, Opening
from engine.messages.base import Message
from engine.messages.control import AlertRaised, CommandDone
from engine.messages.market import Tick
from engine.messages.supervision import TimerFired


def alert(text: str, subject: str = "") -> AlertRaised:
    return AlertRaised(severity="info", event="told", subject=subject, text=text, at_ns=0)


class Echo(Behaviour):
    """Sends everything back to `reply_to`; obeys the orders that a TimerFired key spells."""

    def __init__(self, *, reply_to: str, opening: str = "ready", values: Any = None) -> None:
        self._reply_to = reply_to
        self._opening = opening
        self._values = values

    def open(self, ctx: Context) -> Opening:
        self.ctx = ctx
        if self._opening == "raise":
            raise ValueError("cannot open")
        if self._opening == "hang":
            threading.Event().wait()
        return Opening(self._opening)

    def receive(self, message: Message) -> None:
        if isinstance(message, TimerFired):
            self._obey(message.key)
        elif isinstance(message, CommandDone):  # control reaches us before READY
            self.ctx.ready()
        else:
            self.ctx.send(self._reply_to, message)

    def close(self, reason: str) -> None:
        self.ctx.send(self._reply_to, alert(f"closed: {reason}"))

    def _obey(self, key: str) -> None:  # noqa: C901 a table of sins
        verb, _, argument = key.partition(" ")
        match verb:
            case "raise":
                raise KeyError("a bug of the strategy")
            case "assert":
                raise AssertionError("ours")
            case "spin":
                while True:
                    pass
            case "block":
                threading.Event().wait(float(argument))
            case "leak":
                leaked = []
                while True:
                    leaked.append(bytearray(4_000_000))
            case "sys_exit":
                sys.exit(3)
            case "os_exit":
                os._exit(int(argument))
            case "segfault":
                ctypes.string_at(0)
            case "stop":
                self.ctx.stop("enough")
            case "tell":
                self._tell(argument)
            case "timer":
                self.ctx.timer_after("t", 5_000_000, alert("timer"))
            case "thread":
                self._tell_from_thread()
            case "flood":
                for number in range(int(argument)):
                    self.ctx.send(self._reply_to, tick(number))
            case _:
                raise TypeError(key)

    def _tell(self, what: str) -> None:
        ctx = self.ctx
        text = {
            "now": lambda: str(ctx.now_ns()),
            "pid": lambda: str(os.getpid()),
            "who": lambda: f"{ctx.name} {ctx.generation} {ctx.supervisor}",
            "values": lambda: repr(self._values),
        }[what]()
        ctx.send(self._reply_to, alert(text, what))

    def _tell_from_thread(self) -> None:
        told = threading.Thread(  # noqa: TID251 - its own thread
            target=self.ctx.send, args=(self._reply_to, alert("from a thread")), daemon=True
        )
        told.start()


def tick(number: int, instrument: str = "NSE:INFY") -> Tick:
    return Tick(instrument=instrument, price_paise=number, at_ns=number, received_at_ns=number)


def echo(**arguments: Any) -> Behaviour:
    return Echo(**arguments)


def nothing() -> object:
    return object()


class Babbler(Echo):
    """Puts frames on the wire that are of no known type."""

    def receive(self, message: Message) -> None:
        if isinstance(message, TimerFired):
            wire = self.ctx._room.wire  # type: ignore[attr-defined]
            for _ in range(int(message.key)):
                wire._try_send(msgspec.msgpack.encode(["Nonsense", 1]))
        else:
            super().receive(message)


def babbler(**arguments: Any) -> Behaviour:
    return Babbler(**arguments)
