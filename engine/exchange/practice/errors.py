"""How Kite says no: an HTTP status, an error type and a text.

Decides which type and status a refusal of the account has. Source: Kite Connect v3, exceptions and
forum reports (facts of 2026-11).
"""

from typing import Final

IN_FLUX: Final = "Order cannot be {} as it is being processed. Try later."
TOKEN_TEXT: Final = "Incorrect `api_key` or `access_token`."  # noqa: S105 - a text
LIMIT_TEXT: Final = "Too many requests"
PROTECTION_TEXT: Final = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)
UNKNOWN_SYMBOL: Final = (
    "The instrument you are placing an order for has either expired or does not exist."
)
UNKNOWN_ORDER: Final = "Couldn't find that `order_id`."


class KiteError(Exception):
    """One error answer of the API."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error_type, self.message = status, error_type, message

    def body(self) -> dict[str, object]:
        """The JSON of the answer."""
        return {
            "status": "error",
            "message": self.message,
            "data": None,
            "error_type": self.error_type,
        }


def invalid(message: str) -> KiteError:
    """A field or a rule of business says no: nothing was placed."""
    return KiteError(400, "InputException", message)


def dead_token() -> KiteError:
    """The session is over, or was never there."""
    return KiteError(403, "TokenException", TOKEN_TEXT)


def too_many() -> KiteError:
    """A rate limit; the window turns with the calendar second."""
    return KiteError(429, "NetworkException", LIMIT_TEXT)
