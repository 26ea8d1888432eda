"""The exchange's answers against the official mock answers: same keys, same types.

Both go through the real client. The mocks lie beside the project and are not part of it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from requests.adapters import BaseAdapter

from tests.exchange.process import Practice
from tests.exchange.test_rest import place
from tests.markets import DATA

MOCKS = DATA / "reference" / "kite_mocks"
pytestmark = pytest.mark.skipif(not MOCKS.is_dir(), reason="the official mocks are not here")

ORDER = {
    "exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY", "variety": "regular",
    "product": "MIS", "order_type": "LIMIT", "quantity": 1, "price": 1_500, "trigger_price": 0,
}  # fmt: skip
READS: dict[str, tuple[str, Callable[[KiteConnect], Any]]] = {
    "orders": ("orders.json", lambda kite: kite.orders()),
    "history": ("order_info.json", lambda kite: kite.order_history("240101000000001")),
    "trades": ("trades.json", lambda kite: kite.trades()),
    "order_trades": ("order_trades.json", lambda kite: kite.order_trades("240101000000001")),
    "positions": ("positions.json", lambda kite: kite.positions()),
    "holdings": ("holdings.json", lambda kite: kite.holdings()),
    "margins": ("margins.json", lambda kite: kite.margins()),
    "quote": ("quote.json", lambda kite: kite.quote("NSE:INFY")),
    "ohlc": ("ohlc.json", lambda kite: kite.ohlc("NSE:INFY")),
    "ltp": ("ltp.json", lambda kite: kite.ltp("NSE:INFY")),
    "order_margins": ("order_margins.json", lambda kite: kite.order_margins([ORDER])),
    "basket": ("basket_margins.json", lambda kite: kite.basket_order_margins([ORDER])),
    "historical": (
        "historical_minute.json",
        lambda kite: kite.historical_data(408065, "2024-01-01", "2024-01-02", "minute"),
    ),
    "historical_oi": (
        "historical_oi.json",
        lambda kite: kite.historical_data(408065, "2024-01-01", "2024-01-02", "minute", oi=True),
    ),
    "instruments": ("instruments_nse.csv", lambda kite: kite.instruments("NSE")),
}
OLD_HISTORY = {"meta", "guid", "market_protection", "exchange_update_timestamp",
               "status_message_raw"}  # fmt: skip
"""Fields of orders that the history mock, of 2017, does not have yet."""
OLD_ROWS = {"account_id", "validity_ttl", "tags", "auction_number", "terminal_id"}
"""Fields of orders that only some of the mock rows have."""


class File(BaseAdapter):
    """Answers every request with one mock file."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def send(self, request: Any, **_: Any) -> requests.Response:  # type: ignore[override]
        answer = requests.Response()
        answer.status_code = 200
        is_json = self._name.endswith("json")
        answer.headers["Content-Type"] = "application/json" if is_json else "text/csv"
        answer._content = (MOCKS / self._name).read_bytes()
        answer.request = request
        return answer

    def close(self) -> None:
        pass


@pytest.fixture
def traded(practice: Practice, kite: KiteConnect) -> KiteConnect:
    """An account with a trade and a holding."""
    place(kite)
    place(kite, product="CNC", tag="a2")
    return kite


@pytest.fixture
def mocks() -> Iterator[Callable[[str], KiteConnect]]:
    made: list[KiteConnect] = []

    def client(name: str) -> KiteConnect:
        kite = KiteConnect("mock", access_token="mock", root="http://mock")
        kite.reqsession.mount("http://mock", File(name))
        made.append(kite)
        return kite

    yield client
    for kite in made:
        kite.reqsession.close()


def shape(value: Any) -> Any:
    """Keys and types; a list has the shapes of its rows, numbers are one type, None is any."""
    if isinstance(value, dict):
        if any(":" in key for key in value):
            return [shape(row) for row in value.values()]
        return {key: shape(row) for key, row in value.items()}
    if isinstance(value, list | tuple):
        return [shape(row) for row in value]
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in (theirs.keys() - OLD_ROWS) ^ (ours.keys() - OLD_ROWS):
            yield f"{path}.{key}: {'ours' if key in ours else 'theirs'} only"
        for key in theirs.keys() & ours.keys():
            yield from differences(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        assert ours, f"{path}: nothing to compare"
        if theirs and isinstance(theirs[0], str) and isinstance(ours[0], str) and len(theirs) > 1:
            if ours != theirs:
                yield f"{path}: {ours} against {theirs}"
            return
        for row in ours:
            found = [list(differences(row, their, path)) for their in theirs]
            if found and all(found):
                yield min(found, key=len)[0]
    elif "NoneType" not in (ours, theirs) and ours != theirs:
        yield f"{path}: {ours} against {theirs}"


@pytest.mark.parametrize(("name", "read"), READS.values(), ids=READS.keys())
def test_when_an_answer_is_compared_with_the_official_mock_then_keys_and_types_are_the_same(
    traded: KiteConnect,
    mocks: Callable[[str], KiteConnect],
    name: str,
    read: Callable[[KiteConnect], Any],
) -> None:
    ours, theirs = shape(read(traded)), shape(read(mocks(name)))
    if name == "order_info.json":
        ours = [{k: v for k, v in row.items() if k not in OLD_HISTORY} for row in ours]
    assert list(differences(ours, theirs)) == []


def test_when_the_whole_dump_is_read_then_its_columns_are_those_of_the_mock(
    kite: KiteConnect, mocks: Callable[[str], KiteConnect]
) -> None:
    ours, theirs = kite.instruments(), mocks("instruments_all.csv").instruments()
    assert list(ours[0]) == list(theirs[0])


def test_when_charges_are_asked_for_then_they_add_up(kite: KiteConnect) -> None:
    asked = {**ORDER, "order_id": "1", "average_price": 1_500.0, "quantity": 100,
             "transaction_type": "SELL"}  # fmt: skip
    charges = kite.get_virtual_contract_note([asked])[0]["charges"]
    parts = ("transaction_tax", "exchange_turnover_charge", "sebi_turnover_charge", "brokerage",
             "stamp_duty")  # fmt: skip
    assert charges["brokerage"] == 20.0
    assert (
        round(sum(charges[part] for part in parts) + charges["gst"]["total"], 2)
        == (charges["total"])
    )
