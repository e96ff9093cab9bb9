"""Frames that wait on disk are read by who wrote them, whoever else works at the same point meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from thermopolis.errors import StoreError
from thermopolis.runs.spool import Memory, Spool

FRAMES, COLUMNS = 12, 10


def value(first: int, width: int, frames: slice) -> np.ndarray:
    """What any worker would record of some columns: (frames, rows, columns)."""
    whole = np.arange(FRAMES * 2 * COLUMNS, dtype=np.float32).reshape(FRAMES, 2, COLUMNS)
    return whole[frames, :, first : first + width]


def writing(spool: Spool, widths: tuple[int, ...], begin: int = 0) -> Iterator[int]:
    """Records all columns in runs of some widths, three frames at a time; stops after each."""
    for at in range(begin, FRAMES, 3):
        first = 0
        for width in widths:
            spool.put(first, at, {"reward": value(first, width, slice(at, at + 3))})
            first += width
        yield at + 3


def whole(spool: Spool) -> np.ndarray:
    return spool.read("reward", slice(None))


@pytest.mark.parametrize("widths", [(10,), (4, 6), (7, 3)])
def test_a_worker_given_up_for_lost_spoils_nothing(tmp_path: Path, widths: tuple[int, ...]) -> None:
    lost, next_one = Spool(tmp_path, FRAMES, COLUMNS), Spool(tmp_path, FRAMES, COLUMNS)
    earlier, later = writing(lost, (4, 6)), writing(next_one, widths)
    assert next(earlier) == next(later) == 3
    with pytest.raises(StoreError):  # and never a point in which something is missing
        list(earlier)
    lost.forget()
    list(later)
    np.testing.assert_array_equal(whole(next_one), value(0, COLUMNS, slice(None)))
    next_one.forget()
    assert not tmp_path.exists() or not list(tmp_path.iterdir())


def test_who_goes_on_from_a_checkpoint_and_who_wrote_it_both_end_well(tmp_path: Path) -> None:
    lost = Spool(tmp_path, FRAMES, COLUMNS)
    earlier = writing(lost, (10,))
    assert next(earlier) == 3
    kept = lost.kept(0, COLUMNS, 3)
    next_one = Spool(tmp_path, FRAMES, COLUMNS)
    next_one.restore(0, COLUMNS, kept)
    later = writing(next_one, (10,), begin=3)
    assert next(earlier) == 6 and next(later) == 6
    list(earlier)
    np.testing.assert_array_equal(whole(lost), value(0, COLUMNS, slice(None)))
    lost.forget()
    list(later)
    np.testing.assert_array_equal(whole(next_one), value(0, COLUMNS, slice(None)))
    next_one.forget()
    assert not list(tmp_path.glob("*.raw"))


def test_what_a_later_stretch_lacks_is_nothing_on_disk_as_in_memory(tmp_path: Path) -> None:
    """Worlds say nothing more of power once all of them have ended."""
    rewards, power = np.ones((6, 1, 2), np.float32), np.ones((6, 1, 2))
    for shelf in (Memory(FRAMES, 2), Spool(tmp_path, FRAMES, 2)):
        shelf.put(0, 0, {"reward": rewards, "power": power})
        shelf.put(0, 6, {"reward": rewards})
        found = shelf.read("power", slice(None))
        assert (found[:6] == 1).all() and np.isnan(found[6:]).all()


def test_a_run_cut_twice_finds_its_frames(tmp_path: Path) -> None:
    first = Spool(tmp_path, FRAMES, COLUMNS)
    next(writing(first, (10,)))
    kept = first.kept(0, COLUMNS, 3)
    Spool(tmp_path, FRAMES, COLUMNS).restore(0, COLUMNS, kept)  # cut before it kept anything itself
    third = Spool(tmp_path, FRAMES, COLUMNS)
    third.restore(0, COLUMNS, kept)
    list(writing(third, (10,), begin=3))
    np.testing.assert_array_equal(whole(third), value(0, COLUMNS, slice(None)))


def test_what_a_later_stretch_brings_is_kept_on_disk_as_in_memory(tmp_path: Path) -> None:
    """Another's world may say something only once it happens."""
    rewards, floods = np.ones((6, 1, 2), np.float32), np.full((6, 1, 2), 3)
    kept = {}
    for shelf in (Memory(FRAMES, 4), Spool(tmp_path, FRAMES, 4)):
        for column in (0, 2):
            shelf.put(column, 0, {"reward": rewards})
            shelf.put(column, 6, {"reward": 2 * rewards} | ({"flood": floods} if column else {}))
        kept = {name: shelf.read(name, slice(None)) for name in shelf.names()}
        assert (kept["reward"][:6] == 1).all() and (kept["reward"][6:] == 2).all()
        assert (kept["flood"][6:, :, 2:] == 3).all()
        assert (kept["flood"][:6] == -1).all() and (kept["flood"][:, :, :2] == -1).all()


def test_frames_gone_on_from_again_and_again_leave_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, FRAMES, COLUMNS)
    spool.put(0, 0, {"reward": value(0, COLUMNS, slice(0, 3))})
    for frame in (3, 6, 9):
        kept = spool.kept(0, COLUMNS, frame)
        spool = Spool(tmp_path, FRAMES, COLUMNS)
        spool.restore(0, COLUMNS, kept)
        spool.put(0, frame, {"reward": value(0, COLUMNS, slice(frame, frame + 3))})
    np.testing.assert_array_equal(whole(spool), value(0, COLUMNS, slice(None)))
    spool.forget()
    assert not list(tmp_path.iterdir())


def test_a_writer_that_ends_takes_no_folder_from_one_that_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, beginning = Spool(tmp_path / "s", FRAMES, COLUMNS), Spool(tmp_path / "s", FRAMES, COLUMNS)
    ending.put(0, 0, {"reward": value(0, 4, slice(0, 3))})
    touch = Path.touch

    def late(path: Path, **how: bool) -> None:
        ending.forget()
        touch(path, **how)

    monkeypatch.setattr(Path, "touch", late)
    beginning.put(4, 0, {"reward": value(4, 6, slice(0, 3))})
    np.testing.assert_array_equal(beginning.read("reward", slice(3))[..., 4:], value(4, 6, slice(0, 3)))
