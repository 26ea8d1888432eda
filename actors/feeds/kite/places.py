"""Which addresses may see a token: it is in every URL and header.

Decides from the text of an address alone. Stands alone so that a configuration can be checked
without the client library.
"""

import ipaddress
from urllib.parse import urlsplit


def address_fault(address: str, secure: str, plain: str) -> str:
    """Why an address may not see a token, "" if it may: the plain scheme is for this machine."""
    parts = urlsplit(address)
    if parts.hostname and parts.scheme == secure:
        return ""
    if parts.hostname and parts.scheme == plain and is_here(parts.hostname):
        return ""
    return f"{address!r}: need {secure}://host, or {plain}:// on this machine"


def is_here(host: str) -> bool:
    """Whether a host is this machine by its name alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
