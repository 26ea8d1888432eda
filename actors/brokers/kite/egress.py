"""From which address our orders reach the broker, as a machine outside sees it.

Decides what counts as an answer. Asks over the same transport as orders go (IPv4, TLS verified, no
proxy), so that it sees what Kite sees. Refuses to know which addresses are registered. The machine
asked is the operator's choice: Kite has no such call.

Source: orders only from a registered static address since 2026-04-01 (SEBI, Kite forum 52125).
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import msgspec

from actors.brokers.kite.transport import Transport, TransportSettings, Unanswered
from engine.errors import BrokerUnreachable

ANSWER_BYTES_MAX: Final = 1_024


def egress_address(url: str, ca_file: str = "") -> str:
    """Our address in the answer of `url`: a text, or JSON with `ip`.

    Raises:
        ConfigInvalid: the URL is neither HTTPS nor on this machine.
        BrokerUnreachable: no answer, or none with an address in it.
    """
    place = urlsplit(url)
    transport = Transport(f"{place.scheme}://{place.netloc}", TransportSettings(ca_file=ca_file))
    try:
        answer = transport.request("GET", url)
    except Unanswered as error:
        raise BrokerUnreachable(f"{place.netloc} did not answer ({error})") from None
    except ValueError as error:
        raise BrokerUnreachable(f"{url!r} cannot be asked: {error}") from None
    finally:
        transport.close()
    if answer.status_code != 200:
        raise BrokerUnreachable(f"{place.netloc} answered {answer.status_code}")
    found = _address(answer.content)
    if found is None:
        raise BrokerUnreachable(f"{place.netloc} answered without an address")
    return found


def _address(content: bytes) -> str | None:
    if len(content) > ANSWER_BYTES_MAX:
        return None
    text = content.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            body = msgspec.json.decode(content)
        except msgspec.DecodeError:
            return None
        text = str(body.get("ip", ""))
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
