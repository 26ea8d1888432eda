"""A rehearsal whose processes are killed at random moments, and what the exchange saw meanwhile.

Decides who dies when (a seed) and that the engine is started again as an init system would.
"""

import random
from collections import Counter
from pathlib import Path
from threading import Event

import psutil

from actors.runtime.clock import boot_ns
from scripts.rehearsal.floor import FloorClosed
from scripts.rehearsal.guarded import Guarded
from scripts.rehearsal.stage import Stage

LOOK_S = 0.3
CALM_S = 25.0
"""Nobody is killed so shortly before the square-off and the end."""
VICTIMS = ("writer", "kitefeed/1", "engine")


class Storm:
    """See the module.

    Args:
        pause_s: bounds of the time between two kills.
    """

    def __init__(self, stage: Stage, seed: int, pause_s: tuple[float, float]) -> None:
        self._stage, self._rng, self._pause_s = stage, random.Random(seed), pause_s
        self.guarded = Guarded()
        self.killed: Counter[str] = Counter()
        self.ended_itself: list[int] = []
        self.log: list[str] = []

    def rage(self) -> None:
        """Until it is time to be calm; the engine runs at the end."""
        began_ns = boot_ns()
        until_ns = began_ns + int((self._stage.seconds - CALM_S) * 1e9)
        next_ns = began_ns + int(12e9)
        pause = Event()
        while (now_ns := boot_ns()) < until_ns:
            self.look()
            if now_ns >= next_ns:
                self._kill(self._rng.choice(VICTIMS), (now_ns - began_ns) / 1e9)
                next_ns = boot_ns() + int(self._rng.uniform(*self._pause_s) * 1e9)
            pause.wait(LOOK_S)
        over_ns = began_ns + int(self._stage.seconds * 1e9)
        while boot_ns() < over_ns:
            self.look()
            pause.wait(LOOK_S)

    def look(self) -> None:
        """The operator's look, the init system's, and that of whom the positions belong to."""
        stage = self._stage
        assert stage.engine is not None
        if (code := stage.engine.poll()) is not None:
            self.ended_itself.append(code)
            said = (stage.folder / "engine.out").read_text(errors="replace").splitlines()[-3:]
            self.log.append(f"the engine ended by itself with {code}: {' | '.join(said)}")
            stage.start_engine()
        stage.operate()
        try:
            self.guarded.look(stage.floor.ask("GET", "/truth"), boot_ns())
        except FloorClosed as error:
            raise AssertionError(f"the exchange must not fail: {error}") from None

    def _kill(self, victim: str, at_s: float) -> None:
        engine = self._stage.engine
        assert engine is not None
        found = engine.pid if victim == "engine" else child_named(engine.pid, victim)
        if not found:
            return
        mode = self._stage.status().get("mode")
        psutil.Process(found).kill()
        self.killed[victim] += 1
        self.log.append(f"{at_s:.1f} s: {victim} killed in {mode}")
        if victim == "engine":
            engine.wait(10)
            self._stage.start_engine()


def child_named(pid: int, name: str) -> int:
    """The process of an actor, 0 if it is not there just now."""
    try:
        children = psutil.Process(pid).children()
        return next((c.pid for c in children if _comm(c.pid) == name[-15:]), 0)
    except psutil.Error:
        return 0


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
