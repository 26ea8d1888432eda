"""The login guard: valid until 06:00 IST or until somebody is refused, told in time and once."""

import json
from typing import Any

import pytest

from actors.brokers.kite.credentials import Credentials
from actors.login_guard import LoginGuard
from actors.stores.secrets import Secret
from engine.errors import StateUnsafe
from engine.kite.token_life import NO_LOGIN
from engine.messages.control import (
    AlertRaised,
    AuthorityChanged,
    AuthorityWanted,
    Ceiling,
    ViewPublished,
)
from engine.messages.market import PhaseChanged, PhaseWanted
from engine.messages.values import Authority, Mode, SessionPhase
from engine.session import ns_from_ist
from engine.units import NS_PER_MINUTE, NS_PER_S
from tests.fakes import FakeContext, opened

EVENING = ns_from_ist("2026-11-20 20:00:00")
OPENS = ns_from_ist("2026-11-23 09:15:00")


class Place:
    """Where the token lies."""

    def __init__(self) -> None:
        self.token = "token-of-friday"
        self.fault = ""

    def __call__(self) -> Credentials:
        if self.fault:
            raise StateUnsafe(self.fault)
        return Credentials(Secret("apikey0123456789"), Secret(self.token))


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext("login", now_ns=EVENING)


@pytest.fixture
def guard(place: Place, ctx: FakeContext) -> LoginGuard:
    """Opened on Friday evening; the next session is on Monday."""
    made = LoginGuard(place)
    opened(made, ctx)
    made.receive(closed())
    return made


def closed(opens_at_ns: int = OPENS) -> PhaseChanged:
    return PhaseChanged(
        phase=SessionPhase.CLOSED,
        trading_day="2026-11-20",
        at_ns=EVENING,
        opens_at_ns=opens_at_ns,
    )


def changed(seq: int, reason: str, authority: Authority) -> AuthorityChanged:
    ceiling = Ceiling(owner="broker", scope="", authority=authority, reason=reason)
    return AuthorityChanged(seq=seq, mode=Mode.LIVE, mode_seq=1, ceilings=(ceiling,), at_ns=EVENING)


def view(ctx: FakeContext) -> dict[str, Any]:
    found = [v for v in ctx.of(ViewPublished, "console") if v.topic == "login"]
    body: dict[str, Any] = json.loads(found[-1].body)
    return body


def told(ctx: FakeContext) -> list[tuple[str, str]]:
    return [(a.severity, a.event) for a in ctx.of(AlertRaised, "alerts")]


def until(ctx: FakeContext, guard: LoginGuard, text: str) -> None:
    ctx.advance(guard, ns_from_ist(text) - ctx.now_ns())


def test_when_it_opens_then_it_asks_for_what_it_needs_and_tells_how_long_it_is(
    ctx: FakeContext, guard: LoginGuard
) -> None:
    assert [w.reader for w in ctx.of(AuthorityWanted, "authority")] == ["login"]
    assert [w.reader for w in ctx.of(PhaseWanted, "calendar")] == ["login"]
    assert view(ctx) == {"valid": True, "left_s": 36_000, "why": "", "renewed_count": 0}
    assert told(ctx) == []
    assert "token-of" not in "".join(v.body for v in ctx.of(ViewPublished))


def test_when_the_token_ends_far_from_the_market_then_one_quiet_word_is_said(
    ctx: FakeContext, guard: LoginGuard
) -> None:
    until(ctx, guard, "2026-11-21 05:59:55")
    assert view(ctx)["valid"] is True
    assert told(ctx) == []
    until(ctx, guard, "2026-11-21 12:00:00")
    assert view(ctx) | {"why": ""} == {"valid": False, "left_s": 0, "why": "", "renewed_count": 0}
    assert told(ctx) == [("warning", "login_ended")]


def test_when_the_market_is_about_to_open_then_it_is_critical_and_repeated(
    ctx: FakeContext, guard: LoginGuard, place: Place
) -> None:
    until(ctx, guard, "2026-11-23 07:44:50")
    assert told(ctx) == [("warning", "login_ended")]
    until(ctx, guard, "2026-11-23 07:46:00")
    assert told(ctx)[1:] == [("critical", "login_wanted")]
    ctx.advance(guard, 13 * NS_PER_MINUTE)
    assert len(told(ctx)) == 2
    ctx.advance(guard, 2 * NS_PER_MINUTE)
    assert told(ctx)[2:] == [("critical", "login_wanted")]
    place.token = "token-of-monday"
    ctx.advance(guard, 5 * NS_PER_S)
    assert told(ctx)[3:] == [("info", "login_renewed")]
    found = view(ctx)
    assert (found["valid"], found["renewed_count"]) == (True, 1)
    assert 21 * 3_600 < found["left_s"] < 22 * 3_600
    ctx.forget()
    ctx.advance(guard, 60 * NS_PER_MINUTE)
    assert told(ctx) == []


@pytest.mark.parametrize("reason", sorted(NO_LOGIN))
def test_when_the_broker_refuses_in_the_session_then_it_is_critical_at_once(
    ctx: FakeContext, guard: LoginGuard, place: Place, reason: str
) -> None:
    session = PhaseChanged(phase=SessionPhase.CONTINUOUS, trading_day="2026-11-20", at_ns=EVENING)
    guard.receive(session)
    guard.receive(changed(1, "the app may not trade", Authority.REDUCE))
    assert view(ctx)["valid"] is True
    guard.receive(changed(2, reason, Authority.REDUCE))
    assert view(ctx)["valid"] is False
    assert told(ctx) == [("critical", "login_wanted")]
    place.token = "another"
    ctx.advance(guard, 5 * NS_PER_S)
    assert view(ctx)["valid"] is True
    guard.receive(changed(3, reason, Authority.REDUCE))
    assert view(ctx)["valid"] is True, "the ceiling stands until the broker has answered"
    guard.receive(changed(4, "orders are taken", Authority.FULL))
    guard.receive(changed(5, reason, Authority.REDUCE))
    assert view(ctx)["valid"] is False
    assert [event for _, event in told(ctx)] == ["login_wanted", "login_renewed", "login_wanted"]


def test_when_nobody_tells_the_phase_then_a_missing_login_is_urgent(place: Place) -> None:
    place.fault = "secret file: mode is 0644, need 0600"
    ctx = FakeContext("login", now_ns=EVENING)
    opened(LoginGuard(place), ctx)
    (raised,) = ctx.of(AlertRaised)
    assert (raised.severity, raised.event) == ("critical", "login_wanted")
    assert "0644" in raised.text
    assert "pahara login" in raised.text
    assert view(ctx)["valid"] is False


def test_when_the_calendar_knows_no_session_then_the_loss_is_told_quietly(
    ctx: FakeContext, guard: LoginGuard, place: Place
) -> None:
    guard.receive(closed(opens_at_ns=0))
    place.fault = "gone"
    ctx.advance(guard, 5 * NS_PER_S)
    assert told(ctx) == [("warning", "login_ended")]
