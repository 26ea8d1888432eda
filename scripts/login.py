"""`pahara login`: a person's login at Kite becomes the token that the engine reads.

Decides what is asked and told. The request token is typed or piped, never an argument: arguments
are seen by everybody on the machine. Feeds and writer of a running engine take the new token by
themselves. Do it between 07:30 and 08:30 IST of each trading day: Kite ends older tokens before.
"""

import argparse
import getpass
import os
import sys

from actors.brokers.kite.login import hand_in, handing, login_url, request_token_of
from actors.stores.secrets import Secret, write_secret
from engine.errors import BrokerRefused, ConfigInvalid, PaharaError
from engine.kite.token_life import ends_at_ns
from engine.session import ist_text
from scripts import exits
from supervisors.config import load_config
from supervisors.feeding import market_now_ns
from supervisors.liveaccount import rest_place

_ASK = "Request token, or the address that the browser was sent to: "


def log_in(args: argparse.Namespace) -> int:
    """Ask, hand in, keep.

    Returns:
        0; 1 if there was no clear answer or the token cannot be kept; 4 if keys are missing; 6 if
        Kite refuses or the login is of another account than the configured one. The old token is
        kept unless it is 0.
    """
    try:
        config = load_config(args.config)
        keys, place = handing(os.environ), rest_place(config)
        is_practice = bool(config.kite.practice)
        print(f"Log in here: {login_url(place.root, keys.api_key, is_practice=is_practice)}")
        found = hand_in(place, keys, _pasted(), config.kite.account)
        write_secret(keys.token_file, found.access_token)
        until = ist_text(ends_at_ns(market_now_ns(config)))
    except ConfigInvalid as error:
        print("\n".join(f"configuration: {fault}" for fault in error.faults), file=sys.stderr)
        return exits.CONFIG
    except BrokerRefused as error:
        print(f"refused: {error}", file=sys.stderr)
        return exits.REFUSED
    except (PaharaError, EOFError) as error:
        print(f"error: {error or 'nothing was typed'}", file=sys.stderr)
        return exits.ERROR
    print(f"{found.user_id} is logged in until {until} IST; the token is in {keys.token_file}")
    return exits.OK


def _pasted() -> Secret:
    """From a terminal it is not shown."""
    is_person = sys.stdin.isatty()
    return request_token_of(getpass.getpass(_ASK) if is_person else sys.stdin.readline())
