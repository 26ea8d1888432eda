"""Logins: request tokens, their checksum, access tokens and when they die.

Decides who is in. Tokens are made from a seed and a counter: nothing here guards anything.
Source: Kite Connect v3, login flow; tokens are flushed at about 06:00.
"""

from hashlib import sha256
from hmac import compare_digest

from engine.exchange.practice.errors import KiteError, dead_token
from engine.kite.token_life import ends_at_ns

REQUEST_TOKENS_MAX = 100


class Tokens:
    """The one user's sessions."""

    def __init__(self, api_key: str, api_secret: str, seed: str) -> None:
        self.api_key = api_key
        self._secret = api_secret
        self._seed = seed
        self._count = 0
        self._requests: set[str] = set()
        self.access_token = ""
        self._dies_at_ns = 0

    def log_in(self) -> str:
        """The user has logged in by hand: a request token, good for one exchange."""
        token = self._make("request")
        if len(self._requests) >= REQUEST_TOKENS_MAX:
            self._requests.clear()
        self._requests.add(token)
        return token

    def exchange(self, api_key: str, request_token: str, checksum: str, now_ns: int) -> str:
        """A request token for an access token; every earlier one is dead from then on.

        Raises:
            KiteError: 403 for a wrong key, token or checksum.
        """
        text = f"{api_key}{request_token}{self._secret}"
        is_right = compare_digest(sha256(text.encode()).hexdigest(), checksum)
        if api_key != self.api_key or not is_right:
            raise KiteError(403, "TokenException", "Invalid `checksum`.")
        if request_token not in self._requests:
            raise KiteError(403, "TokenException", "Token is invalid or has expired.")
        self._requests.discard(request_token)
        return self.renew(now_ns)

    def renew(self, now_ns: int) -> str:
        """A new access token, valid until the next 06:00 of the market's clock."""
        self._dies_at_ns = ends_at_ns(now_ns)
        self.access_token = self._make("access")
        return self.access_token

    def check(self, authorization: str, now_ns: int) -> None:
        """The header `token api_key:access_token`. Raises KiteError 403 if it is not in force."""
        key, _, token = authorization.removeprefix("token ").partition(":")
        if not authorization.startswith("token ") or not self.is_valid(key, token, now_ns):
            raise dead_token()

    def is_valid(self, api_key: str, access_token: str, now_ns: int) -> bool:
        """Whether the pair opens a door now."""
        is_known = compare_digest(access_token.encode(), self.access_token.encode())
        is_alive = bool(self.access_token) and now_ns < self._dies_at_ns
        return is_known and is_alive and api_key == self.api_key

    def log_out(self) -> None:
        """The access token is dead."""
        self.access_token = ""

    def _make(self, kind: str) -> str:
        self._count += 1
        return sha256(f"{self._seed}|{kind}|{self._count}".encode()).hexdigest()[:32]
