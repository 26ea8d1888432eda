"""`make rehearsal`: LIVE against the practice exchange, from the keys to the comparison.

Decides what a rehearsal must show: live entries were made, everything is flat, the ledger was
written, and the exchange agrees with the journal on every order and fill. Exit code 0 if all holds,
1 if not, 4 for a bad configuration.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from actors.stores.database import open_database
from actors.stores.live_ledger import LEDGER_FILE
from engine.errors import ConfigInvalid, PaharaError
from scripts import exits
from scripts.cli import duration_s
from scripts.rehearsal.stage import Stage
from scripts.rehearsal.truth import Comparison, Journal, compare, read_journal, show

NAKED_S_MAX: Final = 10.0
CONFIG: Final = Path("configs/rehearsal.yaml")


def main(argv: list[str] | None = None) -> int:
    """Parse, play, compare."""
    parser = argparse.ArgumentParser(prog="python -m scripts.rehearsal.command")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--for", dest="seconds", type=duration_s, default=120)
    parser.add_argument("--folder", type=Path, help="where it lies; a new one under the temp dir")
    args = parser.parse_args(argv)
    folder = args.folder or Path(tempfile.mkdtemp(prefix="pahara-rehearsal-"))
    try:
        return rehearse(args.config, folder, float(args.seconds))
    except ConfigInvalid as error:
        print("\n".join(f"configuration: {fault}" for fault in error.faults), file=sys.stderr)
        return exits.CONFIG
    except PaharaError as error:
        print(f"error: {error}", file=sys.stderr)
        return exits.ERROR


def rehearse(config: Path, folder: Path, seconds: float) -> int:
    """One rehearsal; prints what it has seen. Returns the exit code."""
    stage = Stage(config, folder, seconds)
    try:
        stage.prepare()
        times = stage.times
        print(f"rehearsal in {folder}: from {times.start} IST, {times.speed} times real speed")
        stage.start_engine(seconds)
        code = stage.play()
        truth = stage.floor.ask("GET", "/truth")
    finally:
        floor_code = stage.close()
    journal = journal_of(stage.state_dir)
    found = compare(truth, journal)
    entries = ledger_entries(stage.state_dir)
    print((folder / "engine.out").read_text(errors="replace")[-3_000:])
    print(show(found))
    print(f"ledger: {len(entries)} live entries; the phrase was taken {stage.armed_count} times")
    print(f"longest without a stop at the exchange: {stage.guarded.naked_s_max:.1f} s")
    faults = verdict(found, entries, journal)
    if not stage.guarded.naked_s_max <= NAKED_S_MAX:
        faults.append(f"a position stood unprotected for more than {NAKED_S_MAX:.0f} s")
    faults += [f"the engine ended with {code}"] if code else []
    faults += [f"the exchange ended with {floor_code}"] if floor_code else []
    for fault in faults:
        print(f"FAILED   {fault}")
    return exits.ERROR if faults else exits.OK


def verdict(found: Comparison, entries: list[dict[str, object]], journal: Journal) -> list[str]:
    """What a rehearsal has not shown."""
    faults = [] if found.is_equal else ["exchange and journal differ"]
    if not found.by_leg.get("entry"):
        faults.append("no live entry was filled")
    placed = {order.tag for order in journal.orders if order.leg == "entry" and order.filled}
    listed = {entry["client_order_id"] for entry in entries}
    if missing := placed - listed:
        faults.append(f"filled entries that are not in the ledger: {sorted(missing)[:5]}")
    return faults


def journal_of(state_dir: Path) -> Journal:
    """The live book of an engine that has ended."""
    database = open_database(state_dir, None)
    database.start()
    try:
        return read_journal(database.dsn)
    finally:
        database.stop()


def ledger_entries(state_dir: Path) -> list[dict[str, object]]:
    """The lines of the day's ledger."""
    entries = json.loads((state_dir / LEDGER_FILE).read_text(encoding="utf-8"))["entries"]
    return [dict(entry) for entry in entries]


if __name__ == "__main__":
    sys.exit(main())
