"""The real client library over our own connection: calls go in, verdicts come out.

Decides how the library is driven: no debug output, no redirects, nothing repeated. Refuses its
reading of answers, which forgets the HTTP status of a broken body and raises KeyError or TypeError
for odd ones (kiteconnect 5.2.2): the verdict is made from what the connection has seen. What the
library raises is only kept where nothing was seen at all.
"""

from collections.abc import Callable, Sequence
from typing import Final

from kiteconnect import KiteConnect
from kiteconnect.exceptions import KiteException

from actors.brokers.kite.credentials import Credentials
from actors.brokers.kite.transport import ROOT, Transport, TransportSettings, Unanswered
from actors.stores.secrets import Secret
from engine.kite.forms import VARIETY
from engine.kite.money import Form
from engine.kite.outcome import Asked, Observation, Verdict, classify

_FORESEEN: Final = (
    KiteException,
    Unanswered,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
)
"""What the library raises for some body or other; anything else ends the actor."""


class _Client(KiteConnect):  # type: ignore[misc]  # the library has no types
    """Leaves times as the texts they are: nobody reads its parsed rows."""

    def _format_response(self, data: object) -> object:
        return data


class KiteSession:
    """One login at Kite. Belongs to one thread.

    Args:
        root: of the API; "http://127.0.0.1:port" is a practice exchange.

    Raises:
        ConfigInvalid: the root is neither HTTPS nor on this machine.
    """

    def __init__(
        self,
        credentials: Credentials,
        root: str = ROOT,
        settings: TransportSettings | None = None,
    ) -> None:
        self._credentials = credentials
        self._transport = Transport(root, settings)
        self._client = _Client(api_key=credentials.api_key.reveal(), root=root, debug=False)
        self._client.reqsession.close()
        self._client.reqsession = self._transport
        self.renew(credentials)

    @property
    def connects_count(self) -> int:
        return self._transport.connects_count

    def renew(self, credentials: Credentials) -> None:
        """Go on with another access token of the same app."""
        self._credentials = credentials
        self._client.set_access_token(credentials.access_token.reveal())

    def yield_to(self, is_awaited: Callable[[], bool]) -> None:
        """Whom a call that takes long gives way to."""
        self._transport.is_awaited = is_awaited

    def close(self) -> None:
        """Let the connection go."""
        self._transport.close()

    def log_in(self, api_secret: Secret) -> Verdict:
        """POST /session/token: our token is a request token, handed in with its checksum for the
        access token in `data`. Good for one call; this session is of no use after it."""
        request_token = self._credentials.access_token
        self._client.set_access_token(None)
        trade_in = self._client.generate_session
        return self._call(Asked.READ, lambda: trade_in(request_token.reveal(), api_secret.reveal()))

    def place(self, fields: dict[str, str | int]) -> Verdict:
        """POST /orders/regular with the fields of `engine.kite.forms.place_fields`."""
        return self._call(Asked.PLACE, lambda: self._client.place_order(**fields))

    def modify(self, fields: dict[str, str | int]) -> Verdict:
        """PUT /orders/regular/{order_id} with those of `modify_fields`."""
        order_id = str(fields["order_id"])
        return self._call(Asked.MODIFY, lambda: self._client.modify_order(**fields), order_id)

    def cancel(self, order_id: str) -> Verdict:
        """DELETE /orders/regular/{order_id}."""
        call = self._client.cancel_order
        return self._call(Asked.CANCEL, lambda: call(VARIETY, order_id), order_id)

    def orders(self) -> Verdict:
        """GET /orders: today's order book in `data`."""
        return self._call(Asked.READ, self._client.orders)

    def trades(self) -> Verdict:
        """GET /trades: today's trade book in `data`."""
        return self._call(Asked.READ, self._client.trades)

    def positions(self) -> Verdict:
        """GET /portfolio/positions: net and day positions in `data`."""
        return self._call(Asked.READ, self._client.positions)

    def profile(self) -> Verdict:
        """GET /user/profile: the cheapest way to ask whether the token lives."""
        return self._call(Asked.READ, self._client.profile)

    # -- money: read only, whatever the method ------------------------------------------------

    def funds(self) -> Verdict:
        """GET /user/margins: buying power by segment in `data`."""
        return self._call(Asked.READ, self._client.margins)

    def order_margins(self, forms: list[Form]) -> Verdict:
        """POST /margins/orders: what each order would block, alone."""
        return self._call(Asked.READ, lambda: self._client.order_margins(forms))

    def basket_margins(self, forms: list[Form]) -> Verdict:
        """POST /margins/basket: what they would block together, with the positions held."""
        return self._call(Asked.READ, lambda: self._client.basket_order_margins(forms))

    def quote(self, names: Sequence[str]) -> Verdict:
        """GET /quote of up to 500 names ("NSE:INFY"), once a second at most: by name in `data`."""
        return self._call(Asked.READ, lambda: self._client.quote(list(names)))

    def contract_note(self, forms: list[Form]) -> Verdict:
        """POST /charges/orders: the charges of executed orders."""
        return self._call(Asked.READ, lambda: self._client.get_virtual_contract_note(forms))

    def _call(self, asked: Asked, call: Callable[[], object], order_id: str = "") -> Verdict:
        self._transport.forget()
        failure = ""
        try:
            call()
        except _FORESEEN as error:
            failure = type(error).__name__
        seen = self._transport.seen
        is_nothing = not seen.is_written and seen.status == 0
        verdict = classify(
            Observation(
                asked=asked,
                order_id=order_id,
                is_written=seen.is_written,
                status=seen.status,
                content_type=seen.content_type,
                body=seen.body,
                error=seen.error or (failure if is_nothing else ""),
                is_late=seen.is_late,
            )
        )
        return verdict._replace(text=self._credentials.redacted(verdict.text))
