"""The door to the broker's credentials."""

from pathlib import Path

import pytest

from actors.feeds.kite.login import KEY_VARIABLE, TOKEN_VARIABLE, read_login
from engine.errors import BrokerSessionExpired, StateUnsafe

ENVIRONMENT = {KEY_VARIABLE: "env-key", TOKEN_VARIABLE: "env-token"}


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.touch()
    path.chmod(mode)
    path.write_text(text)
    return path


def test_when_there_is_a_file_then_it_wins_over_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path / "login.json", '{"api_key": "k", "access_token": "t"}')
    found = read_login(path, ENVIRONMENT)
    assert (found.api_key, found.access_token.reveal()) == ("k", "t")
    assert found == read_login(path, {})
    assert found != read_login(tmp_path / "none.json", ENVIRONMENT)
    assert repr(found) == "Login(***)"


def test_when_there_is_no_file_then_the_environment_is_read(tmp_path: Path) -> None:
    assert read_login(tmp_path / "none.json", ENVIRONMENT).access_token.reveal() == "env-token"


@pytest.mark.parametrize("missing", [KEY_VARIABLE, TOKEN_VARIABLE])
def test_when_a_half_is_missing_then_a_login_is_needed(tmp_path: Path, missing: str) -> None:
    with pytest.raises(BrokerSessionExpired, match="no Kite login"):
        read_login(tmp_path / "none.json", {**ENVIRONMENT, missing: ""})


@pytest.mark.parametrize("text", ["no json", "[]", '{"api_key": "k"}'])
def test_when_the_file_is_of_another_shape_then_it_is_refused_without_its_content(
    tmp_path: Path, text: str
) -> None:
    path = write(tmp_path / "login.json", text)
    with pytest.raises(StateUnsafe, match="api_key") as refused:
        read_login(path, ENVIRONMENT)
    assert "no json" not in str(refused.value)


def test_when_others_may_read_the_file_then_it_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "login.json", '{"api_key": "k", "access_token": "t"}', 0o644)
    with pytest.raises(StateUnsafe, match="0600"):
        read_login(path, ENVIRONMENT)
