"""What of our environment a process that we start gets to see.

Decides which variables are secrets: by the shape of their names, so that a new one is kept back
before anybody thinks of it. Refuses to know what they are for: an actor that needs one names it in
its `ProcessTarget`, and gets it over the private wire with its order.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_SECRET: Final = re.compile(
    r"(KITE_|LIVE_|TELEGRAM_|DATABASE_URL|PGPASS).*"
    r"|.*(TOKEN|SECRET|PASSWORD|PASSWD|API_KEY|PRIVATE_KEY|CREDENTIALS?)(_FILE)?",
    re.ASCII | re.IGNORECASE,
)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without whatever looks like a secret or the place of one."""
    return {name: value for name, value in environ.items() if not _SECRET.fullmatch(name)}


def named(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those of the named variables that are set."""
    return {name: environ[name] for name in names if name in environ}
