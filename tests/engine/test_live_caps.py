"""The caps of live entries and the phrase that opens LIVE: pure rules, boundary pairs."""

import pytest

from engine.live_phrase import order_of, phrase_of
from engine.messages.values import Side
from engine.risk.live_caps import LedgerDay, LiveCaps, LiveEntry, caps_refusal

CAPS = LiveCaps(
    orders_day_max=3, notional_paise_max=1_000, notional_symbol_paise_max=600, allowlist=("A", "B")
)


def entry(symbol: str = "A", paise: int = 100, side: Side = Side.BUY) -> LiveEntry:
    return LiveEntry(
        at="2026-11-20 10:00:00",
        symbol=symbol,
        side=side,
        quantity=1,
        notional_paise=paise,
        client_order_id="LE1",
    )


def refused(new: LiveEntry, *before: LiveEntry, caps: LiveCaps = CAPS) -> str:
    found = caps_refusal(LedgerDay(day="2026-11-20", entries=before), new, caps)
    return found.rule if found else ""


@pytest.mark.parametrize(
    ("new", "before", "rule"),
    [
        (entry(), (), ""),
        (entry("C"), (), "live_allowlist"),
        (entry(paise=0), (), "live_notional"),
        (entry(paise=-5), (), "live_notional"),
        (entry(paise=600), (), ""),
        (entry(paise=601), (), "live_notional_symbol"),
        (entry("B", 401), (entry(paise=600),), "live_notional"),
        (entry("B", 400), (entry(paise=600),), ""),
        (entry("A"), (entry("A", 10),), "live_duplicate"),
        (entry("A", side=Side.SELL), (entry("A", 10),), ""),
        (entry("B"), (entry(), entry(side=Side.SELL)), ""),
        (entry("B"), (entry(), entry(side=Side.SELL), entry("B", 1, Side.SELL)), "live_orders_day"),
    ],
)
def test_when_a_cap_is_reached_then_the_entry_is_refused_by_its_name(
    new: LiveEntry, before: tuple[LiveEntry, ...], rule: str
) -> None:
    assert refused(new, *before) == rule


def test_when_nothing_is_configured_then_the_caps_are_those_of_the_runbook() -> None:
    caps = LiveCaps()
    assert (caps.orders_day_max, caps.notional_paise_max) == (5, 500_000)
    assert refused(entry(paise=100_000), caps=caps) == ""
    assert refused(entry(paise=100_001), caps=caps) == "live_notional_symbol"
    assert refused(entry(), entry("A", 1), caps=caps) == "live_duplicate"


def test_when_the_phrase_is_typed_as_shown_then_it_is_the_authoritys_order() -> None:
    assert order_of(phrase_of(1704)) == "live 1704"
    assert order_of(phrase_of(7, "ema")) == "live 7 ema"


@pytest.mark.parametrize(
    "text",
    [
        "", "TRADE LIVE", "trade live 7", "TRADE LIVE x", "TRADE LIVE 7 ema vwap", "TRADE  LIVE 7",
        "TRADE LIVE 7 ", "TRADE LIVE -7", "TRADE LIVE 7\nx", "live 7", "mode live 7",
        "TRADE LIVE \u0667", "TRADE LIVE " + "9" * 21,
    ],
)  # fmt: skip
def test_when_the_phrase_is_another_then_it_is_nothing(text: str) -> None:
    assert order_of(text) == ""
