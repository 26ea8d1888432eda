import pytest

from engine.market.quality import TickGate, TickLimits, Verdict, check_tick
from engine.market.staleness import Freshness, StalenessLimits
from engine.messages.market import Tick
from engine.messages.values import FeedState, SessionPhase
from engine.session import ns_from_ist
from engine.units import NS_PER_S
from tests.markets import tick

LIMITS = TickLimits(band_low_paise=90_00, band_high_paise=110_00, is_depth_expected=True)
BOOK = {"bid_paise": 99_95, "ask_paise": 100_05, "bid_quantity": 10, "ask_quantity": 10}
NOW = "2024-01-02 10:00:01"


@pytest.fixture
def a_gate() -> TickGate:
    gate = TickGate(LIMITS)
    assert gate.admit(tick(100_00, **BOOK)) == (Verdict.ACCEPT, "")
    return gate


def assert_quarantined(gate: TickGate, bad: Tick, reason: str) -> None:
    last = gate.last
    assert gate.admit(bad) == (Verdict.QUARANTINE, reason)
    assert gate.last is last


@pytest.mark.conformance("BAD-43")
@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (0, "price_zero"),
        (-1, "price_zero"),
        (2**32 - 1, "price_absurd"),
        (89_99, "price_out_of_band"),
        (110_01, "price_out_of_band"),
    ],
)
def test_when_a_price_is_absurd_then_it_is_not_stored_as_last_price(
    a_gate: TickGate, price: int, reason: str
) -> None:
    assert_quarantined(a_gate, tick(price, NOW, **BOOK), reason)


@pytest.mark.conformance("BAD-44")
@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("1970-01-01 05:30:00", "time_ancient"),
        ("2106-02-07 11:58:15", "time_future"),
        ("2024-01-02 10:05:01", "time_future"),
        ("2024-01-02 09:59:59", "time_backward"),
    ],
)
def test_when_a_time_stamp_is_wrong_then_staleness_is_not_refreshed(
    a_gate: TickGate, at: str, reason: str
) -> None:
    feed = Freshness(StalenessLimits(), 0)
    feed.on_phase(SessionPhase.CONTINUOUS, 0)
    bad = tick(100_00, at, **BOOK, received_at_ns=ns_from_ist(NOW))
    assert_quarantined(a_gate, bad, reason)
    verdict, _ = a_gate.admit(bad)
    if verdict is not Verdict.QUARANTINE:
        feed.on_tick(6 * NS_PER_S)
    feed.on_source(6 * NS_PER_S)
    assert feed.judge(6 * NS_PER_S)[0] is FeedState.STALE


@pytest.mark.conformance("BAD-47")
@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        ({"bid_paise": 100_10}, Verdict.EXITS_ONLY, "crossed_book"),
        ({"bid_quantity": -1}, Verdict.QUARANTINE, "negative_quantity"),
        ({"volume_day": -1}, Verdict.QUARANTINE, "negative_quantity"),
        (dict.fromkeys(BOOK, 0), Verdict.EXITS_ONLY, "empty_book"),
        ({"ask_paise": 0, "ask_quantity": 0}, Verdict.EXITS_ONLY, "empty_book"),
        ({"bid_paise": 100_05}, Verdict.ACCEPT, ""),
    ],
)
def test_when_the_book_is_wrong_then_nothing_is_entered_on_it(
    a_gate: TickGate, change: dict[str, int], verdict: Verdict, reason: str
) -> None:
    assert a_gate.admit(tick(100_00, NOW, **(BOOK | change))) == (verdict, reason)


def test_when_one_tick_jumps_then_it_is_a_freak_print(a_gate: TickGate) -> None:
    assert_quarantined(a_gate, tick(104_00, NOW, **BOOK), "price_jump")
    assert a_gate.admit(tick(100_00, "2024-01-02 10:00:02", **BOOK)) == (Verdict.ACCEPT, "")
    assert_quarantined(a_gate, tick(104_00, "2024-01-02 10:00:03", **BOOK), "price_jump")


@pytest.mark.parametrize(
    ("at", "price", "expected"),
    [
        ("2024-01-02 10:00:03", 104_50, Verdict.ACCEPT),
        ("2024-01-02 10:00:04", 104_00, Verdict.ACCEPT),
        ("2024-01-02 10:00:05", 104_00, Verdict.QUARANTINE),
        ("2024-01-02 10:00:01", 104_00, Verdict.QUARANTINE),
        ("2024-01-02 10:00:03", 95_00, Verdict.QUARANTINE),
    ],
)
def test_when_a_second_tick_agrees_in_time_then_the_jump_is_real(
    a_gate: TickGate, at: str, price: int, expected: Verdict
) -> None:
    a_gate.admit(tick(104_00, NOW, **BOOK))
    assert a_gate.admit(tick(price, at, **BOOK))[0] is expected


def test_when_content_never_changes_then_it_is_stuck_until_it_moves() -> None:
    gate = TickGate(TickLimits())
    verdicts = [
        gate.admit(tick(100_00, f"2024-01-02 10:{m:02d}:{s:02d}"))
        for m in range(4)
        for s in (0, 30)
    ]
    assert [reason for _, reason in verdicts] == [""] * 5 + ["stuck"] * 3
    assert verdicts[-1][0] is Verdict.EXITS_ONLY
    assert gate.admit(tick(100_05, "2024-01-02 10:04:00")) == (Verdict.ACCEPT, "")
    assert gate.admit(tick(100_05, "2024-01-03 09:15:00")) == (Verdict.ACCEPT, "")


def test_when_there_is_no_previous_tick_then_no_jump_is_seen() -> None:
    assert check_tick(None, tick(100_00, **BOOK), LIMITS) is None
    assert check_tick(tick(100_00), tick(103_01, NOW, **BOOK), LIMITS) == "price_jump"
    assert check_tick(tick(100_00), tick(103_00, NOW, **BOOK), LIMITS) is None
