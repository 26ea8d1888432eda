"""For how long positions stand at the exchange without protection.

Decides what protects: a stop or an exit of ours (by the letter in its tag) that works on the other
side, for at least what is held. A target that rests does not. Refuses to ask the engine: everything
is read from the exchange's truth.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from engine.units import NS_PER_S

WORKING: Final = frozenset({"OPEN", "TRIGGER PENDING", "OPEN PENDING", "VALIDATION PENDING",
                            "PUT ORDER REQ RECEIVED", "MODIFY PENDING"})  # fmt: skip
PROTECTING: Final = frozenset("SX")
NOTED_S: Final = 2.0


class Guarded:
    """Readings of the truth, one after the other; time is real."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}
        self.naked_s_max = 0.0
        self.story: list[str] = []

    def look(self, truth: Mapping[str, Any], now_ns: int) -> None:
        """Take one reading."""
        naked = naked_names(truth)
        for name in naked | self._since.keys():
            seconds = (now_ns - self._since.setdefault(name, now_ns)) / NS_PER_S
            self.naked_s_max = max(self.naked_s_max, seconds)
            if name not in naked:
                del self._since[name]
                if seconds > NOTED_S:
                    self.story.append(f"{name} naked for {seconds:.1f} s")


def naked_names(truth: Mapping[str, Any]) -> set[str]:
    """Names whose net position is larger than what works against it."""
    held, against = Counter[str](), Counter[tuple[str, str]]()
    for position in truth["positions"]:
        held[position["name"]] += position["units"]
    for order in truth["orders"]:
        row, tag = order["row"], order["tag"]
        if row["status"] in WORKING and tag[1:2] in PROTECTING:
            against[row["instrument"], row["side"]] += row["quantity"] - row["filled_quantity"]
    return {
        name
        for name, units in held.items()
        if units and against[name, "SELL" if units > 0 else "BUY"] < abs(units)
    }
