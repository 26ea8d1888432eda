"""What only the process itself can decide: that the next life, or this one, begins HALTED.

Decides how boot latches HALT: on disk, and where the disk refuses, said aloud, because the next
life will not know. Refuses to know why the tree gave up. Stands alone so that it can be tested
without a life.
"""

import sys

from actors.runtime.log import log_event
from actors.stores.latches import HALT, LatchStore
from engine.units import NS_PER_MINUTE
from supervisors.history import ENGINE_STARTS_MAX, ENGINE_WINDOW_NS, History

_OFTEN = f"more than {ENGINE_STARTS_MAX} starts in {ENGINE_WINDOW_NS // NS_PER_MINUTE} minutes"


def latch_halt(latches: LatchStore, reason: str, now_ns: int) -> bool:
    """Latch HALT, which needs a person. False: the disk refused, and it was said."""
    try:
        latches.set(HALT, reason=reason, by="boot", at_ns=now_ns)
    except OSError as error:
        log_event("latch_not_durable", "ERROR", latch=HALT, reason=reason, why=str(error))
        sys.stderr.write(f"error: HALT could not be latched: {error}\n")
        return False
    return True


def note_start(history: History, latches: LatchStore, now_ns: int) -> None:
    """Count a start of the engine; too many without an orderly end among them begin HALTED."""
    if history.engine_started(now_ns):
        log_event("engine_restarted_too_often", "ERROR", reason=_OFTEN)
        latch_halt(latches, f"{_OFTEN}: a person must look", now_ns)
