"""What an account is asked: one new order or the new shape of one, as its form says it.

Decides nothing. Stands alone because two front doors fill it in: the simulation from an intent, the
practice exchange from a REST form.
"""

import msgspec

from engine.messages.values import OrderType, Product, Side

DAY = "DAY"
IOC = "IOC"


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One order form.

    `quantity` in units, of a modification the new total. Prices in paise, 0 where the order type
    has none. `protection_bps`: how far a market order may go from the last price, 0 for the
    account's own figure. `is_exit`: it takes from a position (decides faults only).
    """

    tag: str
    instrument: str
    side: Side
    product: Product
    order_type: OrderType
    quantity: int
    price_limit_paise: int = 0
    price_trigger_paise: int = 0
    variety: str = "regular"
    validity: str = DAY
    disclosed_quantity: int = 0
    protection_bps: int = 0
    is_exit: bool = False
