"""Exit codes of every `pahara` command."""

from typing import Final

OK: Final = 0
ERROR: Final = 1
NOT_FOUND: Final = 2
NOT_RUNNING: Final = 3
CONFIG: Final = 4
TIMEOUT: Final = 5
REFUSED: Final = 6
