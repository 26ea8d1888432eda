"""The writer of a live account in a process of its own, over real sockets, killed when it hangs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from actors.brokers.kite.credentials import KEYS
from actors.brokers.kite.place import KitePlace
from actors.live_entries import LivePlan
from actors.runtime.clock import wall_ns
from actors.runtime.room import Room, RoomSpec
from actors.runtime.runtime import HostKind
from actors.runtime.target import ProcessTarget
from actors.stores.live_ledger import LEDGER_FILE, LiveLedger
from engine.messages.broker import IntentAnswered, Outcome
from engine.messages.control import RecoveryDone
from engine.messages.journal import Journaled, Replayed
from engine.messages.records import IntentPlanned
from engine.messages.supervision import ExitKind
from engine.messages.values import Book, Mode
from engine.risk.live_caps import LiveCaps
from engine.session import ist_day
from tests.actors.runtime.hosting import Listener, ProcessHouse, nothing_left, wait_until
from tests.kite.server import ScriptedKite, Step, data, good, kite
from tests.kite.test_session import ID, is_silent
from tests.risk_samples import INFY, authority, intent, tick

__all__ = ["kite"]


class LiveHouse(ProcessHouse):
    """A process house with the neighbours of a writer."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        ledger = folder / LEDGER_FILE
        LiveLedger(ledger).begin(ist_day(wall_ns()).isoformat())
        caps = LiveCaps(
            orders_day_max=100,
            notional_paise_max=10**10,
            notional_symbol_paise_max=10**10,
            is_duplicate_blocked=False,
        )
        self.plan = LivePlan(ledger=str(ledger), caps=caps)
        names = ("journal", "watcher", "authority", "alerts")
        self.neighbours = {name: self._listener(name) for name in names}
        self.seq = 0

    @property
    def watcher(self) -> Listener:
        return self.neighbours["watcher"]

    def start_writer(self, root: str, busy_ms_max: int, *past: IntentPlanned) -> None:
        """Start a generation and bring it its past; it is ready when this returns."""
        self.writer = self.begin(root, busy_ms_max)
        self.neighbours["journal"].next()
        self.seq += len(past)
        generation = self.writer.spec.generation
        self.writer.offer(Replayed(reader_generation=generation, records=past, seq=self.seq))
        self.boss.next()
        assert isinstance(self.neighbours["authority"].next(), RecoveryDone)
        self.writer.offer(authority(Mode.LIVE))
        self.writer.offer(tick())

    def begin(self, root: str, busy_ms_max: int = 5_000) -> Room:
        """A generation of the writer, not yet ready."""
        arguments = {
            "instruments": msgspec.msgpack.encode((INFY,)),
            "trading_day": "2026-11-20",
            "caps": {"quantity_max": 100, "notional_paise_max": 100_000_000},
            "kite": msgspec.to_builtins(KitePlace(root=root)),
            "live": msgspec.to_builtins(self.plan),
        }
        spec = RoomSpec(
            name="writer",
            generation=self.runtime.directory.next_generation("writer"),
            supervisor="boss",
            factory=ProcessTarget(
                factory="actors.writer_maker:make", arguments=arguments, environ=KEYS
            ),
            busy_ms_max=busy_ms_max,
        )
        return self.runtime.start(spec, HostKind.PROCESS)

    def order(self) -> IntentPlanned:
        """An entry that has become durable."""
        self.seq += 1
        planned = intent(f"E{self.seq}", book=Book.LIVE, group_id=f"grp-{self.seq}")
        self.writer.offer(Journaled(seq=self.seq, record=planned))
        return planned


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LiveHouse]:
    monkeypatch.setenv("KITE_API_KEY", "apikey0123456789")
    monkeypatch.setenv("KITE_ACCESS_TOKEN", "accesstoken9876543210")
    with nothing_left():
        house = LiveHouse(tmp_path)
        yield house
        house.end()


def no_books() -> tuple[Step, ...]:
    """What a writer reads before its first placement: no orders, no trades, no positions."""
    return data([]), data([]), data({"net": [], "day": []})


def placements(kite: ScriptedKite) -> list[dict[str, str]]:
    """The forms of the placements that came in."""
    return [heard.form for heard in kite.heard if heard.method == "POST"]


def pass_the_pause(house: LiveHouse, kite: ScriptedKite) -> IntentPlanned:
    """The first entry that passes: a new writer does not know what another has sent just now, so
    that it has no budget in its first second."""
    count = len(placements(kite))
    pause = threading.Event()
    for _ in range(60):
        planned = house.order()
        wait_until(
            lambda: len(placements(kite)) > count or not house.watcher.is_silent, "sent or denied"
        )
        if len(placements(kite)) > count:
            return planned
        denied = house.watcher.next()
        assert (denied.outcome, denied.refusal.rule) == (Outcome.DENIED, "rate")
        pause.wait(0.05)
    raise AssertionError("no budget in three seconds")


@pytest.mark.slow
def test_when_the_writer_has_a_process_then_its_orders_reach_the_exchange(
    house: LiveHouse, kite: ScriptedKite
) -> None:
    kite.then(*no_books(), good(ID))
    house.start_writer(kite.root, 5_000)
    sent = pass_the_pause(house, kite)
    answer = house.watcher.next()
    assert isinstance(answer, IntentAnswered)
    assert (answer.client_order_id, answer.venue_order_id) == (sent.client_order_id, ID)
    assert answer.outcome is Outcome.ACKED


@pytest.mark.slow
@pytest.mark.conformance("ORD-01")
def test_when_a_call_hangs_then_the_process_is_killed_and_nothing_is_sent_again(
    house: LiveHouse, kite: ScriptedKite
) -> None:
    kite.then(*no_books(), is_silent, *no_books(), good(ID))
    house.start_writer(kite.root, 1_000)
    sent = pass_the_pause(house, kite)
    assert house.exit().kind is ExitKind.STUCK
    house.start_writer(kite.root, 5_000, sent)
    other = pass_the_pause(house, kite)
    tags = [form["tag"] for form in placements(kite)]
    assert tags == [sent.client_order_id, other.client_order_id]


@pytest.mark.slow
def test_when_the_keys_are_missing_then_the_start_has_failed_and_says_so(
    house: LiveHouse, kite: ScriptedKite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KITE_ACCESS_TOKEN")
    house.begin(kite.root)
    exited = house.exit()
    assert exited.kind is ExitKind.START_FAILED
    assert "KITE_ACCESS_TOKEN" in exited.reason
