"""`pahara replay`: a captured session once more through the same actors.

Decides what is said about the outcome and which exit code it has: 0 only if the replay is identical
(or, without --verify, came to the end), 1 at a difference or a damaged capture, 2 if there is no
such session. Refuses to know how a replay is done. Needs no database and touches none.
"""

import argparse
import json
import logging
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from actors.capture.sessions import Header, Session, find_folder
from actors.replay.difference import Difference
from actors.runtime.clock import boot_ns
from engine.errors import CaptureDamaged, ConfigInvalid
from engine.session import ist_text
from engine.units import NS_PER_S
from scripts import exits
from scripts.configuration import print_faults
from supervisors.capturing import source_sha
from supervisors.config import fingerprint, load_config
from supervisors.replaying import Outcome, config_of, replay


def run_replay(args: argparse.Namespace) -> int:
    """The command; see the module for its exit codes."""
    try:
        session = Session(find_folder(args.state_dir, args.session))
        config = config_of(session) if args.config is None else load_config(args.config)
        began_ns = boot_ns()
        with quiet():
            outcome = replay(session, config, is_strict=args.verify)
        wall_s = (boot_ns() - began_ns) / NS_PER_S
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return exits.NOT_FOUND
    except ConfigInvalid as error:
        return print_faults(error, as_json=args.json)
    except (CaptureDamaged, msgspec.MsgspecError) as error:
        return _damaged(str(error), as_json=args.json)
    result = {**report(session.header, outcome, fingerprint(config)), "wall_s": round(wall_s, 3)}
    if args.json:
        print(json.dumps(result))
    else:
        _print(result, outcome.difference, is_verified=args.verify)
    return exits.OK if outcome.difference is None else exits.ERROR


def report(header: Header, outcome: Outcome, config_sha: str) -> dict[str, Any]:
    """The outcome as one object."""
    figures = msgspec.structs.asdict(outcome)
    found = figures.pop("difference")
    shown = None
    if found is not None:
        shown = {**msgspec.to_builtins(found), "at": ist_text(found.at_ns)}
    return {
        "session": header.session,
        "is_identical": outcome.difference is None,
        **figures,
        "recorded_python": header.python,
        "replayed_python": platform.python_version(),
        "recorded_commit": header.commit,
        "is_same_config": header.config_sha == config_sha,
        "is_same_code": header.source_sha == source_sha(),
        "difference": shown,
    }


@contextmanager
def quiet() -> Iterator[None]:
    """The actors' log lines were written when it happened."""
    logger = logging.getLogger("pahara")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _damaged(text: str, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"is_identical": False, "damage": text}))
    print(f"error: the capture is damaged: {text}", file=sys.stderr)
    return exits.ERROR


def _print(result: dict[str, Any], found: Difference | None, *, is_verified: bool) -> None:
    for key, value in result.items():
        if key != "difference":
            print(f"{key:18} {value}")
    if not result["is_complete"]:
        print(f"the capture has no end: replayed up to there, {result['bytes_cut']} bytes cut off")
    if found is None:
        print("identical" if is_verified else "replayed to the end")
        return
    print(f"\nfirst difference: event {found.number}, {ist_text(found.at_ns)} IST, {found.room}")
    print(f"  what      {found.what}\n  recorded  {found.recorded}\n  replayed  {found.replayed}")
    if found.journal:
        print("  the recorded journal goes on with")
        for line in found.journal:
            print(f"    {line}")
    print("  the last events, the one that differs at the end")
    for line in found.recent:
        print(f"    {line}")
