"""The local spool: what is on disk, what is torn, what is damage."""

import stat
from pathlib import Path

import pytest

from actors.stores.spool import BODY_BYTES_MAX, MAGIC, Spool
from engine.errors import JournalDamaged, StateUnsafe

ROWS = [(7, b"one"), (8, b""), (12, b"two" * 50)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    spool = Spool(path)
    spool.append(ROWS[:1])
    spool.append(ROWS[1:])
    spool.close()
    return path


def _read(path: Path) -> list[tuple[int, bytes]]:
    spool = Spool(path)
    try:
        return spool.records()
    finally:
        spool.close()


def test_when_records_are_spooled_then_a_new_life_finds_them(path: Path) -> None:
    assert _read(path) == ROWS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_when_the_spool_is_cleared_then_it_is_empty_and_takes_more(path: Path) -> None:
    spool = Spool(path)
    spool.clear()
    assert spool.records() == []
    spool.append([(3, b"x")])
    spool.close()
    assert _read(path) == [(3, b"x")]


@pytest.mark.conformance("BAD-61")
def test_when_the_last_record_is_torn_anywhere_then_only_it_is_cut_off(path: Path) -> None:
    whole = path.read_bytes()
    last = 12 + 8 + len(ROWS[2][1])
    for cut in range(1, last):
        path.write_bytes(whole[:-cut])
        spool = Spool(path)
        assert spool.records() == ROWS[:2]
        spool.append([(13, b"x")])
        spool.close()
        assert _read(path) == [*ROWS[:2], (13, b"x")]


@pytest.mark.conformance("BAD-61")
def test_when_the_tail_is_zeros_then_it_is_cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(100))
    assert _read(path) == ROWS


@pytest.mark.conformance("BAD-61")
def test_when_any_bit_is_flipped_then_it_is_damage(path: Path) -> None:
    whole = path.read_bytes()
    for bit in range(len(whole) * 8):
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        with pytest.raises(JournalDamaged):
            Spool(path)
        assert path.read_bytes() == broken


@pytest.mark.conformance("BAD-61")
def test_when_the_file_is_of_another_version_then_it_is_damage(path: Path) -> None:
    path.write_bytes(b"PHSPOOL2" + path.read_bytes()[8:])
    with pytest.raises(JournalDamaged):
        Spool(path)


@pytest.mark.parametrize("length", range(len(MAGIC)))
def test_when_the_first_start_was_torn_then_the_spool_starts_anew(
    tmp_path: Path, length: int
) -> None:
    path = tmp_path / "spool"
    path.write_bytes(MAGIC[:length])
    assert _read(path) == []
    assert path.read_bytes() == MAGIC


@pytest.mark.parametrize("row", [(12, b""), (1, b""), (20, bytes(BODY_BYTES_MAX + 1))])
def test_when_a_row_cannot_be_read_back_then_it_is_not_taken(
    path: Path, row: tuple[int, bytes]
) -> None:
    spool = Spool(path)
    with pytest.raises(ValueError, match="cannot be spooled"):
        spool.append([(15, b"fine"), row])
    spool.close()
    assert _read(path) == ROWS


def test_when_the_path_is_a_link_then_it_is_not_followed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(StateUnsafe):
        Spool(link)


@pytest.mark.parametrize("at", range(len(MAGIC)))
def test_flt86_when_a_bit_flips_in_an_empty_spool_then_nothing_is_lost_and_it_opens(
    tmp_path: Path, at: int
) -> None:
    """Simulation, seed 1199: a spool without a record kept every life from starting."""
    damaged = bytearray(MAGIC)
    damaged[at] ^= 0x40
    path = tmp_path / "spool"
    path.write_bytes(damaged)
    assert _read(path) == []
    assert path.read_bytes() == MAGIC
