"""The part of a room that faces pykka: envelopes, futures, the registry.

Decides how a message that came by pykka's own door (`ref.tell`, `ref.ask`: tests and the edge of
scripts) is handled and answered. Refuses to know inboxes and turns (room.py).
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import pykka
from pykka._envelope import Envelope

from engine.messages.base import Message
from engine.messages.supervision import ExitKind


class PykkaDoor(pykka.Actor):
    """What every room is for pykka."""

    _receive: Callable[[Message], None]

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _handle_envelope(self, envelope: Envelope[Any]) -> None:
        try:
            reply = self._handle_receive(envelope.message)
        except BaseException as error:  # noqa: BLE001 the host's one door for failures
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception((type(error), error, error.__traceback__))
            self._fail(error, None)
            return
        if envelope.reply_to is not None:
            envelope.reply_to.set(reply)

    def on_receive(self, message: Any) -> Any:  # noqa: ANN401 pykka's signature
        self._receive(message)

    @abstractmethod
    def _fail(
        self, error: BaseException, kind: ExitKind | None, item: Message | None = None
    ) -> None:
        """End the generation as failed."""

    def _enter_pykka(self) -> None:
        """Become known to pykka and begin; it forgets a room that the directory refuses."""
        pykka.ActorRegistry.register(self.actor_ref)
        try:
            self._start_actor_loop()
        except ValueError:
            self._stop_pykka()
            raise

    def _stop_pykka(self) -> None:
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
