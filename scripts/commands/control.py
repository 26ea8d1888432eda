"""The verbs that talk to a running engine.

Decides exit codes and when a person has to type a confirmation. Refuses to know the wire (see
scripts/client.py) and the look (see scripts/commands/printing.py).
"""

import argparse
import json
import sys
from typing import Any, Final

from actors.channels.commands import COMMANDS, Code
from scripts import exits
from scripts.client import ConsoleClient, NoAnswer, NotRunning
from scripts.commands.confirming import is_confirmed, typed_phrase

DANGEROUS: Final = frozenset({"kill", "flatten", "resume"})
ARM: Final = "arm"
SLACK_S: Final = 3.0
_EXITS: Final = {
    Code.OK: exits.OK,
    Code.NOT_FOUND: exits.NOT_FOUND,
    Code.TIMEOUT: exits.TIMEOUT,
    Code.REFUSED: exits.REFUSED,
}


def control(args: argparse.Namespace) -> int:
    """Ask a running engine; print the answer; return the exit code."""
    command = str(args.verb)
    arguments = {
        name: value
        for name in COMMANDS[command].arguments
        if (value := getattr(args, name, None)) not in (None, "", False)
    }
    timeout_s = args.timeout or max(5.0, COMMANDS[command].wait_ms / 1_000 + SLACK_S)
    try:
        with ConsoleClient(args.state_dir, timeout_s=timeout_s) as client:
            is_asked = command in DANGEROUS and not args.yes and sys.stdin.isatty()
            if is_asked and not is_confirmed(client, command, arguments):
                return _fail(args, "REFUSED", "not confirmed; nothing was sent", exits.REFUSED)
            if command == ARM and not (phrase := typed_phrase(client, args.strategy)):
                return _fail(args, "REFUSED", "not typed; nothing was sent", exits.REFUSED)
            if command == ARM:
                arguments["phrase"] = phrase
            reply = client.ask(command, arguments)
    except NotRunning as error:
        hint = ""
        if command == "kill":
            hint = f"; to keep it from trading when it starts: touch {args.state_dir}/KILL_SWITCH"
        return _fail(args, "NOT_RUNNING", f"{error}{hint}", exits.NOT_RUNNING)
    except NoAnswer as error:
        return _fail(args, "TIMEOUT", str(error), exits.TIMEOUT)
    return _show(args, command, reply)


def _show(args: argparse.Namespace, command: str, reply: dict[str, Any]) -> int:
    code, body = str(reply.get("code")), reply.get("body")
    exit_code = _EXITS.get(code, exits.ERROR)  # type: ignore[call-overload]
    if exit_code != exits.OK:
        return _fail(args, code, str(reply.get("text")), exit_code)
    if args.json:
        print(json.dumps(_plain(command, reply)))
    elif COMMANDS[command].has_effect:
        print(f"{command}: {reply.get('text')}")
    else:
        from scripts.commands.printing import show  # noqa: PLC0415 rich only where it is looked at

        show(command, body)
    return exits.OK


def _plain(command: str, reply: dict[str, Any]) -> object:
    """What --json prints: the body; a map carries who answered."""
    body = reply.get("body")
    who = {key: reply.get(key) for key in ("engine_id", "boot_id", "pid")}
    if COMMANDS[command].has_effect:
        kept = body if isinstance(body, dict) else {}
        return {"code": reply["code"], "text": reply["text"], **kept, **who}
    return {**body, **who} if isinstance(body, dict) and command != "tree" else body


def _fail(args: argparse.Namespace, code: str, text: str, exit_code: int) -> int:
    if args.json:
        print(json.dumps({"code": code, "text": text}))
    else:
        print(f"error: {text} ({code})", file=sys.stderr)
    return exit_code
