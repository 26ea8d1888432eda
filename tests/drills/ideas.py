"""Strategies for drills: one that trades at once, and can be told to misbehave in any process.

The order to misbehave is a file: its content says how, the first bar that sees it takes it away
and obeys, so that the replacement behaves.
"""

import ctypes
import os
from pathlib import Path
from threading import Event
from typing import ClassVar

import msgspec

from engine.messages.market import BarClosed
from engine.messages.values import Side
from engine.strategies.base import Parameters
from engine.strategies.slots import EntryParameters, OneAtATime, Setup

RELEASED = Event()
"""Set at the end of a test: a busy loop ends (a thread cannot be killed)."""


class EagerParameters(EntryParameters, frozen=True, kw_only=True):
    """`orders`: the file with the order to misbehave, "" for none."""

    cooldown_min: int = 1
    trades_day_max: int = 50
    orders: str = ""


class Eager(OneAtATime[EagerParameters]):
    """Enters whatever is free at every bar, in turn long and short; stop and targets are near."""

    parameters_type: ClassVar[type[Parameters]] = EagerParameters

    def on_bar(self, bar: BarClosed) -> None:
        if self.parameters.orders:
            _obey(Path(self.parameters.orders))
        if not self.may_enter(bar.instrument, bar.end_at_ns):
            return
        side = Side.BUY if bar.end_at_ns // 60_000_000_000 % 2 else Side.SELL
        risk = bar.close_paise * 40 // 10_000
        setup = Setup(
            side=side, stop_paise=risk, targets=((risk, 5_000), (risk * 2, 5_000)), score_bps=5_000
        )
        self.enter(bar, setup)


class Patient(OneAtATime[EagerParameters]):
    """Bids below the market at every bar, so that its entry rests until the price comes down."""

    parameters_type: ClassVar[type[Parameters]] = EagerParameters

    def on_bar(self, bar: BarClosed) -> None:
        if not self.may_enter(bar.instrument, bar.end_at_ns):
            return
        risk = bar.close_paise * 60 // 10_000
        setup = Setup(
            side=Side.BUY, stop_paise=risk, targets=((3 * risk, 10_000),), score_bps=5_000
        )
        below = bar.close_paise * 9_950 // 10_000
        self.enter(msgspec.structs.replace(bar, close_paise=below), setup)


def _obey(orders: Path) -> None:
    try:
        order = orders.read_text()
        orders.unlink()
    except FileNotFoundError:
        return
    match order:
        case "hang":
            while not RELEASED.is_set():
                pass
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "sys_exit":
            raise SystemExit(3)
        case "leak":
            kept = []
            while True:
                kept.append(bytes(64 * 1_048_576))
        case _:
            raise AssertionError(order)
