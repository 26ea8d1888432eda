"""The base of the checks: an observer with the common picture and a look into rooms.

Decides nothing. Refuses to remember anything of its own.
"""

from typing import Any

from scripts.simulation.checks.picture import Picture
from scripts.simulation.observer import Observer


class Check(Observer):
    """A check that looks at the picture."""

    _picture: Picture | None = None

    @property
    def picture(self) -> Picture:
        if self._picture is None:
            self._picture = next(o for o in self.world.observers if isinstance(o, Picture))
        return self._picture

    def room(self, name: str) -> Any:  # noqa: ANN401 - checks look into rooms as they are
        """The behaviour behind a name, None while it is down, recovering, or behind its inbox."""
        host: Any = self.world.runtime.directory.rooms.get(name)
        if host is not None and (host.is_still or len(host.inbox)):
            return None
        found = self.world.behaviour(name)
        if found is None or not getattr(found, "_is_live", True):
            return None
        return found
