"""What comes in through operator doors, and signs of life of the sources that feed the engine."""

from typing import ClassVar

from engine.messages.base import Delivery, Message


class RequestReceived(Message, frozen=True, kw_only=True):
    """One request from the console's socket, already parsed.

    `peer` is the hex routing id to answer to. A non-empty `code` means that the door refused the
    request: nothing but the reply may happen. `digest` tells a repeated request from a changed one
    with the same id. `arguments` are (name, value) pairs as the command's schema says.
    """

    delivery: ClassVar[Delivery] = Delivery.CONTROL

    peer: str
    request_id: str
    command: str = ""
    arguments: tuple[tuple[str, str | bool], ...] = ()
    by: str = ""
    engine_id: str = ""
    boot_id: str = ""
    digest: str = ""
    code: str = ""
    text: str = ""

    def argument(self, name: str) -> str | bool:
        """The value of an argument, "" if it was not given."""
        return dict(self.arguments).get(name, "")


class SourceSeen(Message, frozen=True, kw_only=True):
    """A source was heard: `source` is tick, order_stream or reconcile, `key` an instrument or "".

    `seen_at_ns` is the market clock at which it was heard, not at which this was sent.
    """

    delivery: ClassVar[Delivery] = Delivery.CONFLATE

    source: str
    key: str = ""
    seen_at_ns: int

    @property
    def conflation_key(self) -> str:
        return f"{self.source}|{self.key}"
