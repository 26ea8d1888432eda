"""Errors by consequence: each class says what the engine does about it.

A refusal by our own risk rules is not an error but a value (`engine.messages.values.Refusal`).
Stands alone so that a reader of any door sees at once what a failure leads to.
"""


class PaharaError(Exception):
    """Root of all foreseen errors."""


class ConfigInvalid(PaharaError):
    """The configuration has faults, all listed. The process exits; it is not restarted."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class WireMalformed(PaharaError):
    """Bytes from outside do not parse. Dropped and counted; a storm ends the actor."""


class BrokerRefused(PaharaError):
    """The broker said a definite no. The order is rejected; nothing is re-sent."""


class BrokerUnreachable(PaharaError):
    """No byte of the request left. The order was not sent."""


class BrokerOutcomeUnknown(PaharaError):
    """The request may have been processed. Never re-send; resolve by tag."""


class BrokerSessionExpired(PaharaError):
    """The access token is dead. Entries stop; the operator is asked to log in."""


class JournalUnavailable(PaharaError):
    """The database does not take records. Entries stop, exits go through the local spool."""


class JournalDamaged(PaharaError):
    """Recorded history does not verify. The engine halts; nothing is repaired by guessing."""


class CaptureDamaged(PaharaError):
    """A captured session does not verify. It is not replayed; the message names the block."""


class Fenced(PaharaError):
    """A newer leader epoch exists: nothing of ours is recorded any more. The engine stops."""


class RecordRefused(PaharaError):
    """A record contradicts what is recorded (a fill of an order nobody planned, a second fill
    with the same trade id). A definite no to its whole batch, also when it is repeated."""


class DuplicateIntent(RecordRefused):
    """A plan, decision, group or order id is recorded already. Nothing may be sent for it."""


class StateUnsafe(PaharaError):
    """The state directory is not safe to run on (modes, owner, second engine). Boot refuses."""
