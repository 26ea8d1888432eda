"""Handing in a request token: what a person's login at Kite is turned into.

Decides what of a pasted answer is the request token, and whose login may be kept. Refuses to log in
by itself: a person does it once a day, with the second factor (exchange rule). The API secret is
used for the checksum and is never sent or kept.

Source: Kite Connect v3, login flow; the checksum is the SHA-256 of key, request token and secret.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from actors.brokers.kite.credentials import Credentials, redact_logs, secret_of
from actors.brokers.kite.place import KitePlace, open_session
from actors.stores.secrets import Secret
from engine.errors import BrokerRefused, BrokerUnreachable, ConfigInvalid
from engine.kite.outcome import Verdict
from engine.messages.broker import Outcome

PAGE: Final = "https://kite.zerodha.com/connect/login"
TOKEN_FILE: Final = "KITE_ACCESS_TOKEN_FILE"  # noqa: S105 the name of a variable
_KEPT_PLAIN: Final = "KITE_ACCESS_TOKEN"
_NEEDED: Final = ("KITE_API_KEY", "KITE_API_SECRET")


class Handing(NamedTuple):
    """What handing in needs: the app's key and secret, and where the engine reads its token."""

    api_key: Secret
    api_secret: Secret
    token_file: Path


class LoggedIn(NamedTuple):
    """What came of it."""

    user_id: str
    access_token: Secret


def handing(environ: Mapping[str, str]) -> Handing:
    """Read it from KITE_API_KEY, KITE_API_SECRET (each also as _FILE) and KITE_ACCESS_TOKEN_FILE.

    Raises:
        ConfigInvalid: all that is missing.
        StateUnsafe: a file is not safe to hold a secret.
    """
    found = {name: secret_of(environ, name) for name in _NEEDED}
    faults = [f"kite: neither {name} nor {name}_FILE is set" for name in _NEEDED if not found[name]]
    place = environ.get(TOKEN_FILE, "")
    if not place:
        why = f", and not {_KEPT_PLAIN}" if environ.get(_KEPT_PLAIN) else ""
        faults.append(f"kite: set {TOKEN_FILE} to the file that the engine reads{why}")
    api_key, api_secret = found.values()
    if faults or api_key is None or api_secret is None:
        raise ConfigInvalid(tuple(faults))
    return Handing(api_key, api_secret, Path(place))


def login_url(root: str, api_key: Secret, *, is_practice: bool) -> str:
    """The page where a person logs in. A practice exchange has one of its own."""
    page = f"{root}/connect/login" if is_practice else PAGE
    return f"{page}?v=3&api_key={quote(api_key.reveal(), safe='')}"


def request_token_of(pasted: str) -> Secret:
    """The request token in what a person has pasted: the token, or the whole address that the
    browser was sent to.

    Raises:
        BrokerRefused: the address says that the login failed, or has no token.
    """
    text = pasted.strip()
    if "=" not in text:
        if not text:
            raise BrokerRefused("no request token was given")
        return Secret(text)
    fields = parse_qs(urlsplit(text).query or text)
    status = fields.get("status", ["success"])[0]
    if status != "success":
        raise BrokerRefused(f"Kite says of the login: {status[:40]}")
    token = fields.get("request_token", [""])[0]
    if not token:
        raise BrokerRefused("there is no request_token in that address")
    return Secret(token)


def hand_in(place: KitePlace, keys: Handing, request_token: Secret, account: str) -> LoggedIn:
    """One request: the token is good once, and for a few minutes.

    Args:
        account: the user id that is configured; "" takes whoever has logged in.

    Raises:
        ConfigInvalid: the key or the pasted token is malformed.
        BrokerRefused: Kite says no, or it is another account's login.
        BrokerUnreachable: no answer, or none that is clear. A new login is needed: whether this
            token was used up is not known.
    """
    credentials = Credentials(keys.api_key, request_token)
    redact_logs(credentials)
    session = open_session(place, credentials)
    try:
        verdict = session.log_in(keys.api_secret)
    finally:
        session.close()
    logged_in = _read(verdict)
    if account and logged_in.user_id != account:
        raise BrokerRefused(f"{account} is configured, {logged_in.user_id} has logged in")
    return logged_in


def _read(verdict: Verdict) -> LoggedIn:
    if verdict.outcome is Outcome.REFUSED:
        raise BrokerRefused(f"the login is refused ({verdict.text})")
    if verdict.outcome is not Outcome.ACKED:
        raise BrokerUnreachable(f"no clear answer to the login ({verdict.text})")
    data = verdict.data if isinstance(verdict.data, dict) else {}
    user, token = data.get("user_id"), data.get("access_token")
    if not (isinstance(user, str) and user and isinstance(token, str) and token):
        raise BrokerUnreachable("the answer to the login has no user or no token")
    return LoggedIn(user, Secret(token))
