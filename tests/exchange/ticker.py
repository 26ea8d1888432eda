"""A real KiteTicker in a process of its own: its reactor cannot be started twice.

Prints one JSON line for each callback. Arguments: api_key, access_token, root, then mode=token,...
"""

import json
import sys
from typing import Any

from kiteconnect import KiteTicker


def tell(event: str, **values: Any) -> None:
    sys.stdout.write(json.dumps({"event": event} | values, default=str) + "\n")
    sys.stdout.flush()


def main() -> None:
    key, token, root, *wanted = sys.argv[1:]
    ticker = KiteTicker(key, token, root=root)

    def connected(ws: Any, _response: Any) -> None:
        for text in wanted:
            mode, _, tokens = text.partition("=")
            numbers = [int(number) for number in tokens.split(",")]
            ws.subscribe(numbers)
            ws.set_mode(mode, numbers)
        tell("connected")

    ticker.on_connect = connected
    ticker.on_ticks = lambda _ws, ticks: tell("ticks", ticks=ticks)
    ticker.on_order_update = lambda _ws, data: tell("order", data=data)
    ticker.on_close = lambda _ws, code, reason: tell("closed", code=code, reason=reason)
    ticker.on_message = lambda _ws, payload, is_binary: tell(
        "frame", size=len(payload), is_binary=is_binary
    )
    ticker.connect()


if __name__ == "__main__":
    main()
