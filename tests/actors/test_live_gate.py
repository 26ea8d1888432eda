"""The door to LIVE, the ledger of the day, and the desk that listens to the phrase."""

import json
from pathlib import Path
from typing import Any

import pytest

from actors.channels.commands import Code
from actors.command_desk import CommandDesk
from actors.live_entries import LiveEntries, LivePlan
from actors.live_gate import SWITCH, TOKEN, TOKEN_FILE, LiveDoor
from actors.stores.live_ledger import LEDGER_FILE, LiveLedger
from engine.errors import StateUnsafe
from engine.live_phrase import phrase_of
from engine.messages.console import RequestReceived
from engine.messages.control import OperatorCommand
from engine.messages.records import IntentPlanned, OrderDenied
from engine.messages.values import Action, Book, Leg, Refusal
from engine.risk.live_caps import LiveCaps
from engine.session import ns_from_ist
from engine.units import NS_PER_S
from tests.fakes import FakeContext
from tests.risk_samples import intent

NOW = ns_from_ist("2026-11-20 10:00:00")
KEYS = {SWITCH: "1", TOKEN: "open-sesame"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with a token file and a ledger."""
    tmp_path.chmod(0o700)
    token = tmp_path / TOKEN_FILE
    token.touch(mode=0o600)
    token.write_text("open-sesame\n")
    LiveLedger(tmp_path / LEDGER_FILE).begin("2026-11-20")
    return tmp_path


def door(state: Path, *, is_wanted: bool = True, **keys: str) -> str:
    return LiveDoor(is_wanted, {**KEYS, **keys}, state, lambda: NOW).fault()


# -- the door -------------------------------------------------------------------------------------


def test_when_both_keys_agree_and_the_ledger_is_there_then_the_door_is_ready(state: Path) -> None:
    assert door(state) == ""


def test_when_a_key_is_missing_or_another_then_the_door_is_closed_and_says_why(
    state: Path,
) -> None:
    assert "--mode live" in door(state, is_wanted=False)
    for value in ("", "0", "true", "yes"):
        assert SWITCH in door(state, **{SWITCH: value})
    assert TOKEN in door(state, **{TOKEN: ""})
    assert TOKEN_FILE in door(state, **{TOKEN: "open-sesam"})
    assert "sesam" not in door(state, **{TOKEN: "open-sesam"})


def test_when_the_token_file_is_unsafe_or_gone_then_the_door_is_closed(state: Path) -> None:
    (state / TOKEN_FILE).chmod(0o644)
    assert "0600" in door(state)
    (state / TOKEN_FILE).unlink()
    assert TOKEN_FILE in door(state)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"day": 7}', '{"day": "2026-11-21"}'])
def test_when_the_ledger_cannot_be_believed_then_the_door_is_closed(state: Path, text: str) -> None:
    (state / LEDGER_FILE).write_text(text)
    assert LEDGER_FILE in door(state)
    with pytest.raises(StateUnsafe):
        LiveLedger(state / LEDGER_FILE).read("2026-11-20")


def test_when_the_ledger_is_missing_then_the_door_is_closed(state: Path) -> None:
    (state / LEDGER_FILE).unlink()
    assert "--new-ledger" in door(state)


# -- the ledger -----------------------------------------------------------------------------------


def entries(state: Path, **caps: int) -> LiveEntries:
    roomy = {"notional_paise_max": 10**9, "notional_symbol_paise_max": 10**9, **caps}
    plan = LivePlan(ledger=str(state / LEDGER_FILE), caps=LiveCaps(**roomy))
    return LiveEntries(plan, {intent("E1").instrument: 1})


def test_when_an_entry_leaves_then_it_is_in_the_ledger_before(state: Path) -> None:
    planned = intent("E1", book=Book.LIVE)
    assert entries(state).take(planned, 123_450, NOW) is None
    kept = json.loads((state / LEDGER_FILE).read_text())
    assert kept["day"] == "2026-11-20"
    assert [(x["at"], x["symbol"], x["notional_paise"]) for x in kept["entries"]] == [
        ("2026-11-20 10:00:00", planned.instrument, 123_450)
    ]
    assert (state / LEDGER_FILE).stat().st_mode & 0o777 == 0o600


def test_when_the_engine_restarts_then_the_caps_count_on(state: Path) -> None:
    """F4, CTL-06: the count of the day survives."""
    planned = intent("E1", book=Book.LIVE)
    assert entries(state, orders_day_max=1).take(planned, 1, NOW) is None
    refusal = entries(state, orders_day_max=1).take(intent("E2", book=Book.LIVE), 1, NOW)
    assert refusal is not None
    assert refusal.rule == "live_orders_day"
    tomorrow = NOW + 86_400 * 10**9
    assert entries(state, orders_day_max=1).take(planned, 1, tomorrow) is None


def test_when_the_ledger_is_gone_then_no_entry_leaves_and_none_is_begun(state: Path) -> None:
    (state / LEDGER_FILE).unlink()
    refusal = entries(state).take(intent("E1", book=Book.LIVE), 1, NOW)
    assert refusal is not None
    assert refusal.rule == "live_ledger"
    assert not (state / LEDGER_FILE).exists()


def live(name: str, **changes: Any) -> IntentPlanned:
    return intent(name, book=Book.LIVE, **{"at_ns": NOW, "price_limit_paise": 1_000, **changes})


def test_when_a_power_cut_took_the_ledgers_end_then_the_journal_puts_it_back(state: Path) -> None:
    """CTL-06: an entry that left counts, although the file had not reached the disk."""
    first, denied = live("E1"), live("E3")
    assert entries(state).refusal(first, 1_500, NOW) is None
    after = entries(state, orders_day_max=2)
    yesterday = live("E9", at_ns=NOW - 86_400 * NS_PER_S)
    denial = OrderDenied(
        at_ns=NOW, client_order_id="E3", group_id="grp-1", leg=Leg.ENTRY, instrument="NSE:INFY",
        intent_id="E3", action=Action.PLACE,
        refusal=Refusal(rule="rate", measured=6, limit=6, why="full"),
    )  # fmt: skip
    for record in (yesterday, first, live("E2"), denied, denial, intent("E4", at_ns=NOW)):
        after.fold(record)
    after.restore(NOW)
    listed = json.loads((state / LEDGER_FILE).read_text())["entries"]
    found = [(entry["client_order_id"], entry["notional_paise"]) for entry in listed]
    assert found == [("E1", 15_000), ("E2", 10_000)]
    refusal = after.refusal(live("E5"), 1_500, NOW)
    assert refusal is not None
    assert refusal.rule == "live_orders_day"


def test_when_the_ledger_is_damaged_then_the_journal_does_not_mend_it(state: Path) -> None:
    (state / LEDGER_FILE).write_text("{")
    after = entries(state)
    after.fold(live("E1"))
    after.restore(NOW)
    assert (state / LEDGER_FILE).read_text() == "{"


def test_when_the_disk_refuses_to_keep_the_line_then_the_next_entry_does_not_leave(
    state: Path,
) -> None:
    made, path, aside = (
        entries(state, is_duplicate_blocked=False),
        state / LEDGER_FILE,
        state / "aside",
    )
    assert made.refusal(live("E1"), 1_500, NOW) is None
    path.rename(aside)
    made.settle()
    refusal = made.refusal(live("E2"), 1_500, NOW)
    assert refusal is not None
    assert refusal.rule == "live_ledger"
    aside.rename(path)
    assert made.refusal(live("E2"), 1_500, NOW) is None


# -- the phrase -----------------------------------------------------------------------------------


class Desk:
    """A command desk, what it answered, what it sent."""

    def __init__(self, fault: str) -> None:
        self.replies: list[tuple[str, str]] = []
        self.ctx = FakeContext("console")
        self._desk = CommandDesk(
            lambda reason, by: None, lambda _, raw: None, self._encode, lambda: fault
        )
        self._desk.open(self.ctx)

    def _encode(self, request_id: str, code: Code, text: str, body: object) -> bytes:
        self.replies.append((code.value, text))
        return b"x"

    def arm(self, phrase: str) -> list[str]:
        asked = RequestReceived(
            peer="aa", request_id="x", command="arm", by="me", digest="d",
            arguments=(("phrase", phrase),),
        )  # fmt: skip
        self._desk.take(asked)
        commands = [m for _, m in self.ctx.sent if isinstance(m, OperatorCommand)]
        return [f"{command.command} {command.argument}" for command in commands]


def test_when_the_door_is_ready_then_the_phrase_goes_to_the_authority() -> None:
    desk = Desk("")
    assert desk.arm(phrase_of(17, "ema")) == ["arm live 17 ema"]
    assert desk.replies == []


def test_when_the_door_is_closed_then_the_right_phrase_is_refused_with_the_reason() -> None:
    desk = Desk("LIVE_TRADING is not 1")
    assert desk.arm(phrase_of(17)) == []
    assert desk.replies == [("REFUSED", "LIVE_TRADING is not 1")]


@pytest.mark.parametrize("phrase", ["reduce", "live 17", "TRADE LIVE", "yes"])
def test_when_the_phrase_is_another_then_it_never_reaches_the_authority(phrase: str) -> None:
    desk = Desk("")
    assert desk.arm(phrase) == []
    assert desk.replies[0][0] == "REFUSED"
