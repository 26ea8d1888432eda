"""BAD-41: a secret file is safe, or the start is refused with the reason and not the content."""

import pickle
from pathlib import Path

import pytest

from actors.stores.secrets import Secret, read_secret
from engine.errors import StateUnsafe

VALUE = "dbname=x password=hunter2"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "dsn"
    path.write_text(VALUE + "\n")
    path.chmod(0o600)
    return path


def test_when_the_file_is_safe_then_the_value_is_read_and_hides_itself(secret_file: Path) -> None:
    secret = read_secret(secret_file)
    assert secret.reveal() == VALUE
    assert "hunter2" not in f"{secret!r} {secret} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@pytest.mark.conformance("BAD-41")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_when_others_may_read_it_then_it_is_refused(secret_file: Path, mode: int) -> None:
    secret_file.chmod(mode)
    _refused(secret_file, "mode is")


@pytest.mark.conformance("BAD-41")
def test_when_it_is_a_link_then_it_is_refused(secret_file: Path) -> None:
    link = secret_file.with_name("link")
    link.symlink_to(secret_file)
    _refused(link, "secret file")


@pytest.mark.conformance("BAD-41")
def test_when_it_lies_in_a_git_tree_then_it_is_refused(secret_file: Path) -> None:
    (secret_file.parent / ".git").mkdir()
    _refused(secret_file, "git tree")


@pytest.mark.conformance("BAD-41")
def test_when_its_folder_is_writable_by_everybody_then_it_is_refused(secret_file: Path) -> None:
    secret_file.parent.chmod(0o777)
    _refused(secret_file, "writable by everybody")


@pytest.mark.conformance("BAD-41")
@pytest.mark.parametrize("content", ["", " \n", "x" * 5_000])
def test_when_it_is_empty_or_too_long_then_it_is_refused(secret_file: Path, content: str) -> None:
    secret_file.write_text(content)
    _refused(secret_file, "empty or too long")


def test_when_a_secret_is_formatted_then_only_stars_show() -> None:
    assert f"{Secret('a'):>10}" == "***"


def _refused(path: Path, reason: str) -> None:
    with pytest.raises(StateUnsafe, match=reason) as refused:
        read_secret(path)
    assert "hunter2" not in str(refused.value)
