"""The door to LIVE: what has to be in place before a person's phrase is listened to.

Decides, fail closed, whether the engine was meant to trade live at all: it was started for it, both
keys are there and agree, and the ledger of the day can be read. Refuses to know modes: whether the
books are clean and the phrase is of the present moment the authority decides after this.
Everything is read anew each time, so that taking a key away closes the door.
"""

import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from actors.stores.live_ledger import LEDGER_FILE, LiveLedger
from actors.stores.secrets import read_secret
from engine.errors import StateUnsafe
from engine.session import ist_day

SWITCH: Final = "LIVE_TRADING"
TOKEN: Final = "LIVE_CONFIRM_TOKEN"  # noqa: S105 the name of a variable
TOKEN_FILE: Final = "live_confirm_token.txt"  # noqa: S105 the name of a file


class LiveDoor(NamedTuple):
    """What one look at the door needs.

    Args:
        is_wanted: the engine was started with --mode live.
        environ: LIVE_TRADING has to be 1, LIVE_CONFIRM_TOKEN the content of the token file.
        state_dir: where token file and ledger are.
        now_ns: the market's clock.
    """

    is_wanted: bool
    environ: Mapping[str, str]
    state_dir: Path
    now_ns: Callable[[], int]

    def fault(self) -> str:
        """Why no phrase opens it now, "" if one may."""
        if not self.is_wanted:
            return "the engine was not started with --mode live"
        return self._key_fault() or self._ledger_fault()

    def _key_fault(self) -> str:
        if self.environ.get(SWITCH) != "1":
            return f"{SWITCH} is not 1"
        token = self.environ.get(TOKEN, "").strip()
        if not token:
            return f"{TOKEN} is not set"
        try:
            kept = read_secret(self.state_dir / TOKEN_FILE)
        except StateUnsafe as error:
            return str(error)
        if not hmac.compare_digest(kept.reveal().encode(), token.encode()):
            return f"{TOKEN} is not what {TOKEN_FILE} says"
        return ""

    def _ledger_fault(self) -> str:
        today = ist_day(self.now_ns()).isoformat()
        try:
            LiveLedger(self.state_dir / LEDGER_FILE).read(today)
        except StateUnsafe as error:
            return str(error)
        return ""
