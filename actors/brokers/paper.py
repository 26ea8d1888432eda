"""The paper broker: the simulated venue behind the broker port.

Decides nothing: it routes intents to the venue and keeps its reports until they are fetched.
Refuses live intents: a paper order never has a live key and the reverse.
"""

from collections.abc import Mapping

from actors.brokers.port import Report
from engine.exchange.recovery import restored
from engine.exchange.venue import Venue, VenueSettings
from engine.instruments import Instrument
from engine.messages.broker import BrokerSnapshot, IntentAnswered
from engine.messages.market import Tick
from engine.messages.records import IntentPlanned, Record
from engine.messages.values import Action, Book


class PaperBroker:
    """Implements BrokerPort.

    Args:
        instruments: by name, what may be traded.
        trading_day: "2026-11-20"; order ids carry it.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        settings: VenueSettings,
        trading_day: str,
    ) -> None:
        self._venue = Venue(instruments, settings, trading_day)
        self._reports: list[Report] = []

    def recover(self, records: tuple[Record, ...]) -> None:
        """What the journal does not know of is gone (see engine/exchange/recovery.py)."""
        self._venue.restore(*restored(records, Book.PAPER))

    @property
    def duplicate_tag_count(self) -> int:
        return self._venue.duplicate_tag_count

    def end_day(self) -> None:
        self._venue.end_day()

    def place(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        assert intent.action is Action.PLACE, intent
        assert intent.book is Book.PAPER, "a live intent reached the paper broker"
        answer, reports = self._venue.place(intent, now_ns)
        self._reports += reports
        return answer

    def modify(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        assert intent.action is Action.MODIFY, intent
        answer, reports = self._venue.modify(intent, now_ns)
        self._reports += reports
        return answer

    def cancel(self, intent: IntentPlanned, now_ns: int) -> IntentAnswered:
        assert intent.action is Action.CANCEL, intent
        answer, reports = self._venue.cancel(intent, now_ns)
        self._reports += reports
        return answer

    def on_tick(self, tick: Tick, now_ns: int) -> None:
        self._reports += self._venue.on_tick(tick, now_ns)

    def quiet_bounds(self, instrument: str) -> tuple[int, int]:
        return self._venue.quiet_bounds(instrument)

    def reports(self) -> tuple[Report, ...]:
        taken = tuple(self._reports)
        self._reports.clear()
        return taken

    def snapshot(self, request_id: int, now_ns: int) -> BrokerSnapshot | None:
        return self._venue.snapshot(request_id, now_ns)
