"""A failing run made small: fewer faults, fewer switches, a smaller world, the same violation.

Decides the order of what is left out: whole fault classes, the size of the world, the scheduler's
choices all at once, then single decisions by delta debugging, at last their sizes. Refuses to know
what the decisions mean. A smaller run counts only if the same property is violated.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from scripts.simulation.decisions import Key
from scripts.simulation.observer import Observer
from scripts.simulation.profile import Profile
from scripts.simulation.run import Result, run_profile
from scripts.simulation.story import Storyteller

TRIES_MAX: Final = 800
SCHEDULING: Final = (
    "room",
    "priority",
    "priority_change",
    "priority_of",
    "starve_change",
    "starved",
)


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest run found, with its story; `tries` is how many runs that took."""

    profile: Profile
    decisions: dict[Key, int]
    result: Result
    tries: int


class Shrinker:
    """See the module. One use.

    Args:
        violated: the id that a smaller run must violate too.
        watchers: checks besides those of every run.
    """

    def __init__(
        self, profile: Profile, violated: str, watchers: tuple[type[Observer], ...] = ()
    ) -> None:
        self._profile = profile
        self._watchers = watchers
        self._violated = violated
        self._decisions: dict[Key, int] = {}
        self._tries = 0

    def shrink(self) -> Shrunk:
        """Run it again, then make it smaller while it lasts."""
        result, self._decisions = run_profile(self._profile, None, self._watchers)
        assert result.violated == self._violated, f"not reproduced: {result.violated!r}"
        self._shrink_profile()
        for fault in sorted({point.partition("/")[0] for point, _ in self._decisions}):
            self._try_without(partial(_is_of, fault))
        self._try_without(lambda key: key[0] in SCHEDULING)
        self._shrink_world()
        self._delta_debug()
        self._shrink_values()
        watchers: tuple[type[Observer], ...] = (Storyteller, *self._watchers)
        last, taken = run_profile(self._profile, self._decisions, watchers)
        return Shrunk(profile=self._profile, decisions=taken, result=last, tries=self._tries)

    def _shrink_profile(self) -> None:
        """A smaller world from the seed itself comes first: fewer faults armed, FIFO, one of all.
        What each change does to the draws is left to chance: it counts if the violation stays."""
        for fault in tuple(self._profile.armed):
            armed = {key: row for key, row in self._profile.armed.items() if key != fault}
            self._adopt(msgspec.structs.replace(self._profile, armed=armed), None)
        for smaller in self._smaller_worlds():
            self._adopt(smaller, None)

    def _shrink_world(self) -> None:
        for smaller in self._smaller_worlds():
            self._adopt(smaller, self._decisions)

    def _smaller_worlds(self) -> Iterator[Profile]:
        """The profile with one thing smaller, as it stands when asked for."""
        replace = msgspec.structs.replace
        if self._profile.policy != "fifo":
            yield replace(self._profile, policy="fifo")
        if self._profile.days > 1:
            yield replace(self._profile, days=1)
        if self._profile.instruments_count > 1:
            yield replace(self._profile, instruments_count=1)
        if self._profile.strategies_count > 1:
            live_count = min(1, self._profile.live_count)
            yield replace(self._profile, strategies_count=1, live_count=live_count)

    def _try_without(self, is_left_out: Callable[[Key], bool]) -> bool:
        kept = {key: value for key, value in self._decisions.items() if not is_left_out(key)}
        return len(kept) < len(self._decisions) and self._adopt(self._profile, kept)

    def _delta_debug(self) -> None:
        """Leave out ever smaller parts of the decisions until none can be left out."""
        parts = 2
        while parts <= len(self._decisions) and self._tries < TRIES_MAX:
            if any(
                self._adopt(self._profile, kept) for kept in _complements(self._decisions, parts)
            ):
                parts = max(2, parts - 1)
            elif parts == len(self._decisions):
                return
            else:
                parts = min(len(self._decisions), 2 * parts)

    def _shrink_values(self) -> None:
        """Milder decisions: the mildest that is not harmless, else ever closer to what it was."""
        for key in tuple(self._decisions):
            value = self._decisions.get(key, 0)
            for milder in sorted({1, value // 4, value // 2} - {0, value}):
                if milder < value and self._adopt(self._profile, {**self._decisions, key: milder}):
                    break

    def _adopt(self, profile: Profile, forced: Mapping[Key, int] | None) -> bool:
        """Take a smaller run if it still fails in the same way."""
        if self._tries >= TRIES_MAX:
            return False
        self._tries += 1
        result, taken = run_profile(profile, forced, self._watchers)
        if result.violated != self._violated:
            return False
        self._profile, self._decisions = profile, taken
        return True


def _is_of(fault: str, key: Key) -> bool:
    return key[0].partition("/")[0] == fault


def _complements(decisions: Mapping[Key, int], parts: int) -> list[dict[Key, int]]:
    keys: Sequence[Key] = list(decisions)
    size = -(-len(keys) // parts)
    return [
        {key: decisions[key] for key in (*keys[:at], *keys[at + size :])}
        for at in range(0, len(keys), size)
    ]
