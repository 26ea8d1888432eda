"""Whether the account takes our orders, as far as answers have shown, and when to read keys anew.

Decides what each answer says about the account as a whole, and whether a token is of the account
that is wanted: the books of another are not ours, and an exit sent with its token would open a
position there (BAD-57). Refuses to ask the broker anything: it hears what was answered to others.
"""

from enum import unique
from typing import Final, Protocol, runtime_checkable

from actors.brokers.kite.credentials import Credentials
from actors.runtime.log import log_event
from engine.errors import ConfigInvalid, StateUnsafe
from engine.kite.outcome import Verdict
from engine.kite.token_life import LOGIN_LOST
from engine.messages.base import Word
from engine.messages.broker import Outcome


@unique
class Trouble(Word):
    """What keeps the account from being traded. UNSEEN: no answer yet. NONE: nothing. LOGGED_OUT: a
    person must log in. LOCKED_OUT: the app may not place orders (address, permission). MISLED: who
    answers is not Kite (redirect, certificate). FOREIGN: the token is of another account."""

    UNSEEN = "unseen"
    NONE = "none"
    LOGGED_OUT = "logged_out"
    LOCKED_OUT = "locked_out"
    MISLED = "misled"
    FOREIGN = "foreign"


_CLOSED: Final = {
    Trouble.UNSEEN: None,
    Trouble.NONE: "",
    Trouble.LOGGED_OUT: LOGIN_LOST,
    Trouble.LOCKED_OUT: "Kite takes no orders from this address or app",
    Trouble.MISLED: "who answers is not Kite (redirect or certificate): look at the network",
    Trouble.FOREIGN: "the token is of another account: nothing is sent, log in again",
}


class Reload(Protocol):
    """Reads the keys. Raises ConfigInvalid or StateUnsafe if there are none to be used."""

    def __call__(self) -> Credentials: ...


@runtime_checkable
class Renewable(Protocol):
    """Keys that can say cheaply whether they are others than those that were read last."""

    def is_renewed(self) -> bool: ...


class LoginState:
    """Belongs to one broker. `user_id`: whose account it has to be, "" for anybody's."""

    def __init__(self, reload: Reload | None, user_id: str = "") -> None:
        self._reload = reload
        self._user_id = user_id
        self._is_named = False
        self.trouble = Trouble.UNSEEN

    @property
    def closed_because(self) -> str | None:
        """See `actors.brokers.port.ClosableAccount`."""
        return _CLOSED[self.trouble]

    def note(self, verdict: Verdict) -> None:
        """Keep what an answer says about the account as a whole. Who is locked out can still read,
        so that only an order that was taken (it has an id) shows the contrary."""
        if verdict.is_session_lost:
            self.trouble = Trouble.LOGGED_OUT
        elif verdict.is_locked_out:
            self.trouble = Trouble.LOCKED_OUT
        elif verdict.is_misled:
            self.trouble = Trouble.MISLED
        elif verdict.order_id or (
            verdict.outcome is Outcome.ACKED and self.trouble is not Trouble.LOCKED_OUT
        ):
            self.trouble = Trouble.NONE

    @property
    def wants_name(self) -> bool:
        """Whether the token's owner is to be asked for before the token is used."""
        return bool(self._user_id) and not self._is_named

    def named(self, verdict: Verdict) -> None:
        """Take the profile's answer. Who cannot be asked changes nothing; a wrong name ends all."""
        profile = verdict.data if verdict.outcome is Outcome.ACKED else None
        if not isinstance(profile, dict):
            self.note(verdict._replace(outcome=Outcome.UNKNOWN))
            return
        self._is_named = profile.get("user_id") == self._user_id
        if not self._is_named:
            if not self.is_foreign:
                log_event("account_foreign", "WARNING", wanted=self._user_id)
            self.trouble = Trouble.FOREIGN
        elif self.trouble is not Trouble.LOCKED_OUT:
            self.trouble = Trouble.NONE

    @property
    def is_foreign(self) -> bool:
        """Nothing may be sent, and nothing that is read is ours."""
        return self.trouble is Trouble.FOREIGN

    def fresh(self) -> Credentials | None:
        """The keys to go on with, if a person has brought others or there is reason to look."""
        reload = self._reload
        if reload is None:
            return None
        is_renewed = isinstance(reload, Renewable) and reload.is_renewed()
        if not is_renewed and self.trouble not in (Trouble.LOGGED_OUT, Trouble.FOREIGN):
            return None
        self._is_named = False
        try:
            return reload()
        except (ConfigInvalid, StateUnsafe) as error:
            log_event("credentials_unusable", "WARNING", text=str(error))
            return None
