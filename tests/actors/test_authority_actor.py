"""mode_authority: PAPER first, falls at once, rises by guards, kill latched before the answer."""

import json
import stat
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from actors.authority import AuthorityBehaviour
from actors.stores.latches import FileLatches, Latch
from engine.authority_state import AuthoritySettings
from engine.messages.control import (
    AlertRaised,
    AuthorityChanged,
    AuthorityWanted,
    Ceiling,
    CeilingMoved,
    CommandDone,
    EntriesCancelled,
    FlattenOrdered,
    FlatVerified,
    GenerationFenced,
    OperatorCommand,
    Reconciled,
    RecoveryDone,
    ViewPublished,
)
from engine.messages.journal import Append, JournalStateChanged, Replayed
from engine.messages.records import LatchChanged, ModeChanged, OperatorActed
from engine.messages.supervision import ChildExited, ExitKind
from engine.messages.values import Authority, Mode, SessionPhase
from engine.units import NS_PER_S
from tests.fakes import FakeContext, opened
from tests.risk_samples import NOW, SESSION

SETTINGS = AuthoritySettings(
    listeners=("writer", "guard"),
    parts=frozenset({"writer", "guard", "book", "custodian"}),
    strategies=("ema", "orb"),
)


class MemoryLatches:
    """A latch store that says in which order it was used."""

    def __init__(self, *found: Latch, is_broken: bool = False) -> None:
        self.found = found
        self.is_broken = is_broken
        self.calls: list[str] = []
        self.now = ""

    def load(self) -> tuple[Latch, ...]:
        return self.found

    def sentinel(self) -> str:
        return self.now

    def set(self, name: str, *, reason: str, by: str, at_ns: int) -> None:
        if self.is_broken:
            raise OSError("disk full")
        self.calls.append(f"set {name}")

    def clear(self, name: str) -> None:
        if self.is_broken:
            raise OSError("read-only file system")
        self.calls.append(f"clear {name}")


def start(
    latches: MemoryLatches | FileLatches | None = None,
    settings: AuthoritySettings = SETTINGS,
) -> tuple[AuthorityBehaviour, FakeContext]:
    authority = AuthorityBehaviour(settings=settings, latches=latches or MemoryLatches())
    ctx = opened(authority, FakeContext("authority", now_ns=NOW))
    return authority, ctx


def recover(authority: AuthorityBehaviour, clean_count: int = 1) -> None:
    for part in sorted(SETTINGS.parts):
        authority.receive(RecoveryDone(part=part, at_ns=NOW))
    reconcile(authority, *[True] * clean_count)


def reconcile(authority: AuthorityBehaviour, *cleans: bool) -> None:
    for is_clean in cleans:
        differences = () if is_clean else ("position_differs",)
        authority.receive(Reconciled(is_clean=is_clean, differences=differences, at_ns=NOW))


def command(
    authority: AuthorityBehaviour, name: str, argument: str = "", request_id: str = ""
) -> CommandDone:
    authority.receive(
        OperatorCommand(
            command=name,
            argument=argument,
            reason="test",
            by="cli:me",
            request_id=request_id or f"{name} {argument}",
            at_ns=NOW,
        )
    )
    ctx = authority.ctx
    assert isinstance(ctx, FakeContext)
    return ctx.of(CommandDone, "console")[-1]


def mode(ctx: FakeContext, target: str = "writer") -> Mode:
    return ctx.of(AuthorityChanged, target)[-1].mode


def ceilings(ctx: FakeContext) -> dict[tuple[str, str], Authority]:
    view = ctx.of(AuthorityChanged, "writer")[-1]
    return {(c.owner, c.scope): c.authority for c in view.ceilings}


@pytest.fixture
def authority() -> AuthorityBehaviour:
    authority, _ = start()
    recover(authority)
    return authority


@pytest.fixture
def ctx(authority: AuthorityBehaviour) -> FakeContext:
    assert isinstance(authority.ctx, FakeContext)
    return authority.ctx


@pytest.mark.conformance("INV-41", "CTL-58")
def test_when_the_engine_starts_then_it_recovers_before_paper() -> None:
    authority, ctx = start()
    assert mode(ctx) is Mode.RECOVERING
    reconcile(authority, True)
    assert mode(ctx) is Mode.RECOVERING
    for part in ("writer", "guard", "book"):
        authority.receive(RecoveryDone(part=part, at_ns=NOW))
    assert mode(ctx) is Mode.RECOVERING
    assert not ctx.of(AuthorityChanged, "writer")[-1].is_protecting
    authority.receive(RecoveryDone(part="custodian", at_ns=NOW))
    assert ctx.of(AuthorityChanged, "writer")[-1].is_protecting
    assert mode(ctx) is Mode.PAPER


def test_when_the_books_are_not_clean_then_paper_waits() -> None:
    authority, ctx = start()
    recover(authority, clean_count=0)
    reconcile(authority, False)
    assert mode(ctx) is Mode.RECOVERING
    reconcile(authority, True)
    assert mode(ctx) is Mode.PAPER


@pytest.mark.conformance("INV-34")
def test_when_the_mode_moves_then_its_number_rises_and_is_journaled(ctx: FakeContext) -> None:
    changes = [record for record in ctx.records() if isinstance(record, ModeChanged)]
    assert [(c.mode_from, c.mode_to) for c in changes] == [
        (Mode.STANDBY, Mode.RECOVERING),
        (Mode.RECOVERING, Mode.PAPER),
    ]
    assert changes[0].mode_seq < changes[1].mode_seq


@pytest.mark.conformance("INV-34")
def test_when_restarted_then_the_number_goes_on_rising(ctx: FakeContext) -> None:
    last = ctx.records()[-1]
    assert isinstance(last, ModeChanged)
    far = replace(last, mode_seq=last.mode_seq + 10**15)
    again = AuthorityBehaviour(settings=SETTINGS, latches=MemoryLatches())
    other = opened(again, FakeContext("authority", generation=2, now_ns=NOW), (far,))
    assert other.of(AuthorityChanged)[-1].mode_seq > far.mode_seq
    assert mode(other) is Mode.RECOVERING


@pytest.mark.conformance("INV-12", "CTL-16", "CTL-19")
def test_when_killed_then_the_latch_is_on_disk_before_anything_else() -> None:
    latches = MemoryLatches()
    authority, ctx = start(latches)
    recover(authority)
    ctx.forget()

    def set_latch(name: str, *, reason: str, by: str, at_ns: int) -> None:
        assert not ctx.sent, "something was sent before the latch was durable"
        latches.calls.append(name)

    latches.set = set_latch  # type: ignore[method-assign]
    done = command(authority, "kill")
    assert latches.calls == ["kill"]
    assert done.is_done
    assert mode(ctx) is Mode.KILLED
    assert [order.scope for order in ctx.of(FlattenOrdered, "custodian")] == [""]
    assert ctx.of(EntriesCancelled, "custodian")
    kinds = {type(record) for record in ctx.records()}
    assert kinds == {LatchChanged, ModeChanged, OperatorActed}
    assert ctx.of(AuthorityChanged, "writer")[-1].is_protecting


@pytest.mark.conformance("INV-12")
def test_when_the_disk_refuses_then_it_is_killed_anyway_and_says_so() -> None:
    authority, ctx = start(MemoryLatches(is_broken=True))
    recover(authority)
    done = command(authority, "kill")
    assert mode(ctx) is Mode.KILLED
    assert not done.is_done
    assert "latch_not_durable" in [alert.event for alert in ctx.of(AlertRaised)]


@pytest.mark.conformance("INV-12")
def test_inv_12_when_a_kill_is_in_memory_only_then_a_halt_is_not_confirmed_until_it_lasts() -> None:
    latches = MemoryLatches(is_broken=True)
    authority, _ = start(latches)
    recover(authority)
    command(authority, "kill")
    assert not command(authority, "halt", request_id="first").is_done
    latches.is_broken = False
    assert command(authority, "halt", request_id="second").is_done
    assert latches.calls == ["set kill"]
    assert command(authority, "halt", request_id="third").is_done
    assert latches.calls == ["set kill"]


@pytest.mark.conformance("CTL-16", "CTL-18")
def test_when_the_policy_is_not_flat_then_a_kill_leaves_cancel_only() -> None:
    authority, ctx = start(settings=replace(SETTINGS, kill_is_flat=False))
    recover(authority)
    command(authority, "kill")
    assert not ctx.of(FlattenOrdered)
    assert not ctx.of(AuthorityChanged, "writer")[-1].is_protecting


@pytest.mark.conformance("CTL-19", "INV-13")
def test_when_killed_then_nothing_inside_the_process_leads_out(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    command(authority, "kill")
    seq = ctx.of(AuthorityChanged, "writer")[-1].mode_seq
    for name, argument in (
        ("resume", ""),
        ("halt", ""),
        ("mode", "paper"),
        ("mode", f"live {seq}"),
        ("unpause", "ema"),
    ):
        command(authority, name, argument)
        reconcile(authority, True, True)
        assert mode(ctx) is Mode.KILLED


@pytest.mark.conformance("INV-13", "CTL-19")
def test_when_the_kill_latch_is_found_at_the_start_then_it_stays_killed_and_goes_flat() -> None:
    authority, ctx = start(MemoryLatches(Latch("kill", "yesterday")))
    assert mode(ctx) is Mode.KILLED
    recover(authority, 3)
    assert mode(ctx) is Mode.KILLED
    assert ctx.of(FlattenOrdered, "custodian")


@pytest.mark.conformance("CTL-19")
def test_when_halted_then_only_resume_leads_to_paper_and_only_when_recovered() -> None:
    latches = MemoryLatches(Latch("halt", "state lost"))
    authority, ctx = start(latches)
    assert mode(ctx) is Mode.HALTED
    assert not command(authority, "resume", request_id="r1").is_done
    recover(authority, 2)
    assert mode(ctx) is Mode.HALTED
    assert command(authority, "resume", request_id="r2").is_done
    assert mode(ctx) is Mode.PAPER
    assert latches.calls == ["clear halt"]


@pytest.mark.conformance("INV-14", "CTL-20")
@pytest.mark.conformance("FLT-84", "FLT-88")
def test_when_the_disk_refuses_a_resume_then_the_latch_stays_and_the_authority_lives() -> None:
    latches = MemoryLatches(Latch("halt", "before"), is_broken=True)
    authority, ctx = start(latches)
    recover(authority)
    done = command(authority, "resume", request_id="first")
    assert not done.is_done
    assert "cannot be removed" in done.text
    assert mode(ctx) is Mode.HALTED
    assert ctx.of(AlertRaised, "alerts")[-1].event == "latch_not_removed"
    latches.is_broken = False
    assert command(authority, "resume", request_id="second").is_done
    assert mode(ctx) is Mode.PAPER


@pytest.mark.conformance("FLT-66", "INV-45")
def test_when_a_reader_starts_then_it_gets_the_present_view(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    authority.receive(AuthorityWanted(reader="console"))
    assert ctx.of(AuthorityChanged, "console")[-1].mode is Mode.PAPER


def test_when_live_is_asked_for_then_the_present_number_and_calm_are_needed(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    seq = ctx.of(AuthorityChanged, "writer")[-1].mode_seq
    assert not command(authority, "mode", "live").is_done
    assert not command(authority, "mode", f"live {seq}", "1").is_done
    reconcile(authority, True)
    assert not command(authority, "mode", f"live {seq - 1}", "2").is_done
    assert not command(authority, "mode", f"live {seq} unknown", "3").is_done
    assert mode(ctx) is Mode.PAPER
    assert command(authority, "mode", f"live {seq} ema", "4").is_done
    assert mode(ctx) is Mode.LIVE
    assert ceilings(ctx) == {("release", "strategy:orb"): Authority.NONE}


@pytest.fixture
def live(authority: AuthorityBehaviour, ctx: FakeContext) -> FakeContext:
    reconcile(authority, True)
    seq = ctx.of(AuthorityChanged, "writer")[-1].mode_seq
    assert command(authority, "mode", f"live {seq}").is_done
    return ctx


def test_when_the_books_differ_then_live_falls_and_comes_back_to_paper_only(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    reconcile(authority, False)
    assert mode(live) is Mode.REDUCE
    reconcile(authority, True)
    assert mode(live) is Mode.REDUCE
    reconcile(authority, True)
    assert mode(live) is Mode.PAPER
    reconcile(authority, True, True)
    assert mode(live) is Mode.PAPER


@pytest.mark.conformance("FLT-60")
@pytest.mark.parametrize("phase", [SessionPhase.CLOSED, SessionPhase.DOUBTED])
def test_when_the_session_is_not_running_then_live_ends(
    authority: AuthorityBehaviour, live: FakeContext, phase: SessionPhase
) -> None:
    authority.receive(replace(SESSION, phase=phase))
    assert mode(live) is Mode.REDUCE


@pytest.mark.conformance("INV-41", "FLT-75")
def test_when_the_strategies_restart_with_their_group_then_all_are_back_on_paper(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    fence = GenerationFenced(name="strategies", generation=1, reason="restarted with its group")
    authority.receive(fence)
    assert ceilings(live)["release", "strategy:ema"] is Authority.NONE
    assert ceilings(live)["release", "strategy:orb"] is Authority.NONE


@pytest.mark.conformance("INV-41")
def test_when_a_strategy_restarts_then_it_is_back_on_paper_and_fenced(
    authority: AuthorityBehaviour, live: FakeContext
) -> None:
    authority.receive(
        ChildExited(name="strategy/ema", generation=3, kind=ExitKind.CRASHED, reason="boom")
    )
    assert ceilings(live) == {("release", "strategy:ema"): Authority.NONE}
    assert mode(live) is Mode.LIVE
    for target in ("writer", "guard", "journal"):
        (fence,) = live.of(GenerationFenced, target)
        assert (fence.name, fence.generation) == ("strategy/ema", 3)


def test_when_a_generation_is_fenced_then_only_those_that_know_fences_are_told() -> None:
    listeners = ("writer", "guard", "reconciler", "strategy/ema", "console", "metrics")
    settings = msgspec.structs.replace(SETTINGS, listeners=listeners)
    authority = AuthorityBehaviour(settings=settings, latches=MemoryLatches())
    ctx = opened(authority, FakeContext("authority", now_ns=NOW))
    authority.receive(ChildExited(name="feed/X", generation=1, kind=ExitKind.CRASHED, reason="x"))
    told = {target for target, sent in ctx.sent if isinstance(sent, GenerationFenced)}
    assert told == {"writer", "guard", "journal"}


@pytest.mark.parametrize(
    ("name", "left"),
    [("writer", Authority.NONE), ("book", Authority.CANCEL), ("guard", Authority.REDUCE)],
)
def test_when_a_core_room_dies_then_authority_falls_until_it_has_recovered(
    authority: AuthorityBehaviour, ctx: FakeContext, name: str, left: Authority
) -> None:
    reconcile(authority, True)
    authority.receive(ChildExited(name=name, generation=1, kind=ExitKind.CRASHED, reason="x"))
    assert ceilings(ctx)[(f"down/{name}", "")] is left
    assert mode(ctx) is Mode.REDUCE
    ctx.forget()
    authority.receive(RecoveryDone(part=name, at_ns=NOW))
    assert (f"down/{name}", "") not in {
        (c.owner, c.scope) for c in ctx.of(AuthorityChanged)[-1].ceilings
    }
    is_listening = name in SETTINGS.listeners
    assert [fence.generation for fence in ctx.of(GenerationFenced, name)] == [1] * is_listening
    assert bool(ctx.of(AuthorityChanged, name)) is is_listening


@pytest.mark.conformance("LIV-08")
def test_liv_08_when_a_death_is_told_after_the_successor_recovered_then_nothing_waits_for_it(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    reconcile(authority, True)
    authority.receive(RecoveryDone(part="book", at_ns=NOW, generation=2))
    authority.receive(GenerationFenced(name="book", generation=1, reason="stuck"))
    assert mode(ctx) is Mode.REDUCE
    assert ("down/book", "") not in ceilings(ctx)
    assert [fence.generation for fence in ctx.of(GenerationFenced, "writer")] == [1]
    authority.receive(GenerationFenced(name="book", generation=2, reason="stuck again"))
    assert ceilings(ctx)[("down/book", "")] is Authority.CANCEL


def test_when_a_supervisor_fences_a_room_then_its_authority_falls_before_it_is_back(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    authority.receive(GenerationFenced(name="book", generation=4, reason="restart"))
    assert ceilings(ctx)[("down/book", "")] is Authority.CANCEL
    assert [fence.generation for fence in ctx.of(GenerationFenced, "writer")] == [4]


def test_when_an_invariant_of_the_core_breaks_then_it_halts(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    authority.receive(ChildExited(name="book", generation=1, kind=ExitKind.INVARIANT, reason="x"))
    assert mode(ctx) is Mode.HALTED


def journal(*, is_available: bool) -> JournalStateChanged:
    return JournalStateChanged(is_available=is_available, spooled_count=0, reason="test", at_ns=NOW)


def test_when_the_journal_is_lost_then_it_returns_only_with_clean_books(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    authority.receive(journal(is_available=False))
    assert ceilings(ctx)[("journal", "")] is Authority.REDUCE
    assert mode(ctx) is Mode.REDUCE
    reconcile(authority, True, True)
    assert ("journal", "") in ceilings(ctx)
    authority.receive(journal(is_available=True))
    assert ("journal", "") in ceilings(ctx)
    reconcile(authority, False)
    assert ("journal", "") in ceilings(ctx)
    reconcile(authority, True)
    assert ("journal", "") not in ceilings(ctx)
    reconcile(authority, True)
    assert mode(ctx) is Mode.PAPER


def test_when_reconciliation_is_overdue_then_authority_falls(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    ctx.advance(authority, SETTINGS.reconcile_age_ns_max)
    assert ceilings(ctx)[("reconciler", "")] is Authority.REDUCE
    assert mode(ctx) is Mode.REDUCE


@pytest.mark.conformance("CTL-46")
def test_when_the_account_is_limited_then_it_reduces_until_the_owner_raises_it(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    low = Ceiling(owner="account", scope="", authority=Authority.REDUCE, reason="loss_day")
    authority.receive(CeilingMoved(ceiling=low, at_ns=NOW))
    assert mode(ctx) is Mode.REDUCE
    reconcile(authority, True, True, True)
    assert mode(ctx) is Mode.REDUCE
    full = replace(low, authority=Authority.FULL)
    authority.receive(CeilingMoved(ceiling=full, at_ns=NOW))
    reconcile(authority, True)
    assert mode(ctx) is Mode.PAPER


@pytest.mark.conformance("CTL-17")
def test_when_a_strategy_is_paused_then_only_it_is(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    storm = Ceiling(owner="storm", scope="strategy:ema", authority=Authority.NONE, reason="x")
    authority.receive(CeilingMoved(ceiling=storm, at_ns=NOW))
    assert command(authority, "pause", "ema").is_done
    assert ceilings(ctx)[("operator", "strategy:ema")] is Authority.NONE
    assert [c.scope for c in ctx.of(EntriesCancelled)] == ["strategy:ema"]
    assert mode(ctx) is Mode.PAPER
    assert command(authority, "unpause", "ema").is_done
    assert set(ceilings(ctx)) == {("release", "strategy:ema"), ("release", "strategy:orb")}
    assert not command(authority, "pause", "nobody").is_done


def test_when_flattened_then_it_ends_verified_and_reconciled(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    assert command(authority, "flatten").is_done
    assert mode(ctx) is Mode.FLATTENING
    reconcile(authority, True)
    assert mode(ctx) is Mode.FLATTENING
    authority.receive(FlatVerified(scope="", groups_open=1, at_ns=NOW))
    reconcile(authority, True)
    assert mode(ctx) is Mode.FLATTENING
    authority.receive(FlatVerified(scope="", groups_open=0, at_ns=NOW))
    assert mode(ctx) is Mode.FLATTENING
    reconcile(authority, True)
    assert mode(ctx) is Mode.PAPER


@pytest.mark.conformance("LIV-02")
def test_liv_02_when_the_custodian_restarts_while_flattening_then_it_is_told_again() -> None:
    """Nobody said any more that all is flat, so the engine stayed in FLATTENING."""
    authority, ctx = start()
    recover(authority)
    command(authority, "flatten")
    ctx.forget()
    authority.receive(RecoveryDone(part="custodian", at_ns=NOW))
    assert [order.scope for order in ctx.of(FlattenOrdered, "custodian")] == [""]


def test_liv_02_when_a_scope_is_flat_after_all_is_then_all_stays_flat() -> None:
    authority, ctx = start()
    recover(authority)
    command(authority, "flatten")
    for scope in ("", "strategy:ema"):
        authority.receive(FlatVerified(scope=scope, groups_open=0, at_ns=NOW))
    reconcile(authority, True)
    assert mode(ctx) is Mode.PAPER


@pytest.mark.conformance("LIV-02")
def test_liv_02_when_the_engine_orders_all_flat_while_halted_then_exits_may_leave() -> None:
    """The loss limit, the time to be flat or a flatten of the life before: what they wanted gone
    was denied until a person resumed."""
    authority, ctx = start(MemoryLatches(Latch("halt", "crashed too often")))
    recover(authority)
    ctx.forget()
    authority.receive(FlattenOrdered(scope="", reason="flat-by time", by="custodian", at_ns=NOW))
    assert mode(ctx) is Mode.FLATTENING
    assert [order.by for order in ctx.of(FlattenOrdered, "custodian")] == ["authority"]
    authority.receive(FlatVerified(scope="", groups_open=0, at_ns=NOW))
    reconcile(authority, True)
    assert mode(ctx) is Mode.HALTED


def test_when_the_engine_orders_all_flat_elsewhere_then_the_mode_stays(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    authority.receive(FlattenOrdered(scope="", reason="flat-by time", by="custodian", at_ns=NOW))
    assert mode(ctx) is Mode.PAPER
    assert not ctx.of(FlattenOrdered)


def test_when_one_scope_is_flattened_then_the_mode_stays(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    assert command(authority, "flatten", "strategy:ema").is_done
    assert mode(ctx) is Mode.PAPER
    assert [order.scope for order in ctx.of(FlattenOrdered)] == ["strategy:ema"]


@pytest.mark.conformance("INV-44")
def test_when_a_command_is_repeated_then_it_is_answered_again_and_done_once(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    first = command(authority, "flatten", "strategy:ema", "same")
    second = command(authority, "flatten", "strategy:ema", "same")
    assert first == second
    assert len(ctx.of(FlattenOrdered)) == 1


@pytest.mark.conformance("INV-12", "INV-44", "BAD-22")
def test_inv_12_when_an_id_comes_with_another_command_then_it_is_not_confirmed_by_the_first(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    assert command(authority, "flatten", request_id="same").is_done
    halt = command(authority, "halt", request_id="same")
    assert (halt.command, halt.is_done) == ("halt", False)
    assert mode(ctx) is Mode.FLATTENING
    assert ctx.of(AlertRaised, "alerts")[-1].event == "command_conflict"
    assert command(authority, "flatten", request_id="same").is_done


@pytest.mark.conformance("INV-12", "BAD-22")
def test_inv_12_when_a_kill_comes_with_the_id_of_another_command_then_it_is_carried_out(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    command(authority, "flatten", request_id="same")
    kill = command(authority, "kill", request_id="same")
    assert (kill.command, kill.is_done) == ("kill", True)
    assert mode(ctx) is Mode.KILLED
    assert command(authority, "kill", request_id="same") == kill


def test_when_a_command_is_unknown_then_it_is_refused_and_recorded(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    assert not command(authority, "sudo").is_done
    acted = ctx.records()[-1]
    assert isinstance(acted, OperatorActed)
    assert acted.outcome == "refused"


def test_when_the_operator_reduces_then_calm_alone_does_not_undo_it(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    command(authority, "mode", "reduce")
    assert mode(ctx) is Mode.REDUCE
    reconcile(authority, True, True, True)
    assert mode(ctx) is Mode.REDUCE
    command(authority, "mode", "paper")
    reconcile(authority, True)
    assert mode(ctx) is Mode.PAPER


def test_when_a_kill_file_appears_then_it_kills_within_a_second() -> None:
    latches = MemoryLatches()
    authority, ctx = start(latches)
    recover(authority)
    latches.now = "file STOP"
    ctx.advance(authority, NS_PER_S)
    assert mode(ctx) is Mode.KILLED
    assert latches.calls == ["set kill"]
    ctx.advance(authority, 5 * NS_PER_S)
    assert latches.calls == ["set kill"]


def test_when_a_leader_is_configured_then_nothing_moves_before_its_lease() -> None:
    authority, ctx = start(settings=replace(SETTINGS, awaits_lease=True))
    recover(authority)
    assert mode(ctx) is Mode.STANDBY
    lease = Ceiling(owner="leader", scope="", authority=Authority.FULL, reason="epoch 4")
    authority.receive(CeilingMoved(ceiling=lease, at_ns=NOW))
    assert mode(ctx) is Mode.RECOVERING


def test_when_anything_changes_then_the_numbers_of_views_rise(
    authority: AuthorityBehaviour, ctx: FakeContext
) -> None:
    command(authority, "pause", "ema")
    seqs = [view.seq for view in ctx.of(AuthorityChanged, "guard")]
    assert seqs == sorted(set(seqs))
    shown = json.loads(ctx.of(ViewPublished, "console")[-1].body)
    assert shown["mode"] == "PAPER"
    assert all(append.sender == "authority" for append in ctx.of(Append))


# -- latches on disk --------------------------------------------------------------------------


def files(state: Path, *, is_new: bool = False, **environ: str) -> FileLatches:
    return FileLatches(state, environ, is_new_state=is_new)


@pytest.mark.conformance("INV-13", "CTL-19")
def test_when_a_latch_is_set_then_the_next_process_finds_it(tmp_path: Path) -> None:
    files(tmp_path, is_new=True).load()
    files(tmp_path).set("kill", reason="test", by="me", at_ns=NOW)
    assert files(tmp_path).load() == (Latch("kill", "test"),)
    mode_bits = stat.S_IMODE((tmp_path / "latches" / "kill.json").stat().st_mode)
    assert mode_bits == 0o600
    files(tmp_path).clear("kill")
    assert files(tmp_path).load() == ()


@pytest.mark.conformance("BAD-42")
def test_when_the_state_is_empty_and_not_declared_new_then_it_is_halted(tmp_path: Path) -> None:
    (latch,) = files(tmp_path).load()
    assert latch.name == "halt"
    assert files(tmp_path, is_new=True).load() == ()
    assert files(tmp_path).load() == ()


@pytest.mark.conformance("BAD-42")
def test_when_the_engine_starts_on_an_empty_state_then_it_is_halted_until_resumed(
    tmp_path: Path,
) -> None:
    authority, ctx = start(files(tmp_path))
    recover(authority, 2)
    assert mode(ctx) is Mode.HALTED
    assert command(authority, "resume").is_done
    assert mode(ctx) is Mode.PAPER
    assert files(tmp_path).load() == ()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"reason": 5}', "\x00"])
def test_when_a_latch_file_is_damaged_then_it_counts_as_set(tmp_path: Path, content: str) -> None:
    files(tmp_path, is_new=True).load()
    (tmp_path / "latches" / "kill.json").write_text(content)
    assert [latch.name for latch in files(tmp_path).load()] == ["kill"]


@pytest.mark.conformance("CTL-16")
def test_when_a_sentinel_is_there_then_it_is_a_kill(tmp_path: Path) -> None:
    files(tmp_path, is_new=True).load()
    assert files(tmp_path).sentinel() == ""
    assert [latch.name for latch in files(tmp_path, KILL_SWITCH="1").load()] == ["kill"]
    assert files(tmp_path, KILL_SWITCH="0").load() == ()
    for name in ("KILL_SWITCH", "STOP"):
        (tmp_path / name).touch()
        assert files(tmp_path).sentinel() == f"file {name}"
        (tmp_path / name).unlink()


@pytest.mark.conformance("INV-34", "FLT-83")
def test_when_the_journal_owes_changes_of_the_generation_before_then_their_numbers_are_taken() -> (
    None
):
    _, before = start()
    owed = tuple(r for r in before.records() if isinstance(r, ModeChanged))
    authority = AuthorityBehaviour(settings=SETTINGS, latches=MemoryLatches())
    ctx = FakeContext("authority", generation=2, now_ns=NOW)
    authority.open(ctx)
    authority.receive(Replayed(reader_generation=2, records=(), seq=0, owed=owed))
    assert authority.state.mode is Mode.RECOVERING
    assert authority.state.mode_seq > owed[-1].mode_seq
