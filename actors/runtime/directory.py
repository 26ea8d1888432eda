"""Names. Messages go to names that survive restarts; refs never leave this room.

Decides which generation of a name receives a message, which sender is void, and keeps exit
notices until their supervisor can take them. Refuses to know trees and restart policy.
"""

import threading
from typing import TYPE_CHECKING

from actors.runtime.deadletters import DeadLetters
from engine.messages.base import Message
from engine.messages.supervision import ChildExited, ChildReady

if TYPE_CHECKING:
    from actors.runtime.room import Room


class Directory:
    """name -> the live room. Look-ups are one dict read; changes are serialised."""

    def __init__(self, dead_letters: DeadLetters | None = None) -> None:
        self.rooms: dict[str, Room] = {}
        self.dead_letters = dead_letters or DeadLetters()
        self._generations: dict[str, int] = {}
        self._notices: dict[str, list[Message]] = {}
        self._lock = threading.Lock()

    def next_generation(self, name: str) -> int:
        """Mint the generation of a new start; strictly increasing for a name."""
        with self._lock:
            self._generations[name] = generation = self._generations.get(name, 0) + 1
        return generation

    def generation(self, name: str) -> int:
        """The highest generation minted for the name, 0 if none."""
        return self._generations.get(name, 0)

    def register(self, room: "Room") -> None:
        """Make a room the receiver of its name; hands over notices kept for it.

        Raises:
            ValueError: another live room has the name (two children with one id: our bug), or the
                supervisor that starts it is void: what it would start nobody would ever end.
        """
        spec = room.spec
        with self._lock:
            if spec.supervisor_generation and not self.is_current(
                spec.supervisor, spec.supervisor_generation
            ):
                raise ValueError(f"its supervisor {spec.supervisor} is void: {room.name}")
            if room.name in self.rooms:
                raise ValueError(f"name in use: {room.name}")
            self.rooms[room.name] = room
            notices = self._notices.pop(room.name, [])
        for notice in notices:
            room.offer(notice)

    def unregister(self, room: "Room") -> None:
        """Forget a room; a newer generation of the name is left alone."""
        with self._lock:
            if self.rooms.get(room.name) is room:
                del self.rooms[room.name]

    def deliver(self, target: str, message: Message, sender: str = "") -> bool:
        """Send from outside any actor (boot, scripts, hosts). False: became a dead letter."""
        room = self.rooms.get(target)
        if room is None:
            self.dead_letters.add(target, message, sender, "absent")
            return False
        if not room.offer(message):
            self.dead_letters.add(target, message, sender, "full")
            return False
        return True

    def notify(self, supervisor: str, notice: ChildExited | ChildReady) -> None:
        """Tell a supervisor of its child; kept while the supervisor itself is away."""
        with self._lock:
            room = self.rooms.get(supervisor)
            if room is None:
                self._notices.setdefault(supervisor, []).append(notice)
                return
        room.offer(notice)

    def is_live(self, name: str) -> bool:
        """Whether somebody would receive a message to the name now."""
        return name in self.rooms

    def is_current(self, name: str, generation: int) -> bool:
        """Whether this generation has the name now: it has neither ended nor been fenced."""
        room = self.rooms.get(name)
        return room is not None and room.spec.generation == generation

    def below(self, supervisor: str) -> "list[Room]":
        """All live rooms below a supervisor's name, parents before children."""
        below: dict[str, list[Room]] = {}
        for room in tuple(self.rooms.values()):
            below.setdefault(room.spec.supervisor, []).append(room)
        found: list[Room] = []
        names = [supervisor]
        for name in names:
            for room in below.pop(name, ()):
                found.append(room)
                names.append(room.name)
        return found

    def orphans(self, supervisor: str) -> "list[Room]":
        """The rooms below a supervisor that is gone, for whoever ends them."""
        return self.below(supervisor)

    def names(self) -> tuple[str, ...]:
        """All live names, in order of registration."""
        with self._lock:
            return tuple(self.rooms)
