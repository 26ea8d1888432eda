"""What both benches of the live line stand on: made-up instruments, limits that are in nobody's
way, a rehearsal at real speed, and its folders gone afterwards.

Decides the configurations. Refuses to measure.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from actors.runtime.clock import boot_ns
from actors.stores.embedded import EmbeddedPostgres
from engine.errors import PaharaError
from engine.units import NS_PER_S
from scripts.bench_figures import wait_s
from scripts.rehearsal.stage import Stage

PRICE_INR: Final = 1_000
PRICE_PAISE: Final = PRICE_INR * 100
DAY: Final = "2024-01-02"
BEFORE_FLAT_S: Final = 9_000.0
"""The market begins so long before the square-off, far from the end of entries."""
READY_S: Final = 60.0


class NotShown(PaharaError):
    """The bench could not be played. There are no figures."""


def names(count: int) -> list[str]:
    """Instruments that no exchange has."""
    return [f"NSE:BENCH{number:02}" for number in range(count)]


def settings(traded: list[str], *strategies: dict[str, Any]) -> dict[str, Any]:
    """A configuration of a live account at the practice exchange, at real speed."""
    return {
        "name": "bench",
        "market": {
            "source": "kite", "seed": 1, "speed": 1, "session_date": DAY, "segment": "cash_other",
        },
        "kite": {"account": "PX0001", "practice": "$PAHARA_PRACTICE"},
        "instruments": [{"name": name, "price_inr": PRICE_INR} for name in traded],
        "strategies": list(strategies),
        "session": {"entries_end_min": 40, "flat_by_min": 25},
        "live": {
            "orders_day_max": 5_000, "positions_max": 100, "notional_max_inr": 1_000_000_000,
            "notional_symbol_max_inr": 1_000_000_000, "is_duplicate_blocked": False,
        },
        "risk": {
            "capital_inr": 100_000_000, "loss_day_inr": 1_000_000, "risk_per_trade_inr": 1_000,
            "heat_max_pct": 50, "positions_max": 100, "notional_max_inr": 1_000_000_000,
            "notional_symbol_max_inr": 10_000_000, "orders_day_max": 10_000, "margin_pct": 20,
            "proposals_minute_max": 600, "losses_row_max": 100,
        },
    }  # fmt: skip


def write(path: Path, config: dict[str, Any]) -> Path:
    """The configuration as the file that `pahara` reads."""
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


@contextlib.contextmanager
def staged(
    market: dict[str, Any], traded: dict[str, Any], parent: Path | None = None
) -> Iterator[Stage]:
    """A rehearsal that is ready for its engine; nothing of it is left afterwards.

    Args:
        market: the exchange's configuration; its walk is plain.
        traded: the engine's.
        parent: where its folder is made ("/dev/shm": a disk that costs nothing); None: the temp
            dir.
    """
    with tempfile.TemporaryDirectory(prefix="pahara-bench-", dir=parent) as made:
        folder = Path(made)
        stage = Stage(write(folder / "bench.yaml", market), folder, BEFORE_FLAT_S, "--plain")
        try:
            stage.config = write(folder / "traded.yaml", traded)
            stage.prepare()
            stage.floor.ask("POST", "/limits", scale=1)
            yield stage
        finally:
            code = stage.close()
            if (stage.state_dir / "postgres.place").exists():
                database = EmbeddedPostgres(stage.state_dir)
                database.stop("immediate")
                shutil.rmtree(database.place.home, ignore_errors=True)
                shutil.rmtree(database.place.sockets, ignore_errors=True)
        if code:
            raise NotShown(f"the exchange ended with {code}")


def go_live(stage: Stage) -> None:
    """Start the engine and type the phrase. Raises NotShown."""
    stage.start_engine()
    until_ns = boot_ns() + int(READY_S * NS_PER_S)
    while stage.operate() != "LIVE":
        assert stage.engine is not None
        if boot_ns() > until_ns or stage.engine.poll() is not None:
            said = (stage.folder / "engine.out").read_text(errors="replace")[-2_000:]
            raise NotShown(f"the engine is not LIVE: {stage.status()} {said}")
        wait_s(0.1)
