"""What the broker's answers say about the account as a whole, and whose token it is.

Decides what keeps the account from being traded and when that is over. Refuses to judge orders.
Stands alone because a token of another account must stop everything: its books are not ours, and
an exit sent with it would open a position there (BAD-57).
"""

from enum import unique
from typing import Final, Protocol, runtime_checkable

from actors.brokers.kite.credentials import Credentials
from actors.runtime.log import log_event
from engine.errors import ConfigInvalid, StateUnsafe
from engine.kite.outcome import Verdict
from engine.kite.token_life import LOGIN_FOREIGN, LOGIN_LOST
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
    Trouble.FOREIGN: LOGIN_FOREIGN,
}
_DOUBTED: Final = frozenset({Trouble.LOGGED_OUT, Trouble.FOREIGN})


class LoginSession(Protocol):
    """What is needed of `actors.brokers.kite.session.KiteSession`."""

    def renew(self, credentials: Credentials) -> None: ...
    def profile(self) -> Verdict: ...


class Reload(Protocol):
    """Reads the keys. Raises ConfigInvalid or StateUnsafe if there are none to be used."""

    def __call__(self) -> Credentials: ...


@runtime_checkable
class Renewable(Protocol):
    """Keys that can say cheaply whether they are others than those that were read last."""

    def is_renewed(self) -> bool: ...


class AccountState:
    """See the module. Belongs to one thread.

    Args:
        reload: reads the keys again once the login is lost, or when they say that a person has
            brought others; None: it stays lost.
        user_id: whose account it has to be, "" for anybody's.
    """

    def __init__(self, session: LoginSession, reload: Reload | None, user_id: str) -> None:
        self._session, self._reload, self._user_id = session, reload, user_id
        self.trouble = Trouble.UNSEEN
        self._is_named = False

    @property
    def closed_because(self) -> str | None:
        """See `actors.brokers.port.ClosableAccount`."""
        return _CLOSED[self.trouble]

    @property
    def is_foreign(self) -> bool:
        """Nothing may be sent and nothing that is read is ours."""
        return self.trouble is Trouble.FOREIGN

    def note(self, verdict: Verdict) -> Verdict:
        """Keep what an answer says. Who is locked out can still read, so that only an order that
        was taken (it has an id) shows the contrary."""
        trouble = self.trouble
        if verdict.is_session_lost:
            trouble = Trouble.LOGGED_OUT
        elif verdict.is_locked_out:
            trouble = Trouble.LOCKED_OUT
        elif verdict.is_misled:
            trouble = Trouble.MISLED
        elif verdict.order_id or (
            verdict.outcome is Outcome.ACKED and trouble is not Trouble.LOCKED_OUT
        ):
            trouble = Trouble.NONE
        self.trouble = trouble
        return verdict

    def revive(self) -> None:
        """Before a call: see whether a person has brought another token, and whose it is."""
        reload = self._reload
        is_renewed = isinstance(reload, Renewable) and reload.is_renewed()
        if reload is not None and (is_renewed or self.trouble in _DOUBTED):
            self._is_named = False
            try:
                self._session.renew(reload())
            except (ConfigInvalid, StateUnsafe) as error:
                log_event("credentials_unusable", "WARNING", text=str(error))
                return
        if self._user_id and not self._is_named:
            self._identify()

    def _identify(self) -> None:
        """Who cannot be asked keeps the state as it was, and is asked again before the next call;
        a wrong name ends everything."""
        verdict = self._session.profile()
        profile = verdict.data if verdict.outcome is Outcome.ACKED else None
        if not isinstance(profile, dict):
            self.note(verdict._replace(outcome=Outcome.UNKNOWN))
            return
        self._is_named = profile.get("user_id") == self._user_id
        if self._is_named:
            if self.trouble is not Trouble.LOCKED_OUT:
                self.trouble = Trouble.NONE
            return
        if not self.is_foreign:
            log_event("account_foreign", "WARNING", wanted=self._user_id)
        self.trouble = Trouble.FOREIGN
