"""What the checks do not look at, and what a campaign should come across.

Decides nothing; the command prints it.
"""

from typing import Final

from scripts.simulation import sometimes

NOT_CHECKED: Final[dict[str, str]] = {
    "INV-37": "no secret enters a simulated life: broker login and telegram are outside of it",
    "INV-45": "the simulated tree has no metrics room; the staleness gauge has tests of its own",
    "LIV-05": "one leader after a partition: the leader actor is a later issue",
}
"""INV and LIV ids without a check, with the reason."""

SOMETIMES: Final[tuple[str, ...]] = sometimes.SOMETIMES
"""Names of the sometimes properties."""
