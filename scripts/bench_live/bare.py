"""What a person writes on the first day: a KiteTicker callback that calls place_order.

Decides nothing; no journal, no risk, no gate. It is the measure of what all of these cost. One line
of JSON an order on stdout: received and acknowledged, boot clock.
"""

import argparse
import json
import os
from typing import Any

from kiteconnect import KiteConnect, KiteTicker

from actors.runtime.clock import boot_ns
from scripts.bench_live.marked import AWAY_PAISE, MARK_BARE

QUANTITY = 1


def main() -> None:
    """Until it is ended. The keys come from the environment."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rest", type=int)
    parser.add_argument("stream", type=int)
    parser.add_argument("name")
    args = parser.parse_args()
    exchange, _, symbol = args.name.partition(":")
    key, token = os.environ["KITE_API_KEY"], os.environ["KITE_ACCESS_TOKEN"]
    kite = KiteConnect(key, access_token=token, root=f"http://127.0.0.1:{args.rest}")
    ticker = KiteTicker(key, token, root=f"ws://127.0.0.1:{args.stream}")
    (wanted,) = (
        int(row["instrument_token"])
        for row in kite.instruments(exchange)
        if row["tradingsymbol"] == symbol
    )

    def on_connect(ws: Any, response: Any) -> None:  # noqa: ANN401, ARG001 the library has no types
        ws.subscribe([wanted])
        ws.set_mode(ws.MODE_FULL, [wanted])
        print(json.dumps({"event": "listening"}), flush=True)

    def on_ticks(ws: Any, ticks: Any) -> None:  # noqa: ANN401, ARG001
        received_ns = boot_ns()
        for tick in ticks:
            if "depth" not in tick or tick["depth"]["buy"][0]["quantity"] != MARK_BARE:
                continue  # the first tick comes before the mode is set
            order_id = kite.place_order(
                variety=kite.VARIETY_REGULAR,
                exchange=exchange,
                tradingsymbol=symbol,
                transaction_type=kite.TRANSACTION_TYPE_BUY,
                quantity=QUANTITY,
                product=kite.PRODUCT_MIS,
                order_type=kite.ORDER_TYPE_LIMIT,
                price=tick["last_price"] - AWAY_PAISE / 100,
                validity=kite.VALIDITY_DAY,
            )
            acked_ns = boot_ns()
            line = {"order_id": order_id, "received_ns": received_ns, "acked_ns": acked_ns}
            print(json.dumps(line), flush=True)

    ticker.on_connect, ticker.on_ticks = on_connect, on_ticks
    ticker.connect()


if __name__ == "__main__":
    main()
