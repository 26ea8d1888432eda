"""What `pahara doctor` looks at of Kite: the login, the list of instruments, the address.

Decides what is looked at where Kite is the source, and what of it keeps an engine from trading.
"""

import os
from pathlib import Path

from actors.brokers.kite.egress import egress_address
from actors.brokers.kite.place import ask_profile
from engine.errors import ConfigInvalid, PaharaError
from engine.messages.broker import Outcome
from supervisors.config import EngineConfig, load_config
from supervisors.feeding import check_source, market_now_ns
from supervisors.liveaccount import profile_faults, rest_place

Finding = tuple[bool, str]
_NOT_NEEDED: Finding = (True, "not needed: prices are not Kite's")


def login(config: Path, _: Path) -> Finding:
    """The broker takes the token, and it is the configured account's."""
    found = _kite(config)
    if not isinstance(found, EngineConfig):
        return found
    try:
        verdict = ask_profile(rest_place(found), os.environ)
    except PaharaError as error:
        return False, str(error)
    if verdict.is_session_lost:
        return False, f"Kite refuses the token ({verdict.text}): run pahara login"
    if verdict.outcome is not Outcome.ACKED:
        return False, f"Kite does not answer: {verdict.text}"
    faults = profile_faults(found, verdict) if found.kite.account else ()
    return not faults, "; ".join(faults) or "Kite takes the token"


def instrument_list(config: Path, state_dir: Path) -> Finding:
    """The day's list is there, and it and the dated tables know every configured name."""
    found = _kite(config)
    if not isinstance(found, EngineConfig):
        return found
    try:
        check_source(found, state_dir, market_now_ns(found))
    except PaharaError as error:
        return False, str(error)
    return True, f"all {len(found.instruments)} names are in today's list"


def address(config: Path, _: Path) -> Finding:
    """Orders would leave from a registered address."""
    found = _kite(config)
    if not isinstance(found, EngineConfig):
        return found
    kite = found.kite
    if not kite.account or kite.practice:
        return True, "not needed: no order goes to Kite itself"
    if not kite.egress_ips or not kite.egress_url:
        text = "Kite takes orders from registered addresses only"
        return False, f"kite.egress_ips and kite.egress_url are not both set: {text}"
    try:
        seen = egress_address(kite.egress_url, kite.ca_file)
    except PaharaError as error:
        return False, f"the address is not known: {error}"
    if seen in kite.egress_ips:
        return True, f"orders leave from {seen}, which is registered"
    return False, f"orders would leave from {seen}, registered are {', '.join(kite.egress_ips)}"


def _kite(config: Path) -> EngineConfig | Finding:
    """The configuration where Kite is the source, else what to say."""
    try:
        found = load_config(config)
    except ConfigInvalid:
        return False, "the configuration has faults"
    return found if found.market.source == "kite" else _NOT_NEEDED
