"""The database goes away while positions are open: entries stop, exits go on, nothing is lost.

`PAHARA_DRILL_AWAY_S`: for how long, in real seconds (60 for the campaign).
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.runtime.clock import LapseClock, wall_ns
from actors.stores.embedded import EmbeddedPostgres
from engine.messages.control import FlattenOrdered
from engine.messages.records import GroupOpened, IntentPlanned
from engine.messages.values import Action, Leg
from scripts.client import ConsoleClient
from tests.drills.house import House, drill_config
from tests.drills.process import note, stay, wait_until

AWAY_S = float(os.environ.get("PAHARA_DRILL_AWAY_S", "4"))
REFUSED_S, BACK_S, RESUMED_S = 10.0, 15.0, 25.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180 + 2 * int(AWAY_S))]


@pytest.fixture
def a_trading_house(state_dir: Path) -> Iterator[House]:
    """An engine on threads that holds positions."""
    with House(state_dir, drill_config(state_dir / "orders")) as house:
        house.trade()
        yield house


def stop_fast(server: EmbeddedPostgres) -> None:
    """As an administrator would."""
    server.stop("fast")


def kill(server: EmbeddedPostgres) -> None:
    """As a power cut would."""
    server.kill()


@pytest.mark.parametrize("take_away", [stop_fast, kill])
@pytest.mark.conformance("DRL-database")
def test_when_the_database_goes_away_then_exits_go_on_and_nothing_is_lost(
    a_trading_house: House, take_away: Callable[[EmbeddedPostgres], None]
) -> None:
    house, server = a_trading_house, EmbeddedPostgres(a_trading_house.state_dir)
    held = house.books.groups_held()

    take_away(server)
    noticed_s = wait_until(lambda: _lowered(house), REFUSED_S, "the authority lowers entries")
    flatten = FlattenOrdered(scope="", reason="drill", at_ns=house.runtime.clock.now_ns())
    house.directory.deliver("custodian", flatten, "drill")
    flat_s = wait_until(lambda: not house.positions_seen(), REFUSED_S, "the exits fill")
    assert (house.state_dir / "paper.spool").stat().st_size > 8, "the exits are in the spool"
    alerts = (house.state_dir / "alerts.jsonl").read_text()
    assert "journal_unavailable" in alerts
    stay(AWAY_S)
    assert house.mode == "REDUCE"
    with ConsoleClient(house.state_dir) as client:
        status = client.ask("status")["body"]
    assert status["trading_state"] == "reduce_only"
    assert any("journal" in reason or "server" in reason for reason in status["reasons"]), status
    server.start()

    back_s = house.wait(lambda: not _lowered(house), BACK_S, "the ceiling is lifted")
    resumed_s = house.wait(lambda: house.mode == "PAPER", BACK_S, "PAPER")
    house.trades_on(RESUMED_S)
    assert held <= house.books.groups_closed(), "what was open was closed while it was away"
    assert _entries_while_away(house) == []
    _see_reconciled_first(house)
    assert house.reports() == {}, "nobody died of it"
    house.settle()
    note(
        f"{take_away.__name__}: noticed {noticed_s:.2f} s, flat {flat_s:.2f} s,"
        f" lifted {back_s:.2f} s after the return, PAPER {resumed_s:.2f} s later"
    )


def _see_reconciled_first(house: House) -> None:
    """Between the return and the lifting of the ceiling there was a clean reconciliation."""
    back = next(x["at_ns"] for x in house.events("journal_state_changed") if x["is_available"])
    moved = [x for x in house.events("ceiling_moved") if x["owner"] == "journal"]
    lifted = next(x["at_ns"] for x in moved if x["authority"] == "FULL")
    clean = [x["at_ns"] for x in house.events("reconciled") if x["is_clean"]]
    assert any(back < at_ns < lifted for at_ns in clean)


def _lowered(house: House) -> bool:
    """The journal's ceiling lies on everything."""
    ceilings = house.seen.views.get("authority", {}).get("ceilings", [])
    return any(
        ceiling["owner"] == "journal" and ceiling["authority"] != "FULL" for ceiling in ceilings
    )


def _entries_while_away(house: House) -> list[str]:
    """Entries planned between the loss and the first clean reconciliation after it."""
    changes = house.events("ceiling_moved")
    lost_ns = next(x["at_ns"] for x in house.events("journal_state_changed"))
    lifted_ns = next(
        x["at_ns"] for x in changes if x["owner"] == "journal" and x["authority"] == "FULL"
    )
    clock = house.runtime.clock
    wall_to_market = _offset(house)
    lost, lifted = wall_to_market(lost_ns), wall_to_market(lifted_ns)
    assert lifted < clock.now_ns()
    slack = _speed(house) * 50_000_000  # log line and record are not of one instant
    return [
        type(record).__name__
        for record in house.books.records()
        if lost + slack < record.at_ns < lifted - slack
        and (
            isinstance(record, GroupOpened)
            or (
                isinstance(record, IntentPlanned)
                and record.leg is Leg.ENTRY
                and record.action is Action.PLACE
            )
        )
    ]


def _speed(house: House) -> int:
    clock = house.runtime.clock
    assert isinstance(clock, LapseClock)
    return clock.speed


def _offset(house: House) -> Callable[[int], int]:
    """Turns the log's wall clock into the market's."""
    wall, market, speed = wall_ns(), house.runtime.clock.now_ns(), _speed(house)
    return lambda at_ns: market - (wall - at_ns) * speed
