"""Where Kite's official sample answers are read from; they are not part of the project."""

from pathlib import Path

import msgspec
import pytest

MOCKS = Path(__file__).resolve().parents[3] / "shared" / "marketdata" / "reference" / "kite_mocks"
needs_mocks = pytest.mark.skipif(not MOCKS.is_dir(), reason="the official samples are not here")


def mock_bytes(name: str) -> bytes:
    """The whole body of one sample answer."""
    return (MOCKS / f"{name}.json").read_bytes()


def mock_data(name: str) -> object:
    """What stands under `data`."""
    return msgspec.json.decode(mock_bytes(name))["data"]
