"""Fixtures of the drills: state directories whose database is gone afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.stores.embedded import EmbeddedPostgres
from tests.drills.process import EngineProcess
from tests.fixtures.postgres import remove_server


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A new state directory; no server is left on it."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    yield folder
    if (folder / "postgres.place").exists():
        remove_server(EmbeddedPostgres(folder))


@pytest.fixture
def an_engine(state_dir: Path) -> Iterator[EngineProcess]:
    """An engine process, not started."""
    engine = EngineProcess(state_dir)
    yield engine
    engine.close()
