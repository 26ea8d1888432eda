"""The live account of an engine: which one, where it is, and what boot wants to see of it.

Decides that an engine with a live account does not start on a login that is missing, refused or of
another account. Refuses to decide whether it may trade live (`engine/livegate.py`): the account is
there in every mode, because positions of yesterday's life need their exits also on paper.

Source: reliability 2.3, step R4: the user id must be the configured one (2026-11).
"""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from actors.brokers.kite.credentials import KEYS, load_credentials
from actors.brokers.kite.place import KitePlace, ask_profile
from actors.live_entries import LivePlan
from actors.live_gate import LiveDoor
from actors.runtime.log import log_event
from actors.runtime.target import ProcessTarget
from actors.stores.live_ledger import LEDGER_FILE, LiveLedger
from actors.watcher import WatcherSettings
from engine.errors import ConfigInvalid
from engine.instruments import Instrument
from engine.kite.outcome import Verdict
from engine.messages.broker import Outcome
from engine.orders.resolve import ResolveSettings
from engine.risk.gate import GateCaps
from engine.risk.live_caps import LiveCaps
from engine.session import ist_day
from engine.units import NS_PER_MS, paise_from_rupees
from supervisors.config import EngineConfig
from supervisors.feeding import practice_of, rest_root


def live_place(config: EngineConfig) -> KitePlace | None:
    """Where the configured account is traded; None if there is none.

    Raises:
        ConfigInvalid: the practice exchange that is named does not run here.
    """
    if not config.kite.account:
        return None
    cushion = config.live.margin_cushion_pct
    bps = None if cushion is None else round(cushion * 100)
    place = rest_place(config)
    return replace(place, margin_cushion_bps=bps, account=config.kite.account)


def rest_place(config: EngineConfig) -> KitePlace:
    """Kite's API, whether or not an account is traded there. Raises as `live_place` does."""
    is_practice = practice_of(config) is not None
    return KitePlace(root=rest_root(config), ca_file="" if is_practice else config.kite.ca_file)


def live_plan(config: EngineConfig, ledger: Path) -> LivePlan:
    """Caps and ledger of live entries, for the writer's process."""
    live = config.live
    caps = LiveCaps(
        orders_day_max=live.orders_day_max,
        notional_paise_max=paise_from_rupees(live.notional_max_inr),
        notional_symbol_paise_max=paise_from_rupees(live.notional_symbol_max_inr),
        allowlist=live.allowlist,
        is_duplicate_blocked=live.is_duplicate_blocked,
    )
    return LivePlan(ledger=str(ledger), caps=caps)


def meet_account(config: EngineConfig, environ: Mapping[str, str]) -> KitePlace | None:
    """The place of the configured account, and a look at it; both may refuse."""
    place = live_place(config)
    if place is not None:
        check_account(config, place, environ)
    return place


def make_door(
    args: argparse.Namespace, state_dir: Path, now_ns: Callable[[], int], *, is_new: bool
) -> LiveDoor:
    """The door to LIVE; `is_new`: nothing was entered before, so that the ledger may be begun."""
    is_wanted, is_new = args.mode == "live", is_new or args.new_ledger
    path = state_dir / LEDGER_FILE
    if is_wanted and is_new and not path.exists():
        LiveLedger(path).begin(ist_day(now_ns()).isoformat())
    return LiveDoor(is_wanted, os.environ, state_dir, now_ns)


def check_account(config: EngineConfig, place: KitePlace, environ: Mapping[str, str]) -> None:
    """Ask the broker who we are, once, before anything starts.

    A broker that does not answer is no reason to stay away: the engine recovers, and nothing
    leaves before the books were read.

    Raises:
        ConfigInvalid: the place or the keys have faults, the broker refuses the token, it is that
            of another account, or the account lacks an exchange that is to be traded.
        StateUnsafe: a file is not safe to hold a secret.
    """
    if faults := place.faults():
        raise ConfigInvalid(faults)
    load_credentials(environ)
    verdict = ask_profile(place, environ)
    if verdict.outcome is not Outcome.ACKED and not verdict.is_session_lost:
        log_event("account_unasked", "WARNING", place=place.root, text=verdict.text)
        return
    if faults := profile_faults(config, verdict):
        raise ConfigInvalid(faults)
    log_event("account_found", account=config.kite.account, place=place.root)


def profile_faults(config: EngineConfig, verdict: Verdict) -> tuple[str, ...]:
    """What an answer about the account says against starting."""
    if verdict.is_session_lost:
        return (f"kite: the access token is refused, log in again ({verdict.text})",)
    profile = verdict.data if isinstance(verdict.data, dict) else {}
    found, wanted = profile.get("user_id"), config.kite.account
    if found != wanted:
        return (f"kite.account: {wanted} is configured, the token is that of {found}",)
    enabled = profile.get("exchanges")
    enabled = enabled if isinstance(enabled, list) else []
    used = sorted({item.name.partition(":")[0] for item in config.instruments})
    return tuple(f"kite: the account may not trade on {x}" for x in used if x not in enabled)


def writer_target(
    kite: KitePlace,
    live: LivePlan,
    trading_day: str,
    names: tuple[Instrument, ...],
    caps: GateCaps,
) -> ProcessTarget:
    """The writer as plain values; the child reads the keys itself."""
    return ProcessTarget(
        factory="actors.writer_maker:make",
        environ=KEYS,
        arguments={
            "instruments": msgspec.msgpack.encode(names),
            "trading_day": trading_day,
            "caps": msgspec.to_builtins(caps),
            "kite": msgspec.to_builtins(kite),
            "live": msgspec.to_builtins(live),
        },
    )


def watcher_settings(
    kite: KitePlace | None, resolve: ResolveSettings, steady_ns: int, clock_speed: int
) -> WatcherSettings:
    """A real broker takes 10 reads a second: three books twice a second, and the reconciler's.

    Args:
        clock_speed: of the market clock; 0: a virtual one, which goes with the boot clock.
    """
    usual = WatcherSettings(resolve=resolve, steady_ns=steady_ns, clock_speed=max(1, clock_speed))
    return usual if kite is None else replace(usual, gap_ns=500 * NS_PER_MS)
