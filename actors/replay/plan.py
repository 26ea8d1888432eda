"""What must be known of a recording before it is replayed: a first pass over its events.

Decides nothing. A handler's answers from its ports, the point at which it was cut off and whether
what it sends was ever handled are all on record *after* its beginning, so they are gathered first.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import Final

import msgspec

from actors.capture.blocks import Seen
from actors.capture.events import Called, Dropped, Ended, Entered, Exited, Handled
from actors.runtime.codec import message_types
from engine.messages.base import Delivery

UNCOUNTED: Final = frozenset(
    kind.__name__
    for kind in message_types()
    if kind.delivery in (Delivery.CONFLATE, Delivery.DROP_OLDEST)
)
"""Kinds of which the recording need not tell what became of each."""


class Plan(msgspec.Struct):
    """Gathered from all events.

    `keys`: (name, generation) -> key. `received`: how often each message was handled by, or lost
    on the way to, a name; what may be conflated or dropped silently is not counted. `ends`: the
    numbers of the events at which a name's generations ended. `is_complete`: it ended in order.
    """

    names: dict[int, tuple[str, int]] = {}
    keys: dict[tuple[str, int], int] = {}
    exits: dict[int, Exited] = {}
    calls: defaultdict[str, deque[Called]] = msgspec.field(
        default_factory=lambda: defaultdict(deque)
    )
    received: Counter[tuple[str, bytes]] = msgspec.field(default_factory=Counter)
    ends: dict[str, list[int]] = {}
    events_count: int = 0
    failures_count: int = 0
    is_complete: bool = False


def plan_of(events: Iterable[Seen]) -> Plan:
    """Read a whole session once."""
    plan = Plan()
    for seen in events:
        plan.events_count += 1
        if seen.event is Handled:
            if seen.kind not in UNCOUNTED:
                plan.received[plan.names[seen.key][0], seen.digest] += 1
        elif seen.event is Dropped:
            if seen.kind not in UNCOUNTED:
                plan.received[seen.name, seen.digest] += 1
        elif seen.event is Called:
            assert seen.call is not None
            plan.calls[seen.name].append(seen.call)
        elif seen.event is Entered:
            plan.names[seen.key] = (seen.name, seen.generation)
            plan.keys[seen.name, seen.generation] = seen.key
        elif seen.event is Exited:
            assert seen.exit is not None
            plan.exits[seen.key] = seen.exit
            plan.ends.setdefault(seen.name, []).append(plan.events_count)
            plan.failures_count += not seen.exit.exited.kind.is_normal
        elif seen.event is Ended:
            plan.is_complete = True
    return plan
