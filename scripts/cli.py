"""`pahara`: the command line.

Decides verbs, options and defaults. Refuses to do anything itself: a verb's function is imported
when it is called. Exit codes: 0 ok, 1 error, 2 not found, 3 not running, 4 configuration invalid,
5 time-out, 6 refused.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn

from actors.channels.commands import COMMANDS, Kind
from scripts import exits

CONFIG_DEFAULT: Final = Path("configs/paper.yaml")
_DURATION: Final = re.compile(r"(\d{1,6})(s|m|h)?", re.ASCII)
_RUPEES: Final = re.compile(r"\d{1,12}(\.\d{1,2})?", re.ASCII)
_UNITS_S: Final = {None: 1, "s": 1, "m": 60, "h": 3_600}
_HELP: Final = {
    "status": "mode, trading state, positions and restarts in short",
    "tree": "the supervision tree",
    "positions": "open positions",
    "orders": "today's orders",
    "pnl": "profit and loss of the day",
    "risk": "heat, capital, limits and refusals",
    "feeds": "state and age of each feed",
    "strategies": "strategies and their state",
    "halt": "stop entries; positions keep their protection (latched)",
    "kill": "cancel everything and refuse new orders (latched)",
    "flatten": "exit positions: all, strategy:NAME, instrument:EXCHANGE:SYMBOL or group:ID",
    "pause": "stop one strategy's entries",
    "unpause": "let a paused strategy go on",
    "resume": "lift a halt",
    "arm": "let strategies trade live (asks for a phrase)",
    "disarm": "put strategies back on paper; what is held keeps its protection",
    "restart": "restart one actor (it comes back without authority)",
    "reconcile": "compare with the broker now",
}


class Parser(argparse.ArgumentParser):
    """Usage errors are exit code 1: 2 means "not found" here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(exits.ERROR, f"{self.prog}: error: {message}\n")


def duration_s(text: str) -> int:
    """`90`, `90s`, `5m`, `2h` in seconds."""
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"not a duration like 90s, 5m or 2h: {text!r}")
    return int(match[1]) * _UNITS_S[match[2]]


def paise(text: str) -> int:
    """A positive amount in rupees, at most two decimals, in paise."""
    if not _RUPEES.fullmatch(text) or Decimal(text) <= 0:
        raise argparse.ArgumentTypeError(f"not a positive amount in rupees: {text!r}")
    return int(Decimal(text) * 100)


def seconds(text: str) -> float:
    """A positive number of seconds."""
    if not _RUPEES.fullmatch(text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"not a positive number of seconds: {text!r}")
    return float(text)


def count(text: str) -> int:
    """A positive whole number."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"not a positive whole number: {text!r}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = Parser(prog="pahara", description="Supervised trading engine.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)
    _add_run(verbs)
    _add_backtest(verbs)
    _add_replay(verbs)
    _add_simulate(verbs)
    _add_exchange(verbs)
    _add_config(verbs)
    _add_upkeep(verbs)
    for name in COMMANDS:
        _add_control(verbs, name)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Parse and carry out one command; returns its exit code."""
    args = parser().parse_args(argv)
    try:
        return int(_function(args.verb)(args))
    except KeyboardInterrupt:
        return exits.ERROR
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.ERROR


def _function(verb: str) -> Any:  # noqa: ANN401 any of the verbs' functions
    # ruff: noqa: PLC0415 control verbs must not pay for the imports of the others
    if verb in COMMANDS:
        from scripts.commands.control import control

        return control
    from scripts.commands import running

    return {"db": running.database}.get(verb) or getattr(running, verb)


def _add_run(verbs: Any) -> None:  # noqa: ANN401 argparse keeps the type private
    run = verbs.add_parser("run", help="run the engine (boots in PAPER)")
    _add_common(run)
    run.add_argument("--config", type=Path, default=CONFIG_DEFAULT, metavar="FILE")
    run.add_argument("--mode", choices=("paper", "live"), default="paper")
    run.add_argument("--new-ledger", action="store_true", help="begin a ledger of live orders")
    run.add_argument("--for", dest="for_s", type=duration_s, metavar="90s|5m|2h")
    run.add_argument("--max-capital", dest="max_capital_paise", type=paise, metavar="INR")
    run.add_argument("--max-daily-loss", dest="max_daily_loss_paise", type=paise, metavar="INR")
    run.add_argument("--summary", type=Path, metavar="OUT.json")
    run.add_argument("--no-ui", action="store_true", help="plain lines even on a terminal")
    watch = verbs.add_parser("watch", help="show a running engine")
    _add_common(watch)


def _add_backtest(verbs: Any) -> None:  # noqa: ANN401
    backtest = verbs.add_parser("backtest", help="run recorded data through the same tree")
    _add_common(backtest)
    backtest.add_argument("--config", type=Path, required=True, metavar="FILE")
    backtest.add_argument("--data", type=Path, nargs="+", required=True, metavar="FILE")
    backtest.add_argument("--json", action="store_true")
    backtest.add_argument("--report", type=Path, metavar="OUT.html")


def _add_replay(verbs: Any) -> None:  # noqa: ANN401
    replay = verbs.add_parser("replay", help="run a captured session through the same actors")
    _add_common(replay)
    replay.add_argument("session", metavar="SESSION", help="its name, its folder, or last")
    replay.add_argument("--verify", action="store_true", help="hold every decision against it")
    replay.add_argument("--config", type=Path, metavar="FILE", help="with another configuration")
    replay.add_argument("--json", action="store_true")


def _add_simulate(verbs: Any) -> None:  # noqa: ANN401
    simulate = verbs.add_parser("simulate", help="whole days under faults, from a seed")
    _add_common(simulate)
    simulate.add_argument("--seed", type=count, default=1, metavar="N")
    simulate.add_argument("--scenario", type=Path, metavar="FILE", help="play a kept scenario")
    simulate.add_argument("--runs", type=count, default=1, metavar="K")
    simulate.add_argument("--days", type=count, default=1, metavar="D")
    simulate.add_argument("--faults", default="all", metavar="all|none|FLT-nn[xTIMES],...")
    simulate.add_argument("--jobs", type=count, default=0, metavar="N", help="processes")
    simulate.add_argument("--fail-fast", action="store_true", help="end at the first violation")
    simulate.add_argument("--shrink", action="store_true", help="make the first failure small")
    simulate.add_argument("--json", action="store_true")


def _add_exchange(verbs: Any) -> None:  # noqa: ANN401
    exchange = verbs.add_parser("exchange", help="a practice exchange that speaks Kite")
    _add_common(exchange)
    exchange.add_argument("--config", type=Path, default=CONFIG_DEFAULT, metavar="FILE")
    for name in ("rest", "ws", "control"):
        exchange.add_argument(f"--port-{name}", type=int, default=0, metavar="PORT")
    exchange.add_argument("--speed", type=count, default=0, metavar="N", help="time-lapse")
    exchange.add_argument("--start", default="", metavar="'YYYY-MM-DD HH:MM:SS'", help="in IST")
    exchange.add_argument("--data", type=Path, nargs="+", default=[], metavar="FILE")
    exchange.add_argument("--plain", action="store_true", help="a plain market, for loads")
    exchange.add_argument("--instant", action="store_true", help="no delays at the broker")
    exchange.add_argument("--funds", dest="funds_paise", type=paise, metavar="INR")
    exchange.add_argument(
        "--square-off", dest="square_off_min", type=int, default=10, metavar="MIN",
        help="minutes before the close at which MIS positions are squared off; 0: never",
    )  # fmt: skip


def _add_config(verbs: Any) -> None:  # noqa: ANN401
    config = verbs.add_parser("config", help="check or show a configuration")
    config.add_argument("action", choices=("validate", "show"))
    config.add_argument("path", type=Path, nargs="?", metavar="FILE")
    config.add_argument("--config", type=Path, default=CONFIG_DEFAULT, metavar="FILE")
    config.add_argument("--json", action="store_true")


def _add_upkeep(verbs: Any) -> None:  # noqa: ANN401
    database = verbs.add_parser("db", help="bring the schema up to date, or copy the database")
    database.add_argument("action", choices=("upgrade", "snapshot"))
    _add_common(database)
    listing = verbs.add_parser("instruments", help="fetch the day's list of instruments")
    listing.add_argument("--config", type=Path, default=CONFIG_DEFAULT, metavar="FILE")
    listing.add_argument("--from", dest="source", type=Path, metavar="FILE.csv")
    _add_common(listing)
    charges = verbs.add_parser("charges", help="the day's charges beside the broker's own")
    charges.add_argument("--config", type=Path, default=CONFIG_DEFAULT, metavar="FILE")
    charges.add_argument("--json", action="store_true")
    _add_common(charges)
    login = verbs.add_parser("login", help="hand in the day's login at Kite (asks for it)")
    login.add_argument("--config", type=Path, default=CONFIG_DEFAULT, metavar="FILE")
    _add_common(login)
    doctor = verbs.add_parser("doctor", help="can the engine run here?")
    doctor.add_argument("--config", type=Path, default=CONFIG_DEFAULT, metavar="FILE")
    doctor.add_argument("--json", action="store_true")
    _add_common(doctor)


def _add_control(verbs: Any, name: str) -> None:  # noqa: ANN401
    verb = verbs.add_parser(name, help=_HELP[name])
    _add_common(verb)
    verb.add_argument("--json", action="store_true", help="one JSON value on stdout")
    verb.add_argument("--timeout", type=seconds, metavar="S", help="seconds to wait for an answer")
    verb.add_argument("--yes", action="store_true", help="no question before dangerous verbs")
    if name == "arm":
        verb.add_argument("--strategy", default="", metavar="NAME", help="only this one")
    for argument, (kind, is_required) in COMMANDS[name].arguments.items():
        if argument == "phrase":
            continue  # typed, never given
        if kind is Kind.FLAG:
            verb.add_argument(f"--{argument}", action="store_true")
        elif is_required and kind is not Kind.SCOPE:
            verb.add_argument(argument)
        elif kind is Kind.SCOPE:
            verb.add_argument(argument, nargs="?", default="all")
        else:
            verb.add_argument(f"--{argument}", default="")


def _add_common(verb: argparse.ArgumentParser) -> None:
    default = Path(os.environ.get("PAHARA_STATE_DIR") or "var")
    verb.add_argument("--state-dir", type=Path, default=default, metavar="DIR")


if __name__ == "__main__":
    sys.exit(main())
