"""What the checks do not look at yet, and what a campaign should come across.

Decides nothing; the command prints it.
"""

from typing import Final

NOT_CHECKED: Final[dict[str, str]] = {}
"""INV and LIV ids without a check, with the reason."""

SOMETIMES: Final[tuple[str, ...]] = ()
"""Names of the sometimes properties."""
