"""Rehearsals for drills: a busier configuration, a stage whose database is gone afterwards, and
what the journal says of orders whose answer was lost."""

import os
from pathlib import Path
from typing import Any

import psycopg
import yaml

from actors.stores.database import open_database
from actors.stores.embedded import EmbeddedPostgres
from engine.journal import decode
from engine.messages.records import OrderFact, OrderUnknown, Record
from scripts.rehearsal.stage import Stage
from tests.fixtures.postgres import remove_server

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "configs" / "rehearsal.yaml"
EAGER = {"name": "eager", "use": "tests.drills.ideas:Eager", "parameters": {"trades_day_max": 50}}


def busy_config(folder: Path) -> Path:
    """The shipped rehearsal with a strategy that enters whatever is free at every bar."""
    config: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    config["strategies"] = [EAGER]
    config["risk"]["losses_row_max"] = 100
    config["risk"]["loss_day_inr"] = 400_000
    path = folder / "busy.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def close(stage: Stage) -> None:
    """Nothing of it runs any more; its exchange has ended without a failure."""
    code = stage.close()
    if (stage.state_dir / "postgres.place").exists():
        remove_server(EmbeddedPostgres(stage.state_dir))
    assert code == 0, (stage.folder / "exchange" / "exchange.log").read_text()[-3_000:]


def records_of(state_dir: Path) -> list[Record]:
    """The whole journal of an engine that has ended."""
    database = open_database(state_dir, None)
    database.start()
    try:
        with psycopg.connect(database.dsn) as conn:
            query = "SELECT body FROM journal WHERE realm = 'paper' ORDER BY seq"
            return [decode(row[0]) for row in conn.execute(query, binary=True)]
    finally:
        database.stop()


def resolutions_s(records: list[Record], speed: int) -> list[float]:
    """For each order of unknown fate the real time until a fact with its number followed."""
    unknown: dict[str, int] = {}
    found = []
    for record in records:
        if isinstance(record, OrderUnknown):
            unknown[record.client_order_id] = record.at_ns
        elif isinstance(record, OrderFact) and record.venue_order_id:
            began_ns = unknown.pop(record.client_order_id, None)
            if began_ns is not None:
                found.append((record.at_ns - began_ns) / 1e9 / speed)
    assert not unknown, f"never resolved: {sorted(unknown)}"
    return found


def figures(values: list[float]) -> str:
    ordered = sorted(values) or [0.0]
    median, p95 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"{len(values)}: median {median:.2f}, p95 {p95:.2f}, worst {ordered[-1]:.2f} s"


def environ_count(name: str, usual: int) -> int:
    return int(os.environ.get(name, str(usual)))
