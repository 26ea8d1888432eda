"""Everything that a rehearsal of LIVE stands on: exchange, keys, token file, instruments, engine.

Decides where things lie, which market time is played, and who plays the operator. Refuses to make
anything easier for the engine: it runs as its own process with `--mode live`, both keys and a
phrase. The phrase is sent over the same console that a person uses, and only while the exchange
proves itself a practice one on this machine.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.live_gate import SWITCH, TOKEN, TOKEN_FILE
from actors.runtime.clock import boot_ns
from actors.runtime.environment import without_secrets
from engine.errors import ConfigInvalid
from engine.live_phrase import phrase_of
from engine.session import SegmentClass, Session, ist_text, ns_from_ist
from engine.units import NS_PER_MINUTE, NS_PER_S
from scripts.client import ConsoleClient, NoAnswer, NotRunning
from scripts.rehearsal.floor import Floor, FloorClosed, is_practice
from scripts.rehearsal.guarded import Guarded
from supervisors.config import EngineConfig, load_config
from supervisors.tables import load_sessions

TAIL_S: Final = 5.0
"""Real time between the square-off and the end of the engine."""
LEAD_S: Final = 6.0
"""What exchange and engine need to come up."""
LOOK_S: Final = 0.25
ENGINE_END_S: Final = 60.0
TOKEN_KEPT: Final = "kite_access_token"  # noqa: S105 the name of a file


class Times(msgspec.Struct, frozen=True):
    """When the market begins (IST) and how fast it goes, so that a run of a given real length ends
    just after all is flat."""

    start: str
    speed: int


def plan_times(config: EngineConfig, seconds: float) -> Times:
    """Fit a run into the configured day.

    Raises:
        ConfigInvalid: there is no session on that day.
    """
    session = _session(config)
    flat_ns = session.closes_at_ns - config.session.flat_by_min * NS_PER_MINUTE
    playing_s = max(1.0, seconds - TAIL_S) + LEAD_S
    room_ns = flat_ns - session.opens_at_ns + NS_PER_MINUTE
    speed = max(1, min(config.market.speed, int(room_ns / (playing_s * NS_PER_S))))
    start_ns = flat_ns - int(playing_s * speed * NS_PER_S)
    return Times(start=ist_text(start_ns), speed=speed)


def _session(config: EngineConfig) -> Session:
    day_ns = ns_from_ist(f"{config.market.session_date} 00:00:00")
    found = load_sessions().next_session(day_ns, SegmentClass(config.market.segment))
    if found is None:
        raise ConfigInvalid(("market.session_date: the calendar knows no session",))
    return found


class Stage:
    """See the module. `close` leaves no process behind; the folder stays.

    Args:
        folder: of this rehearsal, outside of any git tree: it holds keys.
        options: more for `pahara exchange`.
    """

    def __init__(self, config: Path, folder: Path, seconds: float, *options: str) -> None:
        self.folder, self.seconds = folder, seconds
        self.state_dir = folder / "engine"
        self.times = plan_times(load_config(config), seconds)
        self.config = self._own_config(config)
        where = ("--start", self.times.start, *options)
        self.floor = Floor(self.config, folder / "exchange", *where)
        self.engine: subprocess.Popen[bytes] | None = None
        self.armed_count = 0
        self.guarded = Guarded()
        self._token = os.urandom(16).hex()  # noqa: TID251 - a key, no decision

    def _own_config(self, config: Path) -> Path:
        """The configuration at the pace of this run."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = load_config(config).market.speed
        text = config.read_text(encoding="utf-8")
        made = self.folder / config.name
        made.write_text(text.replace(f"speed: {before}", f"speed: {self.times.speed}", 1), "utf-8")
        assert load_config(made).market.speed == self.times.speed
        return made

    # -- before -----------------------------------------------------------------------------

    def prepare(self) -> None:
        """Both keys, the login and the list of instruments, as an operator does it each morning."""
        self.state_dir.mkdir(mode=0o700, exist_ok=True)
        keep_secret(self.state_dir / TOKEN_FILE, self._token)
        self.log_in()
        sync_instruments(self._verb("instruments"), self.config, self.environ())

    def log_in(self) -> None:
        """A new token from the exchange into the file that the engine reads."""
        keep_secret(self.state_dir / TOKEN_KEPT, self.floor.token())

    def environ(self) -> dict[str, str]:
        """What the operator has set in his shell."""
        return {
            **without_secrets(os.environ),
            "PAHARA_PRACTICE": str(self.floor.state_file),
            "KITE_API_KEY": str(self.floor.state["api_key"]),
            "KITE_ACCESS_TOKEN_FILE": str(self.state_dir / TOKEN_KEPT),
            SWITCH: "1",
            TOKEN: self._token,
        }

    def _verb(self, name: str) -> list[str]:
        return [sys.executable, "-m", "scripts.cli", name, "--state-dir", str(self.state_dir)]

    # -- the engine -------------------------------------------------------------------------

    def start_engine(self, seconds: float = 0.0) -> None:
        """`pahara run --mode live` in a process of its own; `seconds` 0: until it is ended."""
        command = [*self._verb("run"), "--config", str(self.config), "--mode", "live", "--no-ui"]
        command += ["--summary", str(self.folder / "summary.json")]
        if seconds:
            command += ["--for", f"{max(1, round(seconds))}s"]
        with (self.folder / "engine.out").open("ab") as output:
            self.engine = subprocess.Popen(  # noqa: S603 our own module
                command, env=self.environ(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def status(self) -> dict[str, Any]:
        """What the engine says of itself; empty while nobody answers."""
        try:
            with ConsoleClient(self.state_dir, timeout_s=2) as client:
                reply = client.ask("status")
        except (NotRunning, NoAnswer):
            return {}
        body = reply.get("body")
        return body if isinstance(body, dict) else {}

    def operate(self) -> str:
        """One look of the operator: whoever finds the engine calm on paper types the phrase; one
        who finds it halted by too many starts lets it go on. Returns the mode that was seen."""
        status = self.status()
        mode = str(status.get("mode", ""))
        if mode not in ("PAPER", "HALTED") or not is_practice(self.floor.state):
            return mode
        try:
            with ConsoleClient(self.state_dir, timeout_s=5) as client:
                if mode == "HALTED":
                    client.ask("resume", {"reason": "rehearsal"})
                    return mode
                phrase = phrase_of(int(status["mode_seq"]))
                reply = client.ask("arm", {"phrase": phrase, "reason": "rehearsal"})
        except (NotRunning, NoAnswer):
            return mode
        self.armed_count += reply.get("code") == "OK"
        return mode

    def play(self) -> int:
        """Let it run its time with an operator beside it; the engine's exit code."""
        assert self.engine is not None
        pause, until_ns = threading.Event(), boot_ns() + int(self.seconds * NS_PER_S)
        over_ns = until_ns + int(ENGINE_END_S * NS_PER_S)
        while self.engine.poll() is None and boot_ns() < over_ns:
            if boot_ns() < until_ns:
                self.operate()
            self.guarded.look(self.floor.ask("GET", "/truth"), boot_ns())
            pause.wait(LOOK_S)
        return self.end_engine()

    def end_engine(self) -> int:
        """Its exit code; whoever does not end in time is killed (-9)."""
        engine, self.engine = self.engine, None
        assert engine is not None
        if engine.poll() is None:
            engine.terminate()
            try:
                engine.wait(ENGINE_END_S)
            except subprocess.TimeoutExpired:
                engine.kill()
        return engine.wait()

    def close(self) -> int:
        """Nothing runs any more; the exchange's exit code."""
        if self.engine is not None:
            self.engine.kill()
            self.engine.wait()
        return self.floor.close()


def keep_secret(path: Path, text: str) -> None:
    """A file that nobody else can read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, "utf-8")


def sync_instruments(verb: list[str], config: Path, environ: dict[str, str]) -> None:
    """`pahara instruments`, as an operator does it each morning. Raises FloorClosed."""
    command = [*verb, "--config", str(config)]
    done = subprocess.run(  # noqa: S603 our own module
        command, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise FloorClosed(f"pahara instruments: {done.stderr[-500:]}")
