"""The authority's latches: on disk first, then in the journal, and told if the disk refuses.

Decides what a refusing disk means: a latch that cannot be written holds in memory, one that cannot
be removed stays set. Refuses to know modes. Stands alone because a disk that fails must never take
the authority with it.
"""

from actors.runtime.behaviour import Context
from actors.stores.latches import LatchStore
from actors.telling import alert, append
from engine.messages.records import LatchChanged


class Latching:
    """The latches that are set, by name, with their reasons. `unwritten`: those of them that the
    disk has refused; they end with the process."""

    def __init__(self, store: LatchStore) -> None:
        self.held: dict[str, str] = {}
        self.unwritten: set[str] = set()
        self._store = store

    def load(self, ctx: Context) -> None:
        """Read what is set at the start."""
        self._ctx = ctx
        self.held.update(self._store.load())

    def sentinel(self) -> str:
        """The kill sentinel that is present now."""
        return self._store.sentinel()

    def set(self, name: str, reason: str, by: str) -> bool:
        """Set a latch on disk, then journal it. False: the disk refused; it holds in memory."""
        self.held[name] = reason
        self.unwritten.discard(name)
        try:
            self._store.set(name, reason=reason, by=by, at_ns=self._ctx.now_ns())
        except OSError as error:
            self.unwritten.add(name)
            alert(self._ctx, "critical", "latch_not_durable", name, str(error))
        self._journal(name, reason, by, is_set=True)
        return name not in self.unwritten

    def release(self, name: str, reason: str, by: str) -> str:
        """Remove a latch, on disk first. Returns why it stays set, "" if it is gone."""
        if name in self.held:
            try:
                self._store.clear(name)
            except OSError as error:
                alert(self._ctx, "critical", "latch_not_removed", name, str(error))
                return f"the latch {name} cannot be removed: {error}"
            del self.held[name]
            self.unwritten.discard(name)
            self._journal(name, reason, by, is_set=False)
        return ""

    def _journal(self, name: str, reason: str, by: str, *, is_set: bool) -> None:
        now_ns = self._ctx.now_ns()
        changed = LatchChanged(at_ns=now_ns, latch=name, is_set=is_set, reason=reason, by=by)
        append(self._ctx, changed)
