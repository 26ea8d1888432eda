"""How long a login lasts: until the next 06:00 IST, or until the broker says no."""

import pytest

from engine.kite.token_life import Login, TokenLife, ends_at_ns
from engine.session import ist_text, ns_from_ist
from engine.units import NS_PER_S

NOW = ns_from_ist("2026-11-20 08:00:00")


@pytest.mark.parametrize(
    ("seen", "ends"),
    [
        ("2026-11-20 08:00:00", "2026-11-21 06:00:00"),
        ("2026-11-20 23:59:59", "2026-11-21 06:00:00"),
        ("2026-11-21 05:59:59", "2026-11-21 06:00:00"),
        ("2026-11-21 06:00:00", "2026-11-22 06:00:00"),
    ],
)
def test_when_a_token_is_seen_alive_then_it_ends_at_the_next_six_o_clock(
    seen: str, ends: str
) -> None:
    assert ist_text(ends_at_ns(ns_from_ist(seen))) == ends


@pytest.fixture
def life() -> TokenLife:
    """A token seen at 08:00."""
    made = TokenLife()
    assert made.see("a", "", NOW)
    return made


def test_when_nothing_was_seen_then_the_login_is_not_valid() -> None:
    assert TokenLife().state(NOW) == Login(is_valid=False, left_s=0, why="no token was seen yet")


def test_when_time_passes_then_the_seconds_run_down_to_the_end(life: TokenLife) -> None:
    assert life.state(NOW) == Login(is_valid=True, left_s=22 * 3_600, why="")
    end_ns = NOW + 22 * 3_600 * NS_PER_S
    assert life.state(end_ns - NS_PER_S).left_s == 1
    assert life.state(end_ns) == Login(is_valid=False, left_s=0, why="the token ended at 06:00 IST")
    assert not life.see("a", "", end_ns), "the same token is not alive again"
    assert not life.state(end_ns).is_valid
    assert life.see("b", "", end_ns)
    assert life.state(end_ns).left_s == 24 * 3_600
    assert life.renewed_count == 1


def test_when_the_broker_refuses_then_it_is_over_until_there_is_another_token(
    life: TokenLife,
) -> None:
    life.refuse(is_refused=True)
    assert "refused" in life.state(NOW).why
    assert not life.see("a", "", NOW)
    assert not life.state(NOW).is_valid
    assert life.see("b", "", NOW)
    assert life.state(NOW).is_valid


def test_when_the_file_cannot_be_read_then_it_says_why_and_comes_back(life: TokenLife) -> None:
    assert not life.see("", "mode is 0644, need 0600", NOW)
    assert life.state(NOW) == Login(is_valid=False, left_s=0, why="mode is 0644, need 0600")
    assert not life.see("a", "", NOW + NS_PER_S)
    assert life.state(NOW).is_valid
    assert life.renewed_count == 0
