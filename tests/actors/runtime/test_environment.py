"""Who of our processes gets to see which secret."""

import json
import os
from pathlib import Path

import pytest

from actors.runtime.behaviour import Behaviour, Context, Opening
from actors.runtime.environment import named, without_secrets
from actors.runtime.room import RoomSpec
from actors.runtime.runtime import HostKind
from actors.runtime.target import ProcessTarget
from engine.messages.control import AlertRaised
from tests.actors.runtime.hosting import ProcessHouse, nothing_left

KEY = "SOMETHING_NOBODY_MAY_SEE_TOKEN"


def test_when_an_environment_is_cleaned_then_secrets_and_their_places_are_gone() -> None:
    given = {
        "PATH": "/bin",
        "LANG": "C",
        "KITE_API_KEY": "a",
        "KITE_ACCESS_TOKEN_FILE": "/b",
        "DATABASE_URL": "c",
        "LIVE_CONFIRM_TOKEN": "d",
        "MY_PASSWORD": "e",
        "github_token": "f",
        "AWS_SECRET": "g",
        "TOKENIZERS_PARALLELISM": "no",
    }
    kept = {"PATH": "/bin", "LANG": "C", "TOKENIZERS_PARALLELISM": "no"}
    assert without_secrets(given) == kept
    assert named(given, ("KITE_API_KEY", "NOT_SET")) == {"KITE_API_KEY": "a"}


class Teller(Behaviour):
    """Tells what it sees of the parent's secrets."""

    def __init__(self, reply_to: str) -> None:
        self._reply_to = reply_to

    def open(self, ctx: Context) -> Opening:
        seen = {name: os.environ[name] for name in (KEY, "KITE_API_KEY") if name in os.environ}
        told = AlertRaised(
            severity="info", event="told", subject="", text=json.dumps(seen), at_ns=0
        )
        ctx.send(self._reply_to, told)
        return super().open(ctx)


def teller(reply_to: str) -> Teller:
    """What the child builds."""
    return Teller(reply_to)


def _environ_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")


@pytest.mark.slow
def test_when_a_child_is_started_then_it_sees_the_secrets_that_it_names_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY, "quite-secret")
    monkeypatch.setenv("KITE_API_KEY", "the-key")
    with nothing_left():
        house = ProcessHouse()
        for name, wanted in (("poor", ()), ("rich", ("KITE_API_KEY",))):
            target = ProcessTarget(
                factory="tests.actors.runtime.test_environment:teller",
                arguments={"reply_to": "desk"},
                environ=wanted,
            )
            generation = house.runtime.directory.next_generation(name)
            spec = RoomSpec(name=name, generation=generation, supervisor="boss", factory=target)
            house.runtime.start(spec, HostKind.PROCESS)
            seen = json.loads(house.desk.next().text)
            assert KEY not in seen
            assert seen.get("KITE_API_KEY") == ("the-key" if wanted else None)
        for pid in house.pids():  # and not at the kernel's either, the warm spare included
            assert "the-key" not in _environ_of(pid)
            assert "quite-secret" not in _environ_of(pid)
        house.end()
