"""The same running console as in the console's own tests."""

from tests.actors.console.conftest import client, engine, state_dir

__all__ = ["client", "engine", "state_dir"]
