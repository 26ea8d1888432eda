"""The order stream: rows on their way to the engine, and what goes wrong there (FLT-44 to 50).

Decides what arrives, how often, when and in which order. Refuses to know what a row means. There is
no replay: what was lost is lost, as at Kite.
"""

from engine.exchange.account.surroundings import Report, Surroundings
from engine.ids import client_order_id
from engine.messages.broker import OrderReport, OrderStatus
from engine.messages.values import Book, Leg, OrderType, Side
from engine.units import NS_PER_S

HELD_NS = 2 * NS_PER_S
"""A row that is to come after the next one comes by then, if there is no next one."""


class OrderStream:
    """See the module. `garbage_count`: frames that the parser would have dropped."""

    def __init__(self, around: Surroundings, delay_ns: int) -> None:
        self._around = around
        self._delay_ns = delay_ns
        self._down_until_ns = 0
        self._held: list[Report] = []
        self._stranger_count = 0
        self.garbage_count = 0
        self.lost_count = 0

    def send(self, report: Report) -> None:
        """Put a row on its way."""
        around, faults = self._around, self._around.faults
        if self._down_until_ns > around.now_ns() or faults.strikes("FLT-44"):
            self.lost_count += 1
            return
        if faults.strikes("FLT-50"):
            self.garbage_count += 1
            around.emit_garbage()
            return
        if faults.strikes("FLT-46"):
            self._held.append(report)
            around.after(HELD_NS, self._release)
            return
        delay_ns = self._delay_ns
        if faults.strikes("FLT-47"):
            delay_ns += around.seconds("FLT-47", 1, 180)
        around.after(delay_ns, lambda: around.emit(report))
        if faults.strikes("FLT-45"):
            again_ns = delay_ns + around.seconds("FLT-45", 0, 60)
            around.after(again_ns, lambda: around.emit(report))
        if faults.strikes("FLT-49"):
            self._stranger(report)
        if self._held:
            self._release()

    def before_fill(self) -> None:
        """A fill is about to be told: the moment at which a lost connection hurts most."""
        if self._around.faults.strikes("FLT-48"):
            down_ns = self._around.seconds("FLT-48", 1, 120)
            self._down_until_ns = self._around.now_ns() + down_ns

    def heal(self) -> None:
        """The connection stands again."""
        self._down_until_ns = 0
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for report in held:
            self._around.after(self._delay_ns, self._emitter(report))

    def _emitter(self, report: Report) -> "_Emit":
        return _Emit(self._around, report)

    def _stranger(self, report: Report) -> None:
        """A row of an order that nobody here sent: of another tool, or with a tag like ours."""
        self._stranger_count += 1
        is_alike = self._around.faults.amount("FLT-49", 0, 1) == 1
        name = f"nobody-{self._stranger_count}"
        tag = client_order_id(Book.LIVE, name, Leg.ENTRY, 0) if is_alike else ""
        row = OrderReport(
            client_order_id=tag,
            venue_order_id=f"9{self._stranger_count:014d}",
            instrument=report.instrument,
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            product=report.product,
            status=OrderStatus.OPEN,
            quantity=1,
            filled_quantity=0,
            price_limit_paise=100,
            price_trigger_paise=0,
            at_ns=report.at_ns,
        )
        self._around.after(self._delay_ns, self._emitter(row))


class _Emit:
    """A report waiting to arrive."""

    __slots__ = ("_around", "_report")

    def __init__(self, around: Surroundings, report: Report) -> None:
        self._around, self._report = around, report

    def __call__(self) -> None:
        self._around.emit(self._report)
