"""The only source of chance of a run.

Decides what happens wherever something could go one way or another, from a seed or from a list.
Refuses to know what is decided. A draw is keyed by its point and its number there; draws that are
not the harmless default are kept, so that a run can be repeated with a part of them, everything
else being harmless. That is what makes shrinking possible.
"""

import random
from collections.abc import Mapping
from typing import TypeAlias

Key: TypeAlias = tuple[str, int]
"""A point and the ordinal of a draw at it."""


class Decisions:
    """Draws from a seed, or from a list of draws that are not harmless.

    Args:
        seed: of the run.
        forced: the draws to repeat; None draws from the seed.
    """

    def __init__(self, seed: int, forced: Mapping[Key, int] | None = None) -> None:
        self.taken: dict[Key, int] = {}
        self._draw = random.Random(f"decisions/{seed}").random  # noqa: S311 - a world, no secrets
        self._forced = forced
        self._ordinals: dict[str, int] = {}

    def pick(self, point: str, count: int) -> int:
        """A number in 0..count-1; 0 is the harmless one."""
        ordinals = self._ordinals
        ordinals[point] = ordinal = ordinals.get(point, -1) + 1
        if self._forced is None:
            value = int(self._draw() * count)
        else:
            value = min(self._forced.get((point, ordinal), 0), count - 1)
        if value:
            self.taken[point, ordinal] = value
        return value

    def happens(self, point: str, ppm: int) -> bool:
        """Whether something of that likelihood (in a million) happens; the default is no."""
        ordinals = self._ordinals
        ordinals[point] = ordinal = ordinals.get(point, -1) + 1
        if self._forced is None:
            is_so = self._draw() * 1_000_000 < ppm
        else:
            is_so = self._forced.get((point, ordinal), 0) > 0
        if is_so:
            self.taken[point, ordinal] = 1
        return is_so
