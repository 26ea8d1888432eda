"""The phrase that a person types to let strategies trade live.

Decides its words. They name the mode's sequence number, so that a phrase that was typed for another
situation, or kept in a script, opens nothing. Refuses to know who may say it.
"""

_WORDS = ("TRADE", "LIVE")


def phrase_of(mode_seq: int, strategy: str = "") -> str:
    """What has to be typed now; "" is all strategies."""
    return " ".join((*_WORDS, str(mode_seq), *((strategy,) if strategy else ())))


def order_of(phrase: str) -> str:
    """The authority's words for a phrase (`live <mode_seq> [strategy]`), "" for any other text."""
    words = phrase.split(" ")
    if tuple(words[:2]) != _WORDS or not 3 <= len(words) <= 4 or not all(words):
        return ""
    seq = words[2]
    if not (seq.isascii() and seq.isdigit() and len(seq) <= 20):
        return ""
    return " ".join(("live", *words[2:]))
