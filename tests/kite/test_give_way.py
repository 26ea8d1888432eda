"""A call to the broker that hangs gives way to an exit that waits; nothing is sent again."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.brokers.kite.session import KiteSession
from actors.brokers.kite.transport import TransportSettings
from actors.give_way import is_urgent
from actors.runtime.clock import boot_ns
from engine.messages.broker import Outcome
from engine.messages.journal import Journaled
from engine.messages.values import Action, Book, Leg
from engine.units import NS_PER_MS, NS_PER_S
from tests.kite.server import ScriptedKite, good, kite
from tests.kite.test_session import FIELDS, GOOD, ID, credentials, drips, is_silent
from tests.kite.test_tls import certify, serve
from tests.risk_samples import intent, tick

__all__ = ["kite"]

PATIENT = TransportSettings(
    total_ns_max=5 * NS_PER_S,
    read_ns_max=5 * NS_PER_S,
    connect_ns_max=5 * NS_PER_S,
    yield_ns=200 * NS_PER_MS,
    read_yield_ns=100 * NS_PER_MS,
)


def took_s(act: Callable[[], object]) -> float:
    began_ns = boot_ns()
    act()
    return (boot_ns() - began_ns) / NS_PER_S


@pytest.fixture
def session(kite: ScriptedKite) -> Iterator[KiteSession]:
    """A client whose calls may take 5 s; a write gives way after 0.2 s, a read after 0.1 s."""
    session = KiteSession(credentials(), kite.root, PATIENT)
    yield session
    session.close()


def test_when_an_exit_waits_then_a_hung_write_is_unknown_and_a_hung_read_has_failed(
    kite: ScriptedKite, session: KiteSession
) -> None:
    kite.then(is_silent, is_silent, drips, good())
    session.yield_to(lambda: True)
    verdicts = []
    for call, patience_s in (
        (lambda: session.place(FIELDS), 0.2),
        (session.orders, 0.1),
        (lambda: session.cancel(ID), 0.2),
    ):
        seconds = took_s(lambda call=call: verdicts.append(call()))  # type: ignore[misc]
        assert patience_s <= seconds < patience_s + 0.5
    assert [verdict.outcome for verdict in verdicts] == [Outcome.UNKNOWN] * 3
    assert verdicts[0].text == "GaveWay: deadline passed"
    assert session.place(FIELDS).outcome is Outcome.ACKED
    assert len(kite.heard) == 4


def test_when_an_exit_waits_then_an_answer_within_its_patience_is_taken(
    kite: ScriptedKite, session: KiteSession
) -> None:
    kite.then(lambda peer: peer.drip(GOOD[:2], 0.04) or peer.send(GOOD[2:]))  # type: ignore[func-returns-value]
    session.yield_to(lambda: True)
    assert session.place(FIELDS).outcome is Outcome.ACKED


def test_when_an_exit_comes_during_a_call_then_the_call_ends_there(
    kite: ScriptedKite, session: KiteSession
) -> None:
    kite.then(is_silent)
    asked: list[int] = []

    def is_awaited() -> bool:
        asked.append(1)
        return len(asked) > 10

    session.yield_to(is_awaited)
    assert 0.35 <= took_s(lambda: session.place(FIELDS)) < 1.5
    assert len(asked) == 11


def test_when_nobody_waits_then_a_slow_answer_is_waited_for(
    kite: ScriptedKite, session: KiteSession
) -> None:
    kite.then(lambda peer: peer.is_over.wait(0.6) or peer.send(GOOD))
    session.yield_to(lambda: False)
    verdict = session.place(FIELDS)
    assert (verdict.outcome, verdict.order_id) == (Outcome.ACKED, ID)


def test_when_nobody_waits_then_a_slow_answer_under_tls_is_waited_for(tmp_path: Path) -> None:
    path = certify(tmp_path, "127.0.0.1")
    server = serve(path)
    server.then(lambda peer: peer.is_over.wait(0.5) or peer.drip(GOOD, 0.002))
    settings = PATIENT._replace(ca_file=str(path))
    session = KiteSession(credentials(), f"https://127.0.0.1:{server.port}", settings)
    session.yield_to(lambda: False)
    verdict = session.place(FIELDS)
    session.close()
    server.close()
    assert (verdict.outcome, verdict.order_id) == (Outcome.ACKED, ID)


def test_when_an_exit_waits_then_a_connection_that_is_never_taken_is_given_up_as_not_sent() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(address)
        session = KiteSession(credentials(), f"http://127.0.0.1:{address[1]}", PATIENT)
        session.yield_to(lambda: True)
        verdicts: list[Any] = []
        assert took_s(lambda: verdicts.append(session.place(FIELDS))) < 1.0
        for one in held:
            one.close()
    assert verdicts[0].outcome is Outcome.NOT_SENT


def live(name: str, **changes: Any) -> Journaled:
    return Journaled(seq=1, record=intent(name, **({"book": Book.LIVE} | changes)))


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        (live("E1"), False),
        (live("E1", action=Action.MODIFY), False),
        (live("E1", action=Action.CANCEL), True),
        (live("S1", leg=Leg.STOP), True),
        (live("T1", leg=Leg.TARGET_1, action=Action.MODIFY), True),
        (live("S1", leg=Leg.STOP, book=Book.PAPER), False),
        (live("S1", leg=Leg.STOP, owner="watcher"), False),
        (tick(), False),
    ],
)
def test_when_it_is_an_exit_or_a_cancel_with_real_money_then_it_is_urgent(
    message: Any, is_one: bool
) -> None:
    assert is_urgent(message) is is_one
