"""`make paper`: paper trading on the practice exchange, over real sockets.

Decides what stands around `pahara run` when there is no Kite: a practice exchange in a process of
its own with the market of the configuration, a login, the day's list of instruments, and both anew
for each day of the time-lapse. Orders stay on the paper book: the engine has no live account. The
engine itself is `pahara run`, and its exit code is ours.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg

from actors.runtime.clock import LapseClock
from actors.runtime.environment import without_secrets
from actors.stores.database import open_database
from actors.stores.migrate import upgrade
from engine.errors import ConfigInvalid, PaharaError
from engine.session import ist_text
from scripts import exits
from scripts.cli import CONFIG_DEFAULT, duration_s
from scripts.rehearsal.floor import Floor, FloorClosed
from scripts.rehearsal.stage import TOKEN_KEPT, keep_secret, sync_instruments
from supervisors.config import load_config
from supervisors.live import make_clock
from supervisors.stores import database_url
from supervisors.tables import load_sessions

REALM: Final = "paper"
LOOK_S: Final = 1.0
_LAST: Final = "SELECT coalesce(max(at_ns), 0) FROM journal WHERE realm = %s"


def main(argv: list[str] | None = None) -> int:
    """Parse, build the floor, run the engine on it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.rehearsal.paper")
    default = Path(os.environ.get("PAHARA_STATE_DIR") or "var")
    parser.add_argument("--config", type=Path, default=CONFIG_DEFAULT)
    parser.add_argument("--for", dest="seconds", type=duration_s)
    parser.add_argument("--state-dir", type=Path, default=default)
    parser.add_argument("--summary", type=Path)
    parser.add_argument("--no-ui", action="store_true")
    args = parser.parse_args(argv)
    try:
        with _folder() as folder:
            return PaperFloor(args, folder).run()
    except ConfigInvalid as error:
        print("\n".join(f"configuration: {fault}" for fault in error.faults), file=sys.stderr)
        return exits.CONFIG
    except PaharaError as error:
        print(f"error: {error}", file=sys.stderr)
        return exits.ERROR


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """For the keys, which no checkout may hold; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pahara-paper-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class PaperFloor:
    """See the module."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self._args, self._folder = args, folder
        self._state_dir: Path = args.state_dir
        self._config = derived(args.config, folder)
        start = starts_at(args.config, args.state_dir)
        self._floor = Floor(self._config, folder / "exchange", "--start", start)
        self._day = ""

    def run(self) -> int:
        """Until the engine ends; the exchange goes with it."""
        try:
            self._renew()
            engine = self._start()
            signal.signal(signal.SIGTERM, lambda *_: engine.terminate())
            signal.signal(signal.SIGINT, lambda *_: None)  # the engine is asked by the terminal too
            while True:
                try:
                    return engine.wait(LOOK_S)
                except subprocess.TimeoutExpired:
                    self._renew()
        finally:
            self._floor.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        args = self._args
        command = [*self._verb("run"), "--config", str(self._config)]
        command += ["--for", f"{args.seconds}s"] if args.seconds else []
        command += ["--summary", str(args.summary)] if args.summary else []
        command += ["--no-ui"] if args.no_ui else []
        return subprocess.Popen(command, env=self._environ())  # noqa: S603 our own module

    def _renew(self) -> None:
        """Kite forgets tokens and renumbers instruments over night: each day has its own."""
        status: dict[str, Any] = self._floor.ask("GET", "/status")
        if status["trading_day"] == self._day:
            return
        keep_secret(self._folder / TOKEN_KEPT, self._floor.token())
        self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_instruments(self._verb("instruments"), self._config, self._environ())
        self._day = status["trading_day"]

    def _environ(self) -> dict[str, str]:
        return {
            **without_secrets(os.environ),
            **{k: v for k, v in os.environ.items() if k.startswith("DATABASE_URL")},
            "PAHARA_PRACTICE": str(self._floor.state_file),
            "KITE_API_KEY": str(self._floor.state["api_key"]),
            "KITE_ACCESS_TOKEN_FILE": str(self._folder / TOKEN_KEPT),
        }

    def _verb(self, name: str) -> list[str]:
        return [sys.executable, "-m", "scripts.cli", name, "--state-dir", str(self._state_dir)]


def derived(config: Path, folder: Path) -> Path:
    """The same configuration with the practice exchange as its market.

    Raises:
        ConfigInvalid: it has another market than the synthetic one.
    """
    if load_config(config).market.source != "synthetic":
        raise ConfigInvalid(("market.source: `make paper` wants synthetic",))
    text = config.read_text(encoding="utf-8").replace("source: synthetic", "source: kite", 1)
    made = folder / config.name
    made.write_text(f"{text}\nkite: {{practice: $PAHARA_PRACTICE}}\n", encoding="utf-8")
    load_config(made)
    return made


def starts_at(config: Path, state_dir: Path) -> str:
    """Market time of the start, IST: where the journal of the state directory ended, as ever."""
    last_ns = 0
    if any(state_dir.glob("postgres*")) or database_url(os.environ):
        database = open_database(state_dir, database_url(os.environ))
        database.start()
        try:
            with psycopg.connect(database.dsn) as conn:
                upgrade(conn)
                row = conn.execute(_LAST, (REALM,)).fetchone()
                last_ns = int(row[0]) if row else 0
        finally:
            database.stop()
    clock = make_clock(load_config(config), load_sessions(), last_ns)
    if not isinstance(clock, LapseClock):
        raise FloorClosed("`make paper` plays time-lapse: market.speed or session_date")
    return ist_text(clock.start_ns)


if __name__ == "__main__":
    sys.exit(main())
