"""What is written is read back, by xarray and by h5py, and equal datasets are equal bytes."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from thermopolis.runs import netcdf
from thermopolis.runs.table import table_of


def example(steps: int = 7, replicates: int = 3, agents: int = 2) -> xr.Dataset:
    """Every kind of variable that results hold."""
    rng = np.random.default_rng(steps)
    dims, shape = ("replicate", "step", "agent"), (replicates, steps, agents)
    energy = rng.random((*shape, 5)) * 1e45
    energy[0] = np.nan
    return xr.Dataset(
        {
            "reward": (dims, rng.random(shape, np.float32), {"units": "1", "long_name": "π of the round"}),
            "action": (dims, rng.integers(-1, 2, shape, np.int8)),
            "core_joules": ((*dims, "operation"), energy),
            "reversed": (dims, rng.random(shape[::-1]).T),
            "flag": (("agent",), rng.random(agents) < 0.5),
            "beta": ((), 0.5, {"levels": [1, 2, 3], "scale": 2.5, "empty": ""}),
            "link": (("replicate", "edge"), rng.integers(0, 9, (replicates, 11))),
        },
        {
            "replicate": np.arange(replicates),
            "step": np.arange(steps),
            "agent": np.arange(agents),
            "operation": ["update", "read", "write", "rng", "host"],
            "kind": (("replicate", "agent"), np.full((replicates, agents), "wörld")),
            "world_seed": ("replicate", rng.integers(0, 2**31, replicates)),
        },
        {"title": "an example"},
    )


@pytest.mark.parametrize("steps", [1, 7, 3000])
def test_a_dataset_is_read_back_as_it_was(steps: int, tmp_path: Path) -> None:
    dataset = example(steps)
    (tmp_path / "image.nc").write_bytes(netcdf.image(table_of(dataset)))
    netcdf.write(table_of(dataset), tmp_path / "file.nc")
    for name in ("image.nc", "file.nc"):
        with xr.open_dataset(tmp_path / name, engine="h5netcdf") as back:
            xr.testing.assert_identical(back.load(), dataset)


def test_equal_datasets_are_equal_bytes_at_any_time(tmp_path: Path) -> None:
    first = netcdf.image(table_of(example()))
    netcdf.write(table_of(example(3000)), tmp_path / "a")
    time.sleep(1.1)  # HDF5 knows whole seconds
    assert netcdf.image(table_of(example())) == first
    netcdf.write(table_of(example(3000)), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_follows_the_standard(tmp_path: Path) -> None:
    """Dimension scales attached in both directions, creation order kept: what netCDF's own library looks for."""
    netcdf.write(table_of(example(3000)), tmp_path / "file.nc")
    with h5py.File(tmp_path / "file.nc") as file:
        made: list[bytes] = []
        root = h5py.h5g.open(file.id, b"/")
        root.links.iterate(made.append, idx_type=h5py.h5.INDEX_CRT_ORDER)
        assert made[:4] == [b"replicate", b"step", b"agent", b"operation"]
        reward = file["reward"]
        assert [reward.dims[axis].keys() for axis in range(3)] == [["replicate"], ["step"], ["agent"]]
        assert reward.shuffle and reward.compression == "gzip"
        for name in ("replicate", "step", "agent", "operation"):
            assert file[name].is_scale and "_Netcdf4Dimid" in file[name].attrs
        assert file["edge"].attrs["NAME"].startswith(b"This is a netCDF dimension but not a netCDF variable.")
        assert file["edge"].shape == (11,)


def test_slabs_are_seamless_and_do_not_show_in_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values are asked for in stretches of steps, each whole chunks, and all of them once."""
    monkeypatch.setattr(netcdf, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(netcdf, "STRETCH_BYTES", 3 * 4096)
    dataset = example(5001)
    netcdf.write(table_of(dataset), tmp_path / "file.nc")
    with xr.open_dataset(tmp_path / "file.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), dataset)
    for variable in dataset.data_vars.values():
        if "step" in variable.dims:
            dims, size = tuple(map(str, variable.dims)), variable.dtype.itemsize
            taken = list(netcdf.slabs(dims, variable.shape, size))
            steps = netcdf.chunk_shape(dims, variable.shape, size)[variable.dims.index("step")]
            assert len(taken) > 1 and all(part.start % steps == 0 for part in taken)
            assert [i for part in taken for i in range(part.start, part.stop)] == list(range(5001))


@pytest.mark.parametrize(
    "shape", [(1, 10, 10**6), (1000, 10**5, 2), (32, 500, 2), (1, 10**6, 1), (1, 1, 10**7), (10**5, 3, 4)]
)
def test_chunks_are_of_a_moderate_size(shape: tuple[int, ...]) -> None:
    chunk = netcdf.chunk_shape(("replicate", "step", "agent"), shape, 8)
    size = 8 * int(np.prod(chunk))
    assert all(1 <= part <= whole for part, whole in zip(chunk, shape, strict=True))
    assert size <= netcdf.CHUNK_BYTES
    assert size >= min(8 * int(np.prod(shape)), netcdf.CHUNK_BYTES // 4)
    assert 8 * shape[0] * chunk[1] * shape[2] <= max(netcdf.STRETCH_BYTES, 8 * shape[0] * shape[2])
