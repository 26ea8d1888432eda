"""The rules that need the quantity, and the whole assessment of a proposal.

Decides size and, on the sized plan, every cap once more with its own arithmetic: sizing keeps
within the caps, and these rules do not trust it. Refuses to reserve. The table is like that of
engine/risk/rules.py.
"""

from collections.abc import Callable
from typing import Final

from engine.instruments import Instrument
from engine.messages.signals import EntryProposed
from engine.messages.values import Refusal
from engine.portfolio.sizing import risk_of, size, unit_notional
from engine.risk.rules import PROPOSAL_RULES
from engine.risk.settings import RiskSettings
from engine.risk.shape import refuse
from engine.risk.view import RiskView, Sized
from engine.units import BPS

SizeRule = Callable[[Sized, RiskView, RiskSettings], Refusal | None]


def size_zero(sized: Sized, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del settings
    assert view.instrument is not None
    lot = view.instrument.lot
    if sized.quantity >= lot and sized.quantity % lot == 0:
        return None
    return refuse("size_zero", sized.quantity, lot, "not even one lot fits risk and caps")


def freeze(sized: Sized, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """The quantity is one that the exchange takes in one order (CTL-01)."""
    del settings
    assert view.instrument is not None
    cap = view.instrument.freeze_quantity or sized.quantity
    if 0 < sized.quantity <= cap:
        return None
    return refuse("freeze_quantity", sized.quantity, cap, "over the freeze quantity")


def risk_per_trade(sized: Sized, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del view
    limit = settings.risk_per_trade_paise
    if 0 < sized.risk_paise <= limit:
        return None
    return refuse("risk_per_trade", sized.risk_paise, limit, "the planned loss is too large")


def heat(sized: Sized, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """The sum of open and reserved risk with this plan."""
    total, limit = view.risk_open_paise + sized.risk_paise, settings.heat_paise_max
    if 0 < total <= limit:
        return None
    return refuse("heat", total, limit, "the account carries too much open risk")


def notional(sized: Sized, view: RiskView, settings: RiskSettings) -> Refusal | None:
    total, limit = view.notional_paise + sized.notional_paise, settings.notional_paise_max
    if 0 < total <= limit:
        return None
    return refuse("notional_max", total, limit, "the account's exposure")


def notional_symbol(sized: Sized, view: RiskView, settings: RiskSettings) -> Refusal | None:
    total = view.notional_symbol_paise + sized.notional_paise
    limit = settings.notional_symbol_paise_max
    if 0 < total <= limit:
        return None
    return refuse("notional_symbol_max", total, limit, "the instrument's exposure")


def capital(sized: Sized, view: RiskView, settings: RiskSettings) -> Refusal | None:
    blocked = (view.notional_paise + sized.notional_paise) * settings.margin_bps
    used, limit = -(-blocked // BPS), settings.capital_paise_max
    if 0 < used <= limit:
        return None
    return refuse("capital_max", used, limit, "the capital is in use")


CAP_RULES: Final[tuple[SizeRule, ...]] = (notional, notional_symbol, capital)
"""Asked of one lot where not even that much fits, so that the answer names the cap."""
SIZE_RULES: Final[tuple[SizeRule, ...]] = (size_zero, freeze, risk_per_trade, heat)


def assess(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Sized | Refusal:
    """Run every rule in order.

    Args:
        proposal: from outside the core; nothing of it is trusted.
        view: the account now.
        settings: sound ones (`settings.faults()` is empty).

    Returns:
        The sized plan, or the first refusal.
    """
    for rule in PROPOSAL_RULES:
        if refusal := rule(proposal, view, settings):
            return refusal
    assert view.instrument is not None
    quantity = size(
        proposal.price_limit_paise,
        proposal.price_stop_paise,
        view.instrument,
        view.room(settings),
        charges_bps=settings.charges_bps,
        margin_bps=settings.margin_bps,
    )
    sized = _sized(quantity, proposal, view.instrument, settings)
    probe = sized if quantity else _sized(view.instrument.lot, proposal, view.instrument, settings)
    for table, subject in ((CAP_RULES, probe), (SIZE_RULES, sized)):
        for size_rule in table:
            if refusal := size_rule(subject, view, settings):
                return refusal
    return sized


def _sized(
    quantity: int, proposal: EntryProposed, spec: Instrument, settings: RiskSettings
) -> Sized:
    price, stop = proposal.price_limit_paise, proposal.price_stop_paise
    return Sized(
        quantity=quantity,
        notional_paise=quantity * unit_notional(price, spec),
        risk_paise=risk_of(quantity, price, stop, spec, settings.charges_bps),
    )
