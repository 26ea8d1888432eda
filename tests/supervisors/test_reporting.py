"""Reports: once, bounded, in the right order, without secrets."""

import json
import logging

import pytest

from actors.runtime.log import JsonLines
from engine.messages.control import AlertRaised, Ceiling, CeilingMoved, GenerationFenced
from engine.messages.journal import Append
from engine.messages.records import ActorFailed
from engine.messages.supervision import ChildExited, ChildReady, ExitKind, RestartWanted
from engine.messages.values import Authority
from supervisors.reporting import REASON_CHARS_MAX, redacted
from supervisors.spec import Strategy, SupervisorSpec
from tests.supervisors.harness import House

ids = pytest.mark.conformance


def failures(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [r.fields for r in caplog.records if r.getMessage() == "actor_failed"]  # type: ignore[attr-defined]


@ids("SUP-102")
def test_when_an_actor_fails_then_one_bounded_line_tells_all_but_secrets(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pahara")
    house.tree(house.child("a"))
    house.tell("a", "crash", "api_key=hunter2 postgres://u:pw123@db/x\n" + "x" * 100_000)
    house.wait_ready("a", 2)
    (fields,) = failures(caplog)
    assert fields["supervisor"] == "root"
    assert fields["context"] == "child_terminated"
    assert (fields["name"], fields["generation"], fields["kind"]) == ("a", 1, "crashed")
    assert (fields["restart"], fields["shutdown_ms"], fields["type"]) == (
        "permanent",
        5_000,
        "worker",
    )
    (record,) = [r for r in caplog.records if r.getMessage() == "actor_failed"]
    line = JsonLines().format(record)
    assert len(line) < 5_000
    assert "\n" not in line
    assert json.loads(line)["event"] == "actor_failed"
    assert "hunter2" not in line
    assert "pw123" not in line


@pytest.mark.parametrize(
    "text",
    [
        "token=s3cret",
        '{"access_token": "s3cret"}',
        "Authorization: token key:s3cret",
        "password='s3cret'",
        "enctoken=s3cret;",
        "dsn=postgres://s3cret",
        "postgresql://pahara:s3cret@host:5432/db",
    ],
)
@ids("SUP-102")
def test_when_text_holds_a_secret_then_it_is_struck_out(text: str) -> None:
    assert "s3cret" not in redacted(text, REASON_CHARS_MAX)


@ids("SUP-103")
def test_when_a_message_is_unexpected_then_it_is_logged_and_ignored(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", logger="pahara")
    house.tree(house.child("a"))
    house.tell("root", "something")
    house.send("root", ChildReady(name="stranger", generation=1))
    house.send("root", ChildExited(name="a", generation=9, kind=ExitKind.CRASHED, reason="old"))
    house.settle(lambda: "unexpected_message_ignored" in caplog.text)
    assert house.counts().active == 1
    assert house.is_ready("a", 1)
    assert failures(caplog) == []


@ids("PK-27")
@pytest.mark.parametrize("how", ["crash", "ordered"])
@pytest.mark.parametrize("ceiling", list(Authority))
def test_when_restarted_then_authority_falls_before_the_next_life(
    house: House, how: str, ceiling: Authority
) -> None:
    gate, authority = house.listen("gate"), house.listen("authority")
    journal, alerts = house.listen("journal"), house.listen("alerts")
    seen_at_open: list[tuple[int, int]] = []
    house.script.on_open = lambda: seen_at_open.append((len(gate), len(journal)))
    house.tree(
        house.child("a", authority_on_restart=ceiling, pool="control"),
        fence_listeners=("gate",),
        authority="authority",
        journal="journal",
        alerts="alerts",
    )
    if how == "crash":
        house.tell("a", "crash", "why")
    else:
        house.send("root", RestartWanted(child_id="a", reason="operator"))
    house.wait_ready("a", 2)
    assert isinstance(gate[0], GenerationFenced)
    assert (gate[0].name, gate[0].generation) == ("a", 1)
    moved = [m.ceiling for m in authority if isinstance(m, CeilingMoved)]
    if ceiling is Authority.FULL:
        assert moved == []
    else:
        assert moved[0] == Ceiling(
            owner="root", scope="actor:a", authority=ceiling, reason=moved[0].reason
        )
    if how == "crash":
        (append,) = journal
        assert isinstance(append, Append)
        (failed,) = append.records
        assert isinstance(failed, ActorFailed)
        assert (failed.name, failed.generation, failed.kind) == ("a", 1, "crashed")
        (alert,) = alerts
        assert isinstance(alert, AlertRaised)
        assert (alert.severity, alert.event, alert.subject) == ("warning", "actor_failed", "a")
    assert seen_at_open[0] == (0, 0)
    if house.stage.is_seeded:
        assert seen_at_open[1][0] >= 1


def test_when_the_journal_itself_failed_then_its_record_waits_for_it(house: House) -> None:
    house.tree(house.child("journal"), journal="journal")
    house.tell("journal", "crash", "disk")
    house.wait_ready("journal", 2)
    house.settle(lambda: any(isinstance(m, Append) for _, _, m in house.script.heard))
    (append,) = [m for _, _, m in house.script.heard if isinstance(m, Append)]
    assert [record.name for record in append.records] == ["journal"]  # type: ignore[union-attr]
    assert house.runtime.directory.dead_letters.total == 0


def test_when_siblings_restart_with_a_group_then_their_generations_are_fenced_too(
    house: House,
) -> None:
    gate = house.listen("gate")
    house.tree(
        house.child("a"),
        house.child("b"),
        strategy=Strategy.ONE_FOR_ALL,
        fence_listeners=("gate",),
    )
    house.tell("a", "crash")
    house.wait_ready("b", 2)
    fenced = {(m.name, m.generation) for m in gate if isinstance(m, GenerationFenced)}
    assert fenced == {("a", 1), ("b", 1)}


@ids("PK-20")
def test_when_the_exit_report_itself_fails_then_fd_2_and_a_fence_are_left(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    house.tree(house.child("a"))
    room = house.room("a")
    assert room is not None

    def broken_end(*_: object, **__: object) -> None:
        raise OSError("no channel")

    room.end = broken_end  # type: ignore[method-assign]
    house.tell("a", "crash")
    house.wait_ready("a", 2)
    assert room.is_fenced
    assert "exit report of a failed" in capfd.readouterr().err


def test_when_the_supervisor_escalates_then_it_says_so_critically(house: House) -> None:
    alerts = house.listen("alerts")
    tree = house.tree(house.child("a"), restarts_max=0, alerts="alerts")
    house.tell("a", "crash")
    house.ended(tree)
    house.settle(lambda: any(getattr(m, "severity", "") == "critical" for m in alerts))


def test_when_nothing_is_logged_then_reports_cost_nothing_and_still_arrive(house: House) -> None:
    logging.getLogger("pahara").setLevel("CRITICAL")
    try:
        house.plant(SupervisorSpec(children=(house.child("a"),)))
        house.kill_until("a", 2)
    finally:
        logging.getLogger("pahara").setLevel("INFO")
