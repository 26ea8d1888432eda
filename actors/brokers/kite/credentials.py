"""The keys to the account: where they come from, and that they go nowhere.

Decides the places: KITE_API_KEY and KITE_ACCESS_TOKEN, or the 0600 files that KITE_API_KEY_FILE and
KITE_ACCESS_TOKEN_FILE name. Refuses keys that could break a header. Whatever is logged or answered
is searched for them, in the forms in which they travel, and for what looks like one.
"""

import base64
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from actors.stores.secrets import Secret, read_secret
from engine.errors import ConfigInvalid

MASK: Final = "***"
_NAMES: Final = ("KITE_API_KEY", "KITE_ACCESS_TOKEN")
KEYS: Final = (*_NAMES, *(f"{name}_FILE" for name in _NAMES))
"""All variables that a login may come from."""
_KEY = re.compile(r"[A-Za-z0-9_\-]{4,256}")
_PATTERNS: Final = (
    re.compile(r"(\btoken )[A-Za-z0-9_\-]+:[A-Za-z0-9_\-]+"),
    re.compile(
        r"((?:access_token|request_token|refresh_token|public_token|enctoken|checksum|api_secret)"
        r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+"
    ),
)


class Credentials:
    """What one login needs. Shows nothing of it unless asked by name.

    Raises:
        ConfigInvalid: a key has characters that no key of Kite has.
    """

    __slots__ = ("_forms", "access_token", "api_key")

    def __init__(self, api_key: Secret, access_token: Secret) -> None:
        named = {"api key": api_key, "access token": access_token}
        faults = tuple(
            f"kite: the {name} is not of letters and digits"
            for name, secret in named.items()
            if not _KEY.fullmatch(secret.reveal())
        )
        if faults:
            raise ConfigInvalid(faults)
        self.api_key = api_key
        self.access_token = access_token
        self._forms = _forms(api_key.reveal(), access_token.reveal())

    def __repr__(self) -> str:
        return f"Credentials({MASK})"

    def redacted(self, text: str) -> str:
        """The text without our keys, in any form that they travel in, and without the likes."""
        for form in self._forms:
            text = text.replace(form, MASK)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\1{MASK}", text)
        return text


class Redacting(logging.Filter):
    """On a log handler: keys leave no record, whoever has written it."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._clean(record.getMessage()), None
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_info, record.exc_text = None, self._clean(text)
        elif record.exc_text:
            record.exc_text = self._clean(record.exc_text)
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            record.fields = {key: self._field(value) for key, value in fields.items()}
        return True

    def _clean(self, text: str) -> str:
        return self._credentials.redacted(text)

    def _field(self, value: object) -> object:
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, tuple):
            return tuple(self._field(part) for part in value)
        return value


def load_credentials(environ: Mapping[str, str]) -> Credentials:
    """The keys from the environment or from the files that it names.

    Raises:
        ConfigInvalid: all that is missing or malformed.
        StateUnsafe: a file is not safe to hold a secret.
    """
    found = {name: secret_of(environ, name) for name in _NAMES}
    faults = tuple(
        f"kite: neither {name} nor {name}_FILE is set"
        for name, secret in found.items()
        if secret is None
    )
    api_key, access_token = found.values()
    if faults or api_key is None or access_token is None:
        raise ConfigInvalid(faults)
    return Credentials(api_key, access_token)


def redact_logs(credentials: Credentials) -> None:
    """Put the filter on every handler that the process writes its logs with, once."""
    for handler in logging.getLogger().handlers:
        for older in [one for one in handler.filters if isinstance(one, Redacting)]:
            handler.removeFilter(older)
        handler.addFilter(Redacting(credentials))


def secret_of(environ: Mapping[str, str], name: str) -> Secret | None:
    """A variable's value, or that of the file that `<name>_FILE` names; None if neither is set.

    Raises:
        StateUnsafe: the file is not safe to hold a secret.
    """
    if path := environ.get(f"{name}_FILE"):
        return read_secret(Path(path))
    value = environ.get(name, "").strip()
    return Secret(value) if value else None


def _forms(api_key: str, token: str) -> tuple[str, ...]:
    """The longest first, so that no part of a longer one is left."""
    pair = f"{api_key}:{token}"
    plain = (pair, token, api_key)
    made = [quote(text, safe="") for text in plain]
    made += [base64.b64encode(text.encode()).decode().rstrip("=") for text in plain]
    return tuple(sorted({*plain, *made}, key=len, reverse=True))
