"""The physical p-bit beside the logical one: dwell fractions over inputs, escape times over barriers.

    python experiments/pbit.py [--out pbit.nc] [--quick]

Shows: a Langevin particle in a calibrated double well spends the share of time on the right that the logical p-bit's
sigmoid says, and escapes as first-passage theory says, not as Kramers' formula does. Does not show: how fast a
device made of something else is, or what it costs.
"""

from __future__ import annotations

import argparse

import numpy as np
import xarray as xr

from thermopolis import thermo
from thermopolis.keys import make_key
from thermopolis.thermo.pbit import kramers_time


def measure(quick: bool) -> xr.Dataset:
    """Run both measurements."""
    inputs = np.linspace(-1.5, 1.5, 5 if quick else 13)
    bit = thermo.PBit(barrier=1.5 if quick else 2.5)
    time, chains = (30.0, 64) if quick else (400.0, 256)
    fraction, error = thermo.dwell_fraction(make_key(1), bit, inputs, time=time, dt=0.02, chains=chains)
    barriers = np.array([1.0, 2.0]) if quick else np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    columns: dict[str, list[float]] = {
        n: [] for n in ("escape_time", "escape_error", "first_passage_time", "kramers_time")
    }
    for barrier in barriers:
        well = thermo.PBit(barrier=float(barrier))
        times = thermo.escape_times(make_key(2), well, chains=500 if quick else 4000, dt=0.005)
        columns["escape_time"].append(times.mean())
        columns["escape_error"].append(times.std(ddof=1) / np.sqrt(times.size))
        columns["first_passage_time"].append(thermo.first_passage_time(well.well(), 1.0, -1.0, 1.0))
        columns["kramers_time"].append(kramers_time(well))
    ds = xr.Dataset(
        {
            "dwell_fraction": ("input", fraction),
            "dwell_error": ("input", error),
            "logical_fraction": ("input", 1 / (1 + np.exp(-2 * inputs))),
            "tilt": ("input", bit.tilt(inputs)),
        }
        | {name: ("barrier", np.array(values)) for name, values in columns.items()},
        coords={"input": inputs, "barrier": barriers},
        attrs={"name": "pbit", "temperature": 1.0, "dwell_barrier": bit.barrier},
    )
    for name in ("escape_time", "escape_error", "first_passage_time", "kramers_time"):
        ds[name].attrs = {"units": "1", "long_name": f"{name.replace('_', ' ')}, in position²/(mobility T)"}
    return ds


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description="the physical p-bit beside the logical one")
    parser.add_argument("--out", help="write the dataset to this netCDF file")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    options = parser.parse_args()
    ds = measure(options.quick)
    print("  input   logical  physical")
    for i in ds.input.values:
        row = ds.sel(input=i)
        print(
            f"{i:7.2f} {float(row.logical_fraction):9.4f} {float(row.dwell_fraction):9.4f} ± {float(row.dwell_error):.4f}"
        )
    print("barrier    escape time   first passage   Kramers")
    for b in ds.barrier.values:
        row = ds.sel(barrier=b)
        print(
            f"{b:7.1f} {float(row.escape_time):9.3f} ± {float(row.escape_error):.3f} "
            f"{float(row.first_passage_time):9.3f} {float(row.kramers_time):12.3f}"
        )
    if options.out:
        ds.to_netcdf(options.out, engine="h5netcdf")


if __name__ == "__main__":
    main()
