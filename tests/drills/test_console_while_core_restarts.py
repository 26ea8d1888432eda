"""The operator's door while the core falls over again and again: it answers, and a kill stays."""

from pathlib import Path

import pytest

from actors.runtime.clock import boot_ns
from engine.messages.records import IntentPlanned
from engine.messages.values import Action, Leg
from scripts.client import ConsoleClient
from tests.drills.house import House, drill_config
from tests.drills.process import note, stay

ANSWER_MS_MAX = 200
RESTARTS = 6
"""More than the core may spend: its own supervisor falls once, the root stays."""
QUIET_S = 4.0


def ask(house: House, command: str) -> tuple[dict[str, object], float]:
    """One command as the command line sends it; the reply and the ms that it took."""
    with ConsoleClient(house.state_dir, timeout_s=2) as client:
        began_ns = boot_ns()
        reply = client.ask(command)
        return reply, (boot_ns() - began_ns) / 1e6


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.conformance("PK-28")
def test_when_the_core_is_in_a_restart_loop_then_the_console_answers_and_a_kill_stays(
    state_dir: Path,
) -> None:
    config = drill_config(state_dir / "orders")
    answers_ms: dict[str, list[float]] = {"status": [], "tree": [], "kill": []}
    with House(state_dir, config) as house:
        house.trade()
        console = house.rooms()["console"]
        for number in range(RESTARTS):
            _upset_when_there(house, "journal" if number % 2 else "guard")
            for command in ("status", "tree", "status"):
                reply, took_ms = ask(house, command)
                assert reply["code"] == "OK"
                answers_ms[command].append(took_ms)
        _upset_when_there(house, "journal")
        reply, took_ms = ask(house, "kill")
        answers_ms["kill"].append(took_ms)
        assert reply["code"] == "OK"
        assert (state_dir / "latches" / "kill.json").exists(), "durable before the answer"
        assert house.rooms()["console"] is console, "the console itself was never restarted"
        assert house.engine.exited is None
        house.wait(lambda: house.mode == "KILLED", 15, "the authority confirms the kill")

    for command, took in answers_ms.items():
        assert max(took) < ANSWER_MS_MAX, f"{command} took {max(took):.0f} ms"
    worst = ", ".join(f"{command} {max(took):.0f} ms" for command, took in answers_ms.items())
    note(f"worst answers in the restart loop: {worst}")

    with House(state_dir, config) as house:
        status = ask(house, "status")[0]["body"]
        assert isinstance(status, dict)
        assert (status["killed"], status["trading_state"]) == (True, "killed")
        entries = _entries(house)
        stay(QUIET_S)
        assert _entries(house) == entries, "nothing is entered any more"
        assert house.mode == "KILLED"
        house.books.check()
        house.wait(lambda: not house.books.groups_held(), 15, "what was open is flat")


def _upset_when_there(house: House, name: str) -> None:
    house.wait(lambda: name in house.rooms(), 15, f"{name} is there to be broken")
    house.upset(name)


def _entries(house: House) -> int:
    """Entry orders planned so far."""
    return sum(
        isinstance(r, IntentPlanned) and r.leg is Leg.ENTRY and r.action is Action.PLACE
        for r in house.books.records()
    )
