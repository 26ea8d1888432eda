"""The day's instrument list from the broker.

Decides how it is fetched: the real client's call, its answer as text, because its own reading makes
floats of tick sizes. Refuses to keep it (table.py).
"""

from typing import Final

from kiteconnect import KiteConnect
from kiteconnect.exceptions import KiteException
from requests.exceptions import RequestException

from actors.brokers.kite.credentials import Credentials
from engine.errors import BrokerUnreachable

FETCH_TIMEOUT_S: Final = 30


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
