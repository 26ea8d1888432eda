"""What the engine must know of an instrument to size, price and charge an order.

Decides nothing; values come from the configuration (paper, backtest) or from the day's instrument
dump (live). Refuses currency segments, whose prices have another divisor.
"""

from engine.messages.base import Message
from engine.messages.values import Product


class Instrument(Message, frozen=True, kw_only=True):
    """One tradable name.

    `name` is exchange-qualified ("NSE:INFY"). `segment` chooses session table and charges:
    equity_intraday, equity_delivery, futures, options. `multiplier` turns price x quantity into
    money (1 everywhere at NSE; an index traded on paper uses 1). `freeze_quantity` is the largest
    order in units (0: none known). `band_bps` is the allowed distance of a limit from the last
    price (0: none), `band_low_paise` to `band_high_paise` the exchange's band of the day (0: not
    known).
    """

    name: str
    segment: str = "equity_intraday"
    lot: int = 1
    tick_paise: int = 5
    freeze_quantity: int = 0
    band_bps: int = 0
    band_low_paise: int = 0
    band_high_paise: int = 0
    product: Product = Product.MIS
    multiplier: int = 1
