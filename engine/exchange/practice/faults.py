"""The fault menu: what is armed, how often it still strikes, and what section 8 of the facts needs.

Decides whether a fault happens. Ids are those of the simulation (FLT-nn) where it has the fault,
KITE-nn (the number of the failure seen in the wild) or NET-* where it has not. Likelihoods are
drawn from a seeded sequence, so that a run can be repeated.
"""

from collections import Counter
from typing import Final

import msgspec

PPM: Final = 1_000_000
REQUEST_FAULTS: Final = frozenset(
    {f"FLT-{number}" for number in range(16, 25)}
    | {"KITE-02", "KITE-19", "KITE-25", "NET-SLOW", "NET-RESET"}
)
SOCKET_FAULTS: Final = frozenset({"FLT-01", "FLT-02", "FLT-03", "FLT-04", "FLT-14", "KITE-45"})
ACCOUNT_FAULTS: Final = frozenset({f"FLT-{number}" for number in range(25, 51)})
ANSWER_FAULTS: Final = frozenset({"KITE-32", "KITE-39", "KITE-44", "KITE-48", "KITE-50"})
KNOWN: Final = REQUEST_FAULTS | SOCKET_FAULTS | ACCOUNT_FAULTS | ANSWER_FAULTS
BY_NUMBER: Final = {
    1: ("FLT-17", 0), 2: ("KITE-02", 8), 3: ("FLT-17", 1), 5: ("FLT-02", None),
    6: ("FLT-03", None), 7: ("FLT-21", None), 10: ("FLT-03", None), 12: ("FLT-44", None),
    13: ("FLT-45", None), 14: ("FLT-46", None), 15: ("FLT-30", None), 17: ("FLT-34", None),
    18: ("FLT-21", None), 19: ("KITE-19", None), 21: ("FLT-36", None), 23: ("FLT-37", None),
    24: ("FLT-19", 1), 25: ("KITE-25", None), 26: ("FLT-20", 1), 32: ("KITE-32", None),
    34: ("FLT-38", None), 36: ("FLT-39", None), 39: ("KITE-39", None),
    44: ("KITE-44", None), 45: ("KITE-45", None),
    47: ("FLT-35", None), 48: ("KITE-48", None), 49: ("FLT-40", None),
    50: ("KITE-50", None),
}  # fmt: skip
"""Number of a failure seen in the wild to the fault that provokes it and the fault's size.

The rest needs no fault: the exchange does it of itself (4 by a client that retries, 11 a fourth
connection, 16 a cancel after a partial fill, 20 MARKET without protection, 22 SL-M on options, 27
and 28 by repetition, 29 another token, 30 freeze quantity, 31 autoslice between one and two freeze
quantities, 33 a MarginException, 35 MIS after the square-off, 37 another product, 38 `day`
positions, 40 the first tick, 42 default mode, 43 a closed market) or it is the client's own (8, 9,
41, 46).
36 is armed before a day begins; POST /square-off of the control port does it at once.
"""


class Arm(msgspec.Struct, kw_only=True):
    """One armed fault: strikes left, likelihood per question, a fixed size (None: drawn), and of
    requests which ones (method and start of the path; "" for any write)."""

    count: int = 1
    ppm: int = PPM
    amount: int | None = None
    method: str = ""
    path: str = ""


class Menu:
    """Implements the account's FaultsPort."""

    def __init__(self, seed: int = 1) -> None:
        self.armed: dict[str, Arm] = {}
        self.struck: Counter[str] = Counter()
        self._state = seed

    def arm(self, fault: str, arm: Arm) -> None:
        """From now on. Raises KeyError for an id that nothing here acts on."""
        if fault not in KNOWN:
            raise KeyError(fault)
        self.armed[fault] = arm

    def strikes(self, fault: str) -> bool:
        """Whether the fault happens here and now."""
        arm = self.armed.get(fault)
        if arm is None or arm.count <= 0 or self._draw(PPM) >= arm.ppm:
            return False
        arm.count -= 1
        self.struck[fault] += 1
        return True

    def strikes_on(self, fault: str, method: str, path: str) -> bool:
        """The same for one request."""
        arm = self.armed.get(fault)
        if arm is None:
            return False
        is_write = path.startswith("/orders") and method != "GET"
        is_meant = is_write if not (arm.method or arm.path) else True
        is_meant = is_meant and (not arm.method or arm.method == method)
        return is_meant and path.startswith(arm.path) and self.strikes(fault)

    def amount(self, fault: str, low: int, high: int) -> int:
        """A size for a fault that struck: the armed one, kept within the bounds, or a drawn one."""
        arm = self.armed.get(fault)
        if arm is not None and arm.amount is not None:
            return max(low, min(high, arm.amount))
        return low + self._draw(high - low + 1)

    def note(self, fault: str, text: str) -> None:
        """The story is told by the control port's counts."""

    def _draw(self, count: int) -> int:
        self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self._state >> 33) % count
