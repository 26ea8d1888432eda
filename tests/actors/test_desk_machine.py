"""The whole desk under hypothesis: any market, any interleaving, any crash of the group.

The market moves at random with random depth; queues are served in any order; reports come twice
and out of order; the group, the watcher and the writer die at any step. At the end the market is
calm and deep, time passes, and the group must have gone flat and closed exactly once.
"""

from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from engine.messages.base import Message
from engine.messages.control import FlattenOrdered
from engine.messages.records import IntentPlanned
from engine.messages.signals import ExitAdvised
from engine.messages.values import Action, Leg, Side, Target
from engine.orders.oco_state import Group, evolve, fold
from engine.orders.order import TERMINAL, OrderState, Status
from engine.units import NS_PER_MS, NS_PER_S
from tests.desk import World, a_plan

TARGET_LEGS = (Leg.TARGET_1, Leg.TARGET_2)
FORESEEN = frozenset(
    {"both_legs_filled", "protect_failed", "exit_not_filling", "exit_blocked", "exit_hanging"}
)


def worst_case(order: OrderState) -> int:
    """What an order may still fill, worked out here anew: a growing modify counts already."""
    asked = order.request.quantity if order.request is not None else 0
    return 0 if order.status in TERMINAL else max(order.quantity, asked) - order.filled


def planned_exposure_excess(group: Group, intent: IntentPlanned) -> int:
    """By how much a new or grown exit may overshoot the position known when it was planned."""
    others = [o for o in group.live if o.client_order_id != intent.client_order_id]
    own = next((o for o in group.orders if o.client_order_id == intent.client_order_id), None)
    wanted = intent.quantity - (own.filled if own is not None else 0)
    same_side = [o for o in others if o.side is intent.side]
    if intent.leg is Leg.EXIT:
        rivals = sum(worst_case(o) for o in same_side)
    elif intent.leg is Leg.STOP:
        rivals = sum(worst_case(o) for o in same_side if o.leg in (Leg.STOP, Leg.EXIT))
    else:
        rivals = sum(worst_case(o) for o in same_side if o.leg in (*TARGET_LEGS, Leg.EXIT))
    return wanted + rivals - abs(group.position)


class DeskMachine(RuleBasedStateMachine):
    """Rules are what the world may do to the desk; invariants hold after each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(
        side=st.sampled_from(Side),
        quantity=st.integers(1, 12),
        shares=st.sampled_from([(10_000,), (5_000, 5_000), (3_000, 7_000), ()]),
        trail=st.sampled_from([0, 150]),
        is_calm=st.booleans(),
    )
    def begin(
        self, side: Side, quantity: int, shares: tuple[int, ...], trail: int, is_calm: bool
    ) -> None:
        sign = side.sign
        targets = tuple(
            Target(price_paise=100_000 + sign * 300 * (n + 1), share_bps=share)
            for n, share in enumerate(shares)
        )
        plan = a_plan(
            side=side,
            quantity=quantity,
            targets=targets,
            trail_paise=trail,
            price_stop_paise=100_000 - sign * 300,
            entry_expires_at_ns=a_plan().at_ns + 30 * NS_PER_S,
        )
        self.world = World(plan=plan)
        self.world.tick(100_000 + sign * 50)
        self.world.settle()
        self.world.start(self.world.oco_name)
        if is_calm:
            self.world.settle()
            self.world.tick(100_000)

    @rule(queue=st.integers(0, 4), count=st.integers(1, 5))
    def deliver(self, queue: int, count: int) -> None:
        names = sorted(self.world.queues)
        for _ in range(count):
            self._step(names[queue % len(names)])

    @rule()
    def settle(self) -> None:
        for _ in range(5_000):
            if not sum(self._step(name) for name in tuple(self.world.queues)):
                self._check_at_rest()
                return
        raise AssertionError("no rest")

    def _check_at_rest(self) -> None:
        """Nothing is under way: memory equals journal, and exits fit the position."""
        group = self.world.oco.group
        assert group == fold(self.world.plan, self.world.records)
        paced = self.world.settings.resize_fast_count
        if any(o.is_busy or o.refused_count or o.modify_count >= paced for o in group.live):
            return
        working = {leg: sum(o.remaining for o in group.live if o.leg is leg) for leg in Leg}
        targets = working[Leg.TARGET_1] + working[Leg.TARGET_2]
        size = abs(group.position)
        assert max(working[Leg.STOP], targets) + working[Leg.EXIT] <= size, group

    @rule(offset=st.sampled_from([-70, -62, -40, -5, 0, 5, 40, 62, 70]), is_calm=st.booleans())
    def market_goes_where_orders_rest(self, offset: int, is_calm: bool) -> None:
        self.tick(offset, 0)
        if is_calm:
            self.settle()

    @rule(offset=st.integers(-100, 100), depth=st.sampled_from([0, 1, 2, 5]))
    def tick(self, offset: int, depth: int) -> None:
        price = 100_000 + 5 * offset
        self.world.tick(
            price,
            bid_paise=price - 5,
            ask_paise=price + 5,
            bid_quantity=depth,
            ask_quantity=depth,
        )

    @rule(ms=st.integers(1, 5_000))
    def wait(self, ms: int) -> None:
        end_ns = self.world.now_ns + ms * NS_PER_MS
        due = [(at, key) for key, (at, _) in self.world.timers.items() if at <= end_ns]
        for at_ns, key in sorted(due):
            _, message = self.world.timers.pop(key)
            self.world.now_ns = max(self.world.now_ns, at_ns)
            self.world.post(key[0], message)
        self.world.now_ns = end_ns

    @rule(random=st.randoms(use_true_random=False))
    def reports_get_mangled(self, random: Random) -> None:
        def mangle(items: tuple[Message, ...]) -> tuple[Message, ...]:
            mangled = [item for item in items for _ in range(random.choice((1, 1, 2)))]
            random.shuffle(mangled)
            return tuple(mangled)

        self.world.mangle = mangle

    @rule()
    def reports_get_lost(self) -> None:
        self.world.mangle = lambda items: items[:1]

    @rule()
    def reports_come_clean(self) -> None:
        self.world.mangle = lambda items: items

    @precondition(lambda self: not self.world.is_over)
    @rule()
    def group_dies(self) -> None:
        self.world.start(self.world.oco_name)

    @rule()
    def watcher_dies(self) -> None:
        self.world.start("watcher")

    @rule()
    def writer_dies(self) -> None:
        self.world.restart_writer()

    @rule(is_flatten=st.booleans())
    def told_to_exit(self, is_flatten: bool) -> None:
        now_ns = self.world.now_ns
        message = (
            FlattenOrdered(scope="", reason="operator", at_ns=now_ns)
            if is_flatten
            else ExitAdvised(group_id="grp-1", reason="advice", at_ns=now_ns)
        )
        self.world.post(self.world.oco_name, message)

    def _step(self, name: str) -> bool:
        """One delivery; each exit intent that it causes is judged by what the group knew."""
        world = self.world
        before = None
        if name == world.oco_name and name in world.actors:
            before = len(world.queues.get("journal", ()))
        stepped = world.step(name)
        if before is not None:
            for message in list(world.queues.get("journal", ()))[before:]:
                for record in getattr(message, "records", ()):
                    if isinstance(record, IntentPlanned):
                        self._judge(record)
        return stepped

    def _judge(self, intent: IntentPlanned) -> None:
        if intent.leg is Leg.ENTRY or intent.action is Action.CANCEL:
            return
        group = self.world.oco.group
        own = next(o for o in group.orders if o.client_order_id == intent.client_order_id)
        is_shrinking = intent.action is Action.MODIFY and intent.quantity <= own.quantity
        if not is_shrinking:
            assert planned_exposure_excess(group, intent) <= 0, (intent, group)
        if intent.leg is Leg.EXIT:
            direction = group.plan.side.sign * (1 if group.position > 0 else -1)
            assert is_shrinking or intent.side.sign == -direction

    @invariant()
    def no_tag_is_used_twice(self) -> None:
        placed = [i.client_order_id for i in self.world.intents if i.action is Action.PLACE]
        assert len(placed) == len(set(placed))
        assert self.world.broker.duplicate_tag_count == 0

    @invariant()
    def the_book_never_counts_a_trade_twice(self) -> None:
        keys = [(fill.venue_order_id, fill.trade_id) for fill in self.world.fills()]
        assert len(keys) == len(set(keys))

    @invariant()
    def closed_at_most_once(self) -> None:
        assert len(self.world.closed()) <= 1
        assert len(self.world.opened()) <= 1

    @invariant()
    def no_order_is_modified_too_often(self) -> None:
        counts: dict[str, int] = {}
        for intent in self.world.intents:
            if intent.action is Action.MODIFY:
                counts[intent.client_order_id] = counts.get(intent.client_order_id, 0) + 1
        assert max(counts.values(), default=0) <= 25

    def teardown(self) -> None:
        """The storm is over: calm market, clean reports, time. Flat, closed once, P&L exact."""
        world = self.world
        if world.oco_name not in world.actors:
            return
        world.mangle = lambda items: items
        flatten = FlattenOrdered(scope="", reason="end", at_ns=world.now_ns)
        world.post(world.oco_name, flatten)
        for _ in range(60):
            if world.is_over:
                break
            world.tick(100_000, bid_paise=99_995, ask_paise=100_005)
            world.post(world.oco_name, flatten)
            world.advance(5 * NS_PER_S)
        world.settle()
        assert world.is_over, (world.oco.group, world.timers)
        self._check_the_end()

    def _check_single_flight(self) -> None:
        """In journal order no request follows an unanswered placement or request."""
        group = Group(plan=self.world.plan)
        for record in self.world.records:
            if isinstance(record, IntentPlanned) and record.action is not Action.PLACE:
                order = next(o for o in group.orders if o.client_order_id == record.client_order_id)
                assert order.is_terminal or (
                    order.request is None and order.status in (Status.WORKING, Status.TRIGGERED)
                )
            group = evolve(group, record)

    def _check_the_end(self) -> None:
        world = self.world
        self._check_single_flight()
        assert {alert.event for alert in world.alerts} <= FORESEEN, world.alerts
        assert world.position() == 0
        (closed,) = world.closed()
        fills = world.fills()
        gross = -sum(f.side.sign * f.quantity * f.price_paise for f in fills)
        assert closed.pnl_gross_paise == gross
        assert world.oco.group == fold(world.plan, world.records)
        snapshot = world.broker.snapshot(0, world.now_ns)
        assert all(position.quantity == 0 for position in snapshot.positions)
        assert not any(row.status.value in ("OPEN", "TRIGGER PENDING") for row in snapshot.orders)


DeskMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
TestDesk = DeskMachine.TestCase
