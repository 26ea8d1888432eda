"""The day's instrument list on disk and from the broker.

Decides how the list is kept (one file, replaced whole, 0600) and fetched (the real client's call,
its answer as text: its own reading makes floats of tick sizes). Refuses to judge the list's age.
"""

import os
from pathlib import Path
from typing import Final

import msgspec
from kiteconnect import KiteConnect
from kiteconnect.exceptions import KiteException
from requests.exceptions import RequestException

from actors.brokers.kite.credentials import Credentials
from engine.errors import BrokerUnreachable, ConfigInvalid
from engine.market.kite_table import InstrumentTable

TABLE_FILE: Final = "kite_instruments.mpk"
"""In the state directory."""
FETCH_TIMEOUT_S: Final = 30
_decode = msgspec.msgpack.Decoder(InstrumentTable).decode


def write_table(path: Path, table: InstrumentTable) -> None:
    """Replace the list; a crash leaves the old one.

    Raises:
        OSError: the disk refuses.
    """
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.msgpack.encode(table))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_table(path: Path) -> InstrumentTable:
    """The list on disk.

    Raises:
        ConfigInvalid: there is none, or it is damaged. Fetch it anew.
    """
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        raise ConfigInvalid((f"{path}: no instrument list: run `pahara instruments`",)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigInvalid((f"{path}: damaged: run `pahara instruments`",)) from None


def fetch_list(login: Credentials, root: str) -> str:
    """The broker's dump as CSV text, some 100,000 rows.

    Raises:
        BrokerUnreachable: no answer, or another than a list (502 pages are usual before 08:30).
    """
    client = KiteConnect(login.api_key.reveal(), root=root, timeout=FETCH_TIMEOUT_S)
    client.set_access_token(login.access_token.reveal())
    try:
        body = client._get("market.instruments.all")  # noqa: SLF001 as text, see above
    except (KiteException, RequestException, LookupError, TypeError, AttributeError) as error:
        told = login.redacted(f"{type(error).__name__}: {error}")[:200]
        raise BrokerUnreachable(f"the instrument list: {told}") from None
    finally:
        client.reqsession.close()
    if not isinstance(body, bytes):
        raise BrokerUnreachable(f"the instrument list: a {type(body).__name__} came")
    return body.decode("utf-8", "replace")
