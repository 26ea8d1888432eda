"""An exit behind a call that hangs, in the writer's process at the practice exchange: how long it
waits, and that nothing is sent twice for it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from actors.runtime.clock import boot_ns
from engine.messages.broker import BrokerSnapshot, IntentAnswered, Outcome, SnapshotRequested
from engine.messages.journal import Journaled
from engine.messages.records import IntentPlanned
from engine.messages.values import Book
from engine.units import NS_PER_S
from tests.actors.runtime.hosting import wait_until
from tests.contract import practice
from tests.drills.process import note
from tests.exchange.process import Practice
from tests.kite.test_writer_process import LiveHouse
from tests.risk_samples import intent, stop

FAULT = "FLT-16"


@pytest.fixture(scope="module")
def process() -> Iterator[Practice]:
    yield practice.exchange()
    practice.stop_exchange()


class Floor(LiveHouse):
    """The writer of a live account at the practice exchange, with one position of 10 units."""

    def __init__(self, folder: Path, exchange: Practice) -> None:
        super().__init__(folder)
        self.exchange = exchange
        self._struck = self._strikes()
        self.start_writer(exchange.root, 20_000)
        pause = threading.Event()
        for number in range(60):  # a new writer sends nothing in its first second
            answer = self.answer(self.entry(f"LE{number}", "grp-1", 150_500))
            if answer.outcome is Outcome.ACKED:
                break
            assert answer.refusal is not None, answer
            assert answer.refusal.rule == "rate", answer
            pause.wait(0.05)
        self.look()

    def entry(self, tag: str, group: str, price_paise: int) -> IntentPlanned:
        return self.tell(
            intent(
                tag,
                book=Book.LIVE,
                group_id=group,
                owner=f"oco/{group}",
                price_limit_paise=price_paise,
            )
        )

    def stop(self, tag: str, units: int) -> IntentPlanned:
        return self.tell(stop(tag, quantity=units, book=Book.LIVE))

    def tell(self, record: IntentPlanned) -> IntentPlanned:
        self.seq += 1
        self.writer.offer(Journaled(seq=self.seq, record=record))
        return record

    def look(self) -> None:
        """The books are read, so that the gate knows what is held."""
        self.writer.offer(SnapshotRequested(request_id=1, reason="test", book=Book.LIVE))
        while not isinstance(self.watcher.next(), BrokerSnapshot):
            pass

    def answer(self, record: IntentPlanned) -> IntentAnswered:
        while True:
            heard = self.watcher.next()
            if isinstance(heard, IntentAnswered) and heard.intent_id == record.intent_id:
                return heard

    def tags(self) -> list[str]:
        return [order["tag"] for order in self.exchange.truth()["orders"]]

    def hang(self, method: str, count: int = 1) -> None:
        """The next requests of this kind are dropped and never answered."""
        self.exchange.arm(FAULT, amount=0, count=count, method=method, path="/orders")

    def wait_struck(self) -> None:
        """Until one more request hangs."""
        self._struck += 1
        wait_until(lambda: self._strikes() >= self._struck, "a request that hangs")

    def _strikes(self) -> int:
        return int(self.exchange.control("GET", "/faults")["struck"].get(FAULT, 0))


@pytest.fixture
def floor(process: Practice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Floor]:
    process.calm()
    monkeypatch.setenv("KITE_API_KEY", process.state["api_key"])
    token = process.control("POST", "/token")["access_token"]
    monkeypatch.setenv("KITE_ACCESS_TOKEN", token)
    floor = Floor(tmp_path, process)
    yield floor
    floor.end()
    own, exchange = psutil.Process(), process.process.pid
    wait_until(
        lambda: {child.pid for child in own.children(recursive=True)} == {exchange},
        "the writer's process is gone",
    )


def hung_call(floor: Floor, kind: str) -> list[IntentPlanned]:
    """Send what will hang; the intent that owes an answer, if it is one."""
    match kind:
        case "books":
            floor.hang("GET")
            request = SnapshotRequested(request_id=2, reason="test", book=Book.LIVE)
            floor.writer.offer(request)
            return []
        case "exit":
            floor.hang("POST")
            return [floor.stop("LS90", 4)]
        case "entry":
            floor.hang("POST")
            return [floor.entry("LE90", "grp-2", 140_000)]
    raise AssertionError(kind)


@pytest.mark.slow
@pytest.mark.conformance("FLT-16", "INV-04")
def test_when_a_call_hangs_then_an_exit_behind_it_leaves_all_the_same(floor: Floor) -> None:
    for number, (kind, seconds_max) in enumerate((("books", 1.0), ("entry", 2.0), ("exit", 2.0))):
        hung = hung_call(floor, kind)
        floor.wait_struck()
        began_ns = boot_ns()
        own = floor.stop(f"LS{number}", 1)
        outcomes = [floor.answer(record).outcome for record in (*hung, own)]
        seconds = (boot_ns() - began_ns) / NS_PER_S
        note(f"an exit behind {kind} that hung: {seconds:.2f} s")
        assert outcomes == [Outcome.UNKNOWN] * len(hung) + [Outcome.ACKED]
        assert seconds < seconds_max
        floor.look()
    tags = floor.tags()
    assert sorted(tags) == sorted({*tags}), "nothing is there twice"
    assert [tag for tag in tags if tag.startswith("LS")] == ["LS0", "LS1", "LS2"]
    assert "LE90" not in tags, "the request that was lost is not sent again"
