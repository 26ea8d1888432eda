"""What a room is told at its start, and the words for how far it is.

Decides nothing; stands alone because hosts, supervisors and process children share it.
"""

from collections.abc import Callable
from enum import Enum, unique

import msgspec

from actors.runtime.behaviour import Behaviour


@unique
class RoomState(Enum):
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"


class RoomSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a host needs to run one generation of one actor.

    `poison` holds digests of messages that killed earlier generations: they are parked, counted,
    not handled. `busy_ms_max` is the progress deadline of one message. `supervisor_generation` is
    the one that starts it; 0: started from outside of any tree.
    """

    name: str
    generation: int
    supervisor: str
    supervisor_generation: int = 0
    factory: Callable[[], Behaviour]
    inbox_max: int = 10_000
    conflate_after: int = 256
    busy_ms_max: int = 2_000
    poison: frozenset[str] = frozenset()
