"""The one report of a room's end.

Decides who reports: a room may end by itself while another thread fences it, and its supervisor
must hear of it exactly once.
"""

from typing import TYPE_CHECKING

from actors.runtime.roomspec import RoomSpec
from engine.messages.supervision import ChildExited, ExitKind

if TYPE_CHECKING:
    from actors.runtime.directory import Directory


class ExitReport:
    """One per room."""

    __slots__ = ("_claims", "_directory", "_spec")

    def __init__(self, spec: RoomSpec, directory: "Directory") -> None:
        self._spec = spec
        self._directory = directory
        self._claims = [None]

    def claim(self) -> bool:
        """True to the first caller, on whichever thread (a list's pop is atomic)."""
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True

    def send(
        self, kind: ExitKind, reason: str, message_type: str = "", poison: str = "", trace: str = ""
    ) -> None:
        """Tell the supervisor; only who has claimed may."""
        exited = ChildExited(
            name=self._spec.name,
            generation=self._spec.generation,
            kind=kind,
            reason=reason,
            message_type=message_type,
            poison=poison,
            trace=trace,
        )
        self.tell(exited)

    def tell(self, exited: ChildExited) -> None:
        """Hand the report over."""
        self._directory.notify(self._spec.supervisor, exited)
