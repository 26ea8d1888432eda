"""The verbs that do the work in this process: run, backtest, replay, simulate, exchange, doctor
and so on.

Decides only which function is called; everything heavy is imported inside, so that the control
verbs stay quick.
"""

# ruff: noqa: PLC0415 (see above)

import argparse
import sys
from importlib import import_module

from scripts import exits


def run(args: argparse.Namespace) -> int:
    """Run the engine with a view of it beside: live on a terminal, else a line each 5 s."""
    from scripts.live_view import LiveView

    run_engine = import_module("supervisors.boot").run_engine
    view = LiveView(args.state_dir, is_rich=sys.stdout.isatty() and not args.no_ui)
    args.stop_view = view.stop
    view.start()
    try:
        return int(run_engine(args))
    finally:
        view.stop()


def watch(args: argparse.Namespace) -> int:
    """Show a running engine until interrupted."""
    from scripts.client import ConsoleClient, NotRunning
    from scripts.live_view import LiveView

    try:
        ConsoleClient(args.state_dir).close()
    except NotRunning as error:
        print(f"error: {error}", file=sys.stderr)
        return exits.NOT_RUNNING
    view = LiveView(args.state_dir, is_rich=sys.stdout.isatty())
    try:
        view.show()
    except KeyboardInterrupt:
        view.stop()
    return exits.OK


def backtest(args: argparse.Namespace) -> int:
    return int(import_module("scripts.backtest").run_backtest(args))


def replay(args: argparse.Namespace) -> int:
    return int(import_module("scripts.replay").run_replay(args))


def simulate(args: argparse.Namespace) -> int:
    return int(import_module("scripts.simulation.command").simulate(args))


def exchange(args: argparse.Namespace) -> int:
    return int(import_module("scripts.exchange").run_exchange(args))


def config(args: argparse.Namespace) -> int:
    from scripts.configuration import show, validate

    act = validate if args.action == "validate" else show
    return act(args.path or args.config, as_json=args.json)


def database(args: argparse.Namespace) -> int:
    from scripts.database import snapshot, upgrade

    return (upgrade if args.action == "upgrade" else snapshot)(args.state_dir)


def instruments(args: argparse.Namespace) -> int:
    return int(import_module("scripts.instruments").sync_instruments(args))


def charges(args: argparse.Namespace) -> int:
    return int(import_module("scripts.charges").check_charges(args))


def login(args: argparse.Namespace) -> int:
    return int(import_module("scripts.login").log_in(args))


def doctor(args: argparse.Namespace) -> int:
    from scripts.doctor import doctor as examine

    return examine(args.config, args.state_dir, as_json=args.json)
