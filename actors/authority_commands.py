"""What a person may ask of the authority, and the answer.

Decides which command leads to which move and what is refused, each with its reason. Refuses to
know channels and who may speak: the console checked that. Stands alone so that the list of
commands is one table. A repeated request id is answered again and done once (INV-44). An id that
comes with another content is refused and a person is told (BAD-22): the console refuses it too, but
one that restarted has forgotten the id. A kill is carried out all the same, as it is latched on
disk before it comes here.

| command  | argument                  | effect                                                  |
|----------|---------------------------|---------------------------------------------------------|
| kill     |                           | latch on disk, KILLED, flat if the policy says so       |
| halt     |                           | latch on disk, HALTED                                   |
| resume   |                           | HALTED -> PAPER, if recovered and reconciled            |
| flatten  | "" or a scope             | FLATTENING (all), or the groups of the scope only       |
| pause    | strategy                  | ceiling NONE                                            |
| unpause  | strategy                  | ceilings of operator and storm removed                  |
| mode     | reduce                    | the operator's ceiling REDUCE over everything           |
| mode     | paper                     | that ceiling removed; PAPER follows once all is calm    |
| mode, arm| live <mode_seq> [strategy]| release: PAPER -> LIVE for all or one strategy          |
| disarm   | "" or a strategy          | release withdrawn; with the last one LIVE -> REDUCE,    |
|          |                           | which rises to PAPER once calm                          |
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from actors.stores.latches import HALT, KILL
from actors.telling import alert, append
from engine.authority import RELEASE_OWNER, STORM_OWNER, ModeEvent
from engine.messages.control import CommandDone, FlattenOrdered, OperatorCommand
from engine.messages.records import OperatorActed
from engine.messages.values import Authority, Mode

if TYPE_CHECKING:
    from actors.authority import AuthorityBehaviour

REPLIES_MAX = 1_000


class Outcome(NamedTuple):
    is_done: bool
    text: str


class Commands:
    """See the module."""

    def __init__(self, authority: "AuthorityBehaviour") -> None:
        self._authority = authority
        self._replies: OrderedDict[str, CommandDone] = OrderedDict()
        self._table: dict[str, Callable[[OperatorCommand], Outcome]] = {
            "kill": self._kill,
            "halt": self._halt,
            "resume": self._resume,
            "flatten": self._flatten,
            "pause": self._pause,
            "unpause": self._unpause,
            "mode": self._mode,
            "arm": self._mode,
            "disarm": self._disarm,
        }

    def take(self, message: OperatorCommand | FlattenOrdered) -> None:
        """A person's command, or a flatten that the engine ordered itself."""
        if isinstance(message, OperatorCommand):
            self.run(message)
        elif self._authority.state.mode is Mode.HALTED:
            self._flatten_all(message.reason)

    def run(self, command: OperatorCommand) -> None:
        """Carry out a command once and answer it."""
        done = self._replies.get(command.request_id)
        is_known = done is not None and _content(done) == _content(command)
        if done is None or (command.command == "kill" and not is_known):
            done = self._act(command)
            self._replies[command.request_id] = done
            if len(self._replies) > REPLIES_MAX:
                self._replies.popitem(last=False)
        elif not is_known:
            done = self._conflict(command, done)
        self._authority.ctx.send("console", done)

    def _conflict(self, command: OperatorCommand, known: CommandDone) -> CommandDone:
        text = f"{command.command} refused: id {command.request_id} was that of a {known.command}"
        alert(self._authority.ctx, "critical", "command_conflict", command.by, text)
        return _done(command, Outcome(False, text))

    def _act(self, command: OperatorCommand) -> CommandDone:
        act = self._table.get(command.command)
        outcome = act(command) if act else Outcome(False, f"unknown command {command.command}")
        append(
            self._authority.ctx,
            OperatorActed(
                at_ns=self._authority.ctx.now_ns(),
                command=command.command,
                argument=command.argument,
                by=command.by,
                outcome="done" if outcome.is_done else "refused",
            ),
        )
        return _done(command, outcome)

    def _kill(self, command: OperatorCommand) -> Outcome:
        is_durable = self._authority.kill(command.reason, command.by)
        text = self._where() if is_durable else "KILLED, but the latch is not on disk"
        return Outcome(is_durable, text)

    def _halt(self, command: OperatorCommand) -> Outcome:
        latches = self._authority.latches
        if self._authority.state.mode is Mode.KILLED:  # holds more; but it must outlive us (INV-12)
            is_durable = KILL not in latches.unwritten or latches.set(
                KILL, latches.held[KILL], command.by
            )
            return Outcome(is_durable, self._where())
        is_durable = latches.set(HALT, command.reason, command.by)
        self._authority.move(ModeEvent.HALT_ORDERED, command.reason)
        return Outcome(is_durable, self._where())

    def _resume(self, command: OperatorCommand) -> Outcome:
        state = self._authority.state
        if state.mode is Mode.PAPER:
            return Outcome(True, self._where())
        if state.mode is not Mode.HALTED:
            return Outcome(False, f"nothing to resume: {self._where()}")
        if not state.is_recovered:
            return Outcome(False, "rooms are still recovering or the books are not clean")
        fault = self._authority.latches.release(HALT, command.reason, command.by)
        if fault:
            return Outcome(False, fault)
        self._authority.move(ModeEvent.RESUMED, command.reason)
        return Outcome(True, self._where())

    def _flatten(self, command: OperatorCommand) -> Outcome:
        if command.argument:
            self._authority.flatten(command.argument, command.reason)
            return Outcome(True, f"flattening {command.argument}")
        if not self._flatten_all(command.reason):
            return Outcome(False, f"can't flatten: {self._where()}")
        return Outcome(True, self._where())

    def _flatten_all(self, reason: str) -> bool:
        """Everything goes flat, out of HALTED too (reliability 2.4), and back to it afterwards."""
        state = self._authority.state
        was_halted = state.mode is Mode.HALTED
        is_moved = self._authority.move(ModeEvent.FLATTEN_ORDERED, reason)
        if not (is_moved or state.mode in (Mode.FLATTENING, Mode.KILLED)):
            return False
        if is_moved:
            state.flat_event = ModeEvent.FLAT_STOPPED if was_halted else ModeEvent.FLAT_SQUARED
        self._authority.flatten("", reason)
        return True

    def _pause(self, command: OperatorCommand) -> Outcome:
        if not self._is_strategy(command.argument):
            return Outcome(False, f"no strategy {command.argument!r}")
        scope = f"strategy:{command.argument}"
        self._authority.lower("operator", scope, Authority.NONE, command.reason)
        self._authority.cancel_entries(scope, command.reason)
        return Outcome(True, f"{command.argument} is paused")

    def _unpause(self, command: OperatorCommand) -> Outcome:
        if not self._is_strategy(command.argument):
            return Outcome(False, f"no strategy {command.argument!r}")
        for owner in ("operator", STORM_OWNER):
            scope = f"strategy:{command.argument}"
            self._authority.lower(owner, scope, Authority.FULL, command.reason)
        return Outcome(True, f"{command.argument} goes on")

    def _mode(self, command: OperatorCommand) -> Outcome:
        match command.argument.lower().split():
            case ["reduce"]:
                self._authority.lower("operator", "", Authority.REDUCE, command.reason)
                return Outcome(True, self._where())
            case ["paper"]:
                self._authority.lower("operator", "", Authority.FULL, command.reason)
                return Outcome(True, f"{self._where()}: rises once calm")
            case ["live", seq, *rest] if seq.isascii() and seq.isdigit() and len(rest) <= 1:
                return self._release(int(seq), tuple(rest), command.reason)
            case _:
                return Outcome(
                    False, "say: mode reduce, mode paper, or mode live <mode_seq> [strategy]"
                )

    def _release(self, mode_seq: int, names: tuple[str, ...], reason: str) -> Outcome:
        authority = self._authority
        names = names or authority.settings.strategies
        latches = tuple(authority.latches.held)
        fault = authority.state.release_fault(mode_seq, latches)
        unknown = [name for name in names if not self._is_strategy(name)]
        if fault or unknown:
            return Outcome(False, fault or f"no strategy {unknown[0]!r}")
        is_first = authority.state.mode is Mode.PAPER
        for name in authority.settings.strategies:
            if name in names:
                authority.lower(RELEASE_OWNER, f"strategy:{name}", Authority.FULL, reason)
            elif is_first:  # what was released for an earlier LIVE was not for this one
                self._withdraw(name, "not released for this LIVE")
        authority.move(ModeEvent.RELEASED, reason)
        return Outcome(True, self._where())

    def _disarm(self, command: OperatorCommand) -> Outcome:
        """Back on paper, without killing anything. Working entries are cancelled; what is held
        keeps its stop and its way out, because the protection path keeps REDUCE on the live book.
        Authority only falls here: no phrase, no clean book and no database is asked for."""
        authority, name = self._authority, command.argument
        if name and not self._is_strategy(name):
            return Outcome(False, f"no strategy {name!r}")
        for strategy in (name,) if name else authority.settings.strategies:
            self._withdraw(strategy, f"disarmed: {command.reason}")
        if not self._is_any_released() and authority.state.mode is Mode.LIVE:
            authority.move(ModeEvent.TROUBLED, f"disarmed: {command.reason}")
            authority.rise()
        return Outcome(True, f"{name or 'all'} on paper, {self._where()}")

    def _withdraw(self, strategy: str, reason: str) -> None:
        scope = f"strategy:{strategy}"
        if self._authority.state.ceiling(RELEASE_OWNER, scope) is Authority.NONE:
            return
        self._authority.lower(RELEASE_OWNER, scope, Authority.NONE, reason)
        self._authority.cancel_entries(scope, reason)

    def _is_any_released(self) -> bool:
        state = self._authority.state
        return any(
            state.ceiling(RELEASE_OWNER, f"strategy:{name}") > Authority.NONE
            for name in self._authority.settings.strategies
        )

    def _is_strategy(self, name: str) -> bool:
        return name in self._authority.settings.strategies

    def _where(self) -> str:
        state = self._authority.state
        return f"mode {state.mode.value}, mode_seq {state.mode_seq}"


def _content(message: OperatorCommand | CommandDone) -> tuple[str, str]:
    return message.command, message.argument


def _done(command: OperatorCommand, outcome: Outcome) -> CommandDone:
    return CommandDone(
        request_id=command.request_id,
        is_done=outcome.is_done,
        text=outcome.text,
        command=command.command,
        argument=command.argument,
    )
