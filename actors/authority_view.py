"""What authority shows of itself: the topic "authority".

Decides names of the published view. Refuses to judge.
"""

from collections.abc import Mapping

from engine.messages.control import AuthorityChanged


def authority_body(view: AuthorityChanged, latched: Mapping[str, str]) -> dict[str, object]:
    """The view as plain data: mode, its number, latches with reasons, every ceiling."""
    return {
        "mode": view.mode.value,
        "mode_seq": view.mode_seq,
        "latches": dict(latched),
        "ceilings": [
            {"owner": c.owner, "scope": c.scope, "authority": c.authority.name, "why": c.reason}
            for c in view.ceilings
        ],
    }
