"""Decisions: from a seed, again from a list, and harmless where the list says nothing."""

from scripts.simulation.decisions import Decisions


def _draws(decisions: Decisions) -> list[int | bool]:
    return [
        value
        for _ in range(50)
        for value in (decisions.pick("room", 5), decisions.happens("FLT-01", 300_000))
    ]


def test_when_the_seed_is_the_same_then_so_is_every_draw() -> None:
    assert _draws(Decisions(7)) == _draws(Decisions(7))
    assert _draws(Decisions(7)) != _draws(Decisions(8))


def test_when_what_was_taken_is_forced_then_the_run_repeats() -> None:
    first = Decisions(7)
    drawn = _draws(first)
    again = Decisions(7, first.taken)
    assert _draws(again) == drawn
    assert again.taken == first.taken


def test_when_a_decision_is_left_out_then_only_it_becomes_harmless() -> None:
    first = Decisions(7)
    drawn = _draws(first)
    key = next(key for key in first.taken if key[0] == "FLT-01")
    kept = {other: value for other, value in first.taken.items() if other != key}
    again = _draws(Decisions(7, kept))
    at = 2 * key[1] + 1
    assert drawn[at] is True
    assert again[at] is False
    assert drawn[:at] + drawn[at + 1 :] == again[:at] + again[at + 1 :]


def test_when_nothing_is_forced_then_all_is_harmless() -> None:
    assert set(_draws(Decisions(7, {}))) == {0}
