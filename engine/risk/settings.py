"""The limits an operator sets, and every fault in them.

Decides whether a set of limits may be run on. Refuses to know files and rupees: the configuration
turns its units into these. Absent never means unlimited: a limit that is missing, zero, negative
or absurd is a fault, and all faults are told at once (BAD-39).
"""

from typing import Any, Final

import msgspec

from engine import limits
from engine.units import BPS

_HOUR_S: Final = 3_600


class RiskSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one account. Money in paise, ratios in basis points, times in seconds.

    `risk_per_trade_paise_max` and `risk_per_trade_bps_max` (of capital): one is required, of two
    the smaller holds. `margin_bps`: share of the notional that an entry takes from the capital
    (10,000: unleveraged). `charges_bps`: estimate of a round trip's charges, of the notional.
    `entries_end_s`, `flat_by_s`: before the session's close, used where the session does not say.
    `allowlist` empty: all configured instruments. `losses_row_max`: losing groups of one strategy
    in a row before its entries stop for the day.
    """

    capital_paise_max: int
    loss_day_paise_max: int
    heat_bps_max: int
    positions_max: int
    notional_paise_max: int
    notional_symbol_paise_max: int
    orders_day_max: int
    entries_end_s: int
    flat_by_s: int
    price_away_bps_max: int
    proposals_minute_max: int
    tick_age_ms_max: int
    spread_bps_max: int
    losses_row_max: int
    risk_per_trade_paise_max: int = 0
    risk_per_trade_bps_max: int = 0
    margin_bps: int = BPS
    charges_bps: int = 10
    allowlist: tuple[str, ...] = ()
    is_duplicate_day_blocked: bool = False

    @property
    def risk_per_trade_paise(self) -> int:
        """The loss at the stop, charges included, that one trade may plan for."""
        by_share = self.capital_paise_max * self.risk_per_trade_bps_max // BPS
        bounds = [bound for bound in (self.risk_per_trade_paise_max, by_share) if bound > 0]
        return min(bounds, default=0)

    @property
    def heat_paise_max(self) -> int:
        """The sum of open risk that the account may carry."""
        return self.capital_paise_max * self.heat_bps_max // BPS

    def faults(self) -> tuple[str, ...]:
        """Every fault, one line each; empty if the limits may be run on."""
        found = [fault for name, cap in _BOUNDS.items() if (fault := self._bound(name, cap))]
        found += [fault for name, cap in _OPTIONAL.items() if (fault := self._optional(name, cap))]
        if not isinstance(self.allowlist, tuple) or not all(
            isinstance(name, str) and name for name in self.allowlist
        ):
            found.append("allowlist: must be names of instruments")
        if self.is_duplicate_day_blocked not in (True, False):
            found.append("is_duplicate_day_blocked: must be true or false")
        return tuple(found) if found else self._relations()

    def _bound(self, name: str, cap: int) -> str:
        value: Any = getattr(self, name)
        if type(value) is not int:
            return f"{name}: must be a whole number, is {value!r}"
        return "" if 0 < value <= cap else f"{name}: must lie in 1..{cap}, is {value}"

    def _optional(self, name: str, cap: int) -> str:
        value: Any = getattr(self, name)
        if type(value) is not int:
            return f"{name}: must be a whole number, is {value!r}"
        return "" if 0 <= value <= cap else f"{name}: must lie in 0..{cap}, is {value}"

    def _relations(self) -> tuple[str, ...]:
        """How limits relate; asked only once each of them is a sound number."""
        checks = (
            (self.risk_per_trade_paise > 0, "risk_per_trade: absent or below one paisa"),
            (
                self.risk_per_trade_paise <= self.loss_day_paise_max,
                "risk_per_trade: exceeds loss_day_paise_max",
            ),
            (
                self.loss_day_paise_max <= self.capital_paise_max,
                "loss_day_paise_max: exceeds capital_paise_max",
            ),
            (
                self.risk_per_trade_paise <= self.heat_paise_max,
                "risk_per_trade: exceeds the heat of the account",
            ),
            (
                self.notional_symbol_paise_max <= self.notional_paise_max,
                "notional_symbol_paise_max: exceeds notional_paise_max",
            ),
            (self.flat_by_s <= self.entries_end_s, "flat_by_s: before entries_end_s"),
        )
        return tuple(fault for holds, fault in checks if not holds)


_BOUNDS: Final = {
    "capital_paise_max": limits.MONEY_PAISE_MAX,
    "loss_day_paise_max": limits.MONEY_PAISE_MAX,
    "heat_bps_max": limits.HEAT_BPS_MAX,
    "positions_max": limits.POSITIONS_MAX,
    "notional_paise_max": limits.MONEY_PAISE_MAX,
    "notional_symbol_paise_max": limits.MONEY_PAISE_MAX,
    "orders_day_max": limits.ORDERS_DAY_MAX,
    "entries_end_s": 8 * _HOUR_S,
    "flat_by_s": 8 * _HOUR_S,
    "price_away_bps_max": limits.PRICE_AWAY_BPS_MAX,
    "proposals_minute_max": limits.PROPOSALS_MINUTE_MAX,
    "tick_age_ms_max": limits.TICK_AGE_MS_MAX,
    "spread_bps_max": limits.SPREAD_BPS_MAX,
    "losses_row_max": 100,
    "margin_bps": BPS,
}
_OPTIONAL: Final = {
    "risk_per_trade_paise_max": limits.MONEY_PAISE_MAX,
    "risk_per_trade_bps_max": BPS // 10,
    "charges_bps": BPS // 10,
}
