"""The account is closed to us: entries stop at once, a person is told, and nothing rises unseen."""

import pytest

from actors.writer import WriterBehaviour
from engine.messages.broker import SnapshotRequested
from engine.messages.control import AlertRaised, CeilingMoved
from engine.messages.values import Authority, Book
from engine.risk.gate import GateCaps
from tests.actors.test_writer import FakeBroker
from tests.fakes import FakeContext, journaled, opened
from tests.risk_samples import INFY, NOW, authority, intent, tick


class ClosingBroker(FakeBroker):
    """A fake that can be closed to us."""

    def __init__(self) -> None:
        super().__init__()
        self.why: str | None = None

    @property
    def closed_because(self) -> str | None:
        return self.why


@pytest.fixture
def broker() -> ClosingBroker:
    return ClosingBroker()


@pytest.fixture
def writer(broker: ClosingBroker) -> WriterBehaviour:
    return WriterBehaviour(
        brokers={Book.PAPER: broker},
        instruments=(INFY,),
        caps=GateCaps(quantity_max=100, notional_paise_max=100_000_000),
    )


@pytest.fixture
def ctx(writer: WriterBehaviour) -> FakeContext:
    ctx = opened(writer, FakeContext("writer", now_ns=NOW))
    writer.receive(authority())
    return ctx


def reads(writer: WriterBehaviour) -> None:
    writer.receive(SnapshotRequested(request_id=1, reason="test"))


def moved(ctx: FakeContext) -> list[tuple[str, Authority]]:
    return [
        (message.ceiling.owner, message.ceiling.authority)
        for _, message in ctx.sent
        if isinstance(message, CeilingMoved)
    ]


def alerts(ctx: FakeContext) -> list[tuple[str, str]]:
    return [(m.severity, m.event) for _, m in ctx.sent if isinstance(m, AlertRaised)]


def test_when_the_account_closes_then_entries_stop_and_a_person_is_told_once(
    broker: ClosingBroker, writer: WriterBehaviour, ctx: FakeContext
) -> None:
    broker.why = "log in"
    reads(writer)
    reads(writer)
    assert moved(ctx) == [("broker", Authority.REDUCE)]
    assert alerts(ctx) == [("critical", "account_closed")]


def test_when_an_order_shows_it_then_it_is_told_as_well(
    broker: ClosingBroker, writer: WriterBehaviour, ctx: FakeContext
) -> None:
    broker.why = "log in"
    writer.receive(tick())
    writer.receive(journaled()(intent()))
    assert broker.calls
    assert moved(ctx) == [("broker", Authority.REDUCE)]


def test_when_the_account_opens_again_then_the_ceiling_rises(
    broker: ClosingBroker, writer: WriterBehaviour, ctx: FakeContext
) -> None:
    for why in ("log in", None, ""):
        broker.why = why
        reads(writer)
    assert moved(ctx) == [("broker", Authority.REDUCE), ("broker", Authority.FULL)]
    assert alerts(ctx)[-1] == ("info", "account_opened")


def test_when_a_new_writer_has_seen_no_answer_then_nothing_rises(
    broker: ClosingBroker, writer: WriterBehaviour, ctx: FakeContext
) -> None:
    reads(writer)
    assert moved(ctx) == []
    broker.why = ""
    reads(writer)
    assert moved(ctx) == [("broker", Authority.FULL)]
    assert alerts(ctx) == []
