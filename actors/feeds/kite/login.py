"""The door to the broker's credentials: environment or a file of ours with mode 0600.

Decides where the API key and the day's access token come from and that nothing else of the engine
sees them. Refuses to log in: that is a person's, once a day, by the exchange's rule. A process of
its own reads them itself, so they never cross a wire and are never in a configuration.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from actors.stores.secrets import Secret, read_secret
from engine.errors import BrokerSessionExpired, StateUnsafe

LOGIN_FILE: Final = "kite_login.json"
"""In the state directory: {"api_key": ..., "access_token": ...}."""
KEY_VARIABLE, TOKEN_VARIABLE = "PAHARA_KITE_API_KEY", "PAHARA_KITE_ACCESS_TOKEN"


class _LoginFile(msgspec.Struct, frozen=True):
    api_key: str
    access_token: str


class Login:
    """An API key and an access token; equal if both are."""

    __slots__ = ("access_token", "api_key")

    def __init__(self, api_key: str, access_token: Secret) -> None:
        self.api_key = api_key
        self.access_token = access_token

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Login)
            and other.api_key == self.api_key
            and other.access_token.reveal() == self.access_token.reveal()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Login(***)"


def read_login(path: Path, environment: Mapping[str, str] | None = None) -> Login:
    """The login of today: the file where there is one, because it can be renewed while the engine
    runs, else the environment.

    Args:
        path: the file; it must pass `read_secret`.
        environment: os.environ unless given.

    Raises:
        BrokerSessionExpired: neither is there, or one half is missing: ask for a login.
        StateUnsafe: the file is there and may not hold a secret, or is not of the shape.
    """
    if path.exists() or path.is_symlink():
        try:
            found = msgspec.json.decode(read_secret(path).reveal(), type=_LoginFile)
        except msgspec.DecodeError:
            raise StateUnsafe(
                f'secret file {path}: not {{"api_key": ..., "access_token": ...}}'
            ) from None
        key, token = found.api_key, found.access_token
    else:
        variables = os.environ if environment is None else MappingProxyType(dict(environment))
        key, token = variables.get(KEY_VARIABLE, ""), variables.get(TOKEN_VARIABLE, "")
    if not (key and token):
        raise BrokerSessionExpired(
            f"no Kite login: neither {path} nor {KEY_VARIABLE} and {TOKEN_VARIABLE}"
        )
    return Login(key, Secret(token))
