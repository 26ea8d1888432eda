"""The day's list of instruments: what is kept of it, how old it may be, where it comes from."""

import datetime as dt
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.brokers.kite.credentials import Credentials
from actors.feeds.kite.fetch import fetch_list
from actors.feeds.kite.plan import names_from_table
from actors.feeds.kite.table import read_table, write_table
from actors.runtime.clock import wall_ns
from actors.stores.secrets import Secret
from engine.errors import BrokerUnreachable, ConfigInvalid
from engine.instruments import Instrument
from engine.market.kite_table import TableRefused, size_faults, table_of, tokens_of
from engine.session import ist_day
from scripts.cli import main
from tests.kitefeed.test_frames import MOCKS

HEAD = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange"
)
ROWS = (
    "408065,1594,INFY,INFOSYS,0.0,,0.0,0.05,1,EQ,NSE,NSE",
    "256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE",
    "12073986,47164,NIFTY26NOVFUT,NIFTY,0.0,2026-11-24,0.0,0.10,65,FUT,NFO-FUT,NFO",
    "259,1,USDINR26NOVFUT,USDINR,0.0,2026-11-26,0.0,0.0025,1000,FUT,CDS-FUT,CDS",
    "257,1,ODD,ODD,0.0,,0.0,0.001,1,EQ,NSE,NSE",
    "x,1,BAD,BAD,0.0,,0.0,0.05,1,EQ,NSE,NSE",
    "258,1,SHORT",
)
DAY = "2026-11-20"


def test_when_the_dump_is_read_then_it_is_slim_exact_and_counted() -> None:
    table, rejected = table_of(DAY, (HEAD, *ROWS))
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["NFO:NIFTY26NOVFUT", "NSE:INFY", "NSE:NIFTY 50"]
    infy, future = rows["NSE:INFY"], rows["NFO:NIFTY26NOVFUT"]
    assert (infy.token, infy.lot, infy.tick_paise, infy.expiry) == (408065, 1, 5, "")
    assert (future.lot, future.tick_paise, future.expiry) == (65, 10, "2026-11-24")
    assert rejected == {"currency": 1, "absurd": 1, "malformed": 2}


@pytest.mark.skipif(not MOCKS.is_dir(), reason="the official mock answers are not here")
def test_when_the_official_dump_is_read_then_all_rows_are_kept() -> None:
    lines = (MOCKS / "instruments_all.csv").read_text().splitlines()
    table, rejected = table_of(DAY, lines)
    assert (len(table.rows), rejected) == (99, {})


@pytest.mark.parametrize(
    "lines", [(), ("<html>", "502"), (HEAD,), (HEAD, ROWS[5]), (HEAD, ROWS[0], ROWS[0])]
)
def test_when_the_dump_is_none_then_nothing_is_kept(lines: tuple[str, ...]) -> None:
    with pytest.raises(TableRefused):
        table_of(DAY, lines)


@pytest.mark.parametrize(
    ("today", "name", "fault"),
    [
        ("2026-11-20", "NSE:INFY", ""),
        ("2026-11-20", "NFO:NIFTY26NOVFUT", ""),
        ("2026-11-21", "NSE:INFY", ""),
        ("2026-11-21", "NFO:NIFTY26NOVFUT", "another's"),
        ("2026-11-27", "NSE:INFY", ""),
        ("2026-11-28", "NSE:INFY", "pahara instruments"),
        ("2026-11-19", "NSE:INFY", "pahara instruments"),
        ("2026-11-20", "NSE:NONE", "not in"),
    ],
)
def test_when_the_list_ages_then_it_is_believed_less(today: str, name: str, fault: str) -> None:
    table, _ = table_of(DAY, (HEAD, *ROWS))
    found, faults = tokens_of(table, [name], today)
    assert fault in " ".join(faults)
    assert bool(faults) is bool(fault)
    assert bool(found) is not bool(fault)


@pytest.mark.conformance("BAD-60", "KITE-29")
@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("259585,1,ODD,ODD,0.0,,0.0,0.05,0,EQ,NSE,NSE", "lot 0"),
        ("259585,1,ODD,ODD,0.0,,0.0,0.0,1,EQ,NSE,NSE", "tick 0"),
        ("408065,1,ODD,ODD,0.0,,0.0,0.05,1,EQ,NSE,NSE", "another's"),
        ("259585,1,ODD,ODD,0.0,2026-11-19,0.0,0.05,1,FUT,NSE,NSE", "expired"),
        ("259585,1,GONE,GONE,0.0,,0.0,0.05,1,EQ,NSE,NSE", "not in"),
    ],
)
def test_bad_60_when_one_row_of_the_list_is_odd_then_that_instrument_alone_is_refused(
    row: str, fault: str
) -> None:
    table, _ = table_of(DAY, (HEAD, *ROWS, row))
    found, faults = tokens_of(table, ["NSE:ODD", "NSE:NIFTY 50"], DAY)
    assert found == {256265: "NSE:NIFTY 50"}
    assert (len(faults), fault in faults[0], "ODD" in faults[0]) == (1, True, True)


@pytest.mark.conformance("BAD-60", "KITE-29")
def test_bad_60_when_two_names_share_a_token_then_neither_has_ticks() -> None:
    table, _ = table_of(DAY, (HEAD, *ROWS, "408065,1,ODD,ODD,0.0,,0.0,0.05,1,EQ,NSE,NSE"))
    found, faults = tokens_of(table, ["NSE:INFY", "NSE:ODD"], DAY)
    assert (found, len(faults)) == ({}, 2)


def test_when_a_derivative_has_expired_then_it_has_no_token() -> None:
    table, _ = table_of("2026-11-25", (HEAD, *ROWS))
    assert "expired" in tokens_of(table, ["NFO:NIFTY26NOVFUT"], "2026-11-25")[1][0]


def test_when_lot_or_tick_differ_from_the_list_then_the_configuration_is_at_fault() -> None:
    table, _ = table_of(DAY, (HEAD, *ROWS))
    fine = Instrument(name="NSE:INFY"), Instrument(name="NSE:NIFTY 50", tick_paise=5)
    assert size_faults(table, fine) == ()
    assert "lot 1" in size_faults(table, [Instrument(name="NSE:INFY", tick_paise=1)])[0]
    assert size_faults(table, [Instrument(name="NFO:NIFTY26NOVFUT", lot=75, tick_paise=10)])


def test_when_the_list_is_kept_then_it_is_ours_alone_and_damage_is_refused(tmp_path: Path) -> None:
    path, (table, _) = tmp_path / "list", table_of(DAY, (HEAD, *ROWS))
    names = names_from_table(path, ("NSE:INFY",))
    with pytest.raises(ConfigInvalid, match="no instrument list"):
        names(DAY)
    write_table(path, table)
    assert (read_table(path), path.stat().st_mode & 0o777) == (table, 0o600)
    assert names(DAY) == {408065: "NSE:INFY"}
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ConfigInvalid, match="damaged"):
        names(DAY)


class Dump(http.server.BaseHTTPRequestHandler):
    """Answers as it is told."""

    answer = (200, "text/csv", "")
    asked: tuple[str, str] = ("", "")

    def do_GET(self) -> None:
        type(self).asked = (self.path, self.headers["Authorization"])
        status, kind, body = self.answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def dump() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Dump)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))  # noqa: TID251 a stub
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


LOGIN = Credentials(Secret("test-key"), Secret("test-token"))


def test_when_the_list_is_fetched_then_it_is_the_brokers_text(dump: str) -> None:
    Dump.answer = (200, "text/csv", "\n".join((HEAD, *ROWS)))
    table, _ = table_of(DAY, fetch_list(LOGIN, dump).splitlines())
    assert len(table.rows) == 3
    assert Dump.asked == ("/instruments", "token test-key:test-token")


@pytest.mark.parametrize(
    "answer",
    [
        (502, "text/html", "<html>test-token</html>"),
        (200, "application/json", '{"status":"success","data":[]}'),
        (
            403,
            "application/json",
            '{"status":"error","error_type":"TokenException","message":"no"}',
        ),
        (200, "application/json", "[]"),
    ],
)
def test_when_something_else_comes_then_it_is_refused_and_shows_no_token(
    dump: str, answer: tuple[int, str, str]
) -> None:
    Dump.answer = answer
    with pytest.raises(BrokerUnreachable) as refused:
        fetch_list(LOGIN, dump)
    assert "test-token" not in str(refused.value)


CONFIG = """
name: kite
market: {{source: kite}}
kite: {{stream_url: "ws://127.0.0.1:1", api_url: "{api}"}}
risk: {{capital_inr: 2000000, loss_day_inr: 40000, risk_per_trade_inr: 2000, heat_max_pct: 1.0,
  positions_max: 3, notional_max_inr: 900000, notional_symbol_max_inr: 400000, orders_day_max: 60}}
instruments: [{{name: "{name}"}}]
strategies: [{{name: ema, use: ema_trend}}]
"""


@pytest.mark.parametrize(("name", "code"), [("NSE:INFY", 0), ("NSE:NONE", 4)])
def test_when_the_operator_fetches_the_list_then_the_configuration_is_held_against_it(
    tmp_path: Path,
    dump: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    code: int,
) -> None:
    monkeypatch.setenv("KITE_API_KEY", "test-key")
    monkeypatch.setenv("KITE_ACCESS_TOKEN", "test-token")
    Dump.answer = (200, "text/csv", "\n".join((HEAD, *ROWS)))
    config, state = tmp_path / "kite.yaml", tmp_path / "var"
    config.write_text(CONFIG.format(api=dump, name=name))
    assert main(["instruments", "--config", str(config), "--state-dir", str(state)]) == code
    assert "3 instruments" in capsys.readouterr().out
    day = read_table(state / "kite_instruments.mpk").day
    assert abs(dt.date.fromisoformat(day) - ist_day(wall_ns())) <= dt.timedelta(days=1)
