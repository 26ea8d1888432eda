"""Which strategies the guard has paused for a storm, and when a pause is over.

Decides whether a storm is a new one. Refuses to lift a pause: a person does, at the authority.
"""

from collections.abc import Iterable

from engine.authority import STORM_OWNER
from engine.messages.control import Ceiling


class Pauses:
    """Paused strategies; True once the pause was seen on the board of ceilings."""

    def __init__(self) -> None:
        self._seen: dict[str, bool] = {}

    def start(self, strategy: str) -> bool:
        """Note a storm. False: it is paused already, nothing more is to be said."""
        is_new = strategy not in self._seen
        self._seen.setdefault(strategy, False)
        return is_new

    def follow(self, ceilings: Iterable[Ceiling]) -> None:
        """A pause that was seen and is gone was lifted: the next storm is a new one."""
        on_board = {c.scope for c in ceilings if c.owner == STORM_OWNER}
        for strategy, was_seen in tuple(self._seen.items()):
            if f"strategy:{strategy}" in on_board:
                self._seen[strategy] = True
            elif was_seen:
                del self._seen[strategy]

    def clear(self) -> None:
        self._seen.clear()
