"""Every known bug still fits the sources and changes them; catching them is `make mutants`."""

import ast

import pytest

from tests.mutants.run import ROOT, Unfit, load, mutated, names


@pytest.mark.parametrize("name", names())
def test_when_a_bug_is_put_in_then_the_source_is_another_and_still_python(name: str) -> None:
    mutant = load(name)
    source = (ROOT / mutant.file).read_text(encoding="utf-8")
    ast.parse(mutated(source, mutant))
    assert mutated(source, mutant) != source


def test_when_the_text_is_gone_then_the_bug_says_that_it_is_unfit() -> None:
    with pytest.raises(Unfit):
        mutated("nothing", load(names()[0]))
