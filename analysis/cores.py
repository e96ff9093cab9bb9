"""A core by itself: the work of a protocol and the free energy it tells, the tempered free energy.

- Jarzynski (1997, *PRL* 78, 2690): ΔF = −ln⟨e^{−W}⟩, W in kT, over chains that start in equilibrium.
- Bennett (1976, *J. Comput. Phys.* 22, 245), from works both ways: the ΔF at which
  Σ_F 1/(1 + (n_F/n_R) e^{W − ΔF}) = Σ_R 1/(1 + (n_R/n_F) e^{W + ΔF}); forward and reverse laws cross there (Crooks 1999).
- Tempered free energy F_β(q) = E_q[L] − H(q)/β: for an agent L = −ln p(o, s), so that E_q[L] = F + H(q) by what it
  records; for a core L is its energy, β = 1/T, q the law of the states counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.special import expit, logsumexp

from thermopolis.analysis.counting import FRACTION, late
from thermopolis.analysis.information import entropy
from thermopolis.analysis.series import CHAINS, group_names, standard, sweep_dims, tail
from thermopolis.errors import StoreError

DIRECTION = "reverse"  # what a sweep over a protocol's direction calls its dimension
_RESAMPLES = 400


def is_core(ds: xr.Dataset) -> bool:
    """Whether chains of a core are what ``ds`` is about, rather than players."""
    return "chain" in ds.dims or bool(ds.attrs.get("alone", 0)) or group_names(ds) == [CHAINS]


def protocol_work(ds: xr.Dataset) -> xr.DataArray:
    """Work done on every chain of a core over the whole protocol, (…, replicate, agent), in kT (J where kT isn't said).

    Raises
    ------
    StoreError
        No core by itself, or nothing was done on it.
    """
    if "protocol_work" in ds.data_vars:
        return ds["protocol_work"]
    if not is_core(ds) or "core_work" not in ds.data_vars:
        raise StoreError("no work of a protocol was recorded of a core by itself")
    work = standard(ds)["core_work"]
    if "swaps" in work.attrs.get("done_by", ""):
        raise StoreError(
            "replicas that swap follow no protocol: their work is no path's between two energies"
        )
    total = work.astype(np.float64).sum("step")
    if not total.values.any():
        raise StoreError("no work was done on the core: nothing was reprogrammed")
    thermal = float(work.attrs.get("kT", "nan"))
    units = "kT" if np.isfinite(thermal) else "J"
    out = total / thermal if units == "kT" else total
    out = out.rename("protocol_work").drop_vars("kind", errors="ignore")
    return out.assign_attrs(long_name="work of the protocol", units=units)


def jarzynski(work: np.ndarray) -> float:
    """ΔF = −ln⟨e^{−W}⟩ of works in kT, in kT; NaN without any. Biased upward where Var W exceeds about 1."""
    work = np.asarray(work, np.float64).ravel()
    work = work[np.isfinite(work)]
    return float(np.log(len(work)) - logsumexp(-work)) if len(work) else float("nan")


def bennett(forward: np.ndarray, reverse: np.ndarray) -> float:
    """ΔF (of the forward protocol) from works in kT of both directions, in kT; NaN without both."""
    from scipy.optimize import brentq  # slow to import, seldom needed

    up, down = (np.asarray(w, np.float64).ravel() for w in (forward, reverse))
    up, down = up[np.isfinite(up)], down[np.isfinite(down)]
    if not (len(up) and len(down)):
        return float("nan")
    ratio = np.log(len(up) / len(down))

    def imbalance(difference: float) -> float:
        return float(expit(difference - up - ratio).sum() - expit(ratio - down - difference).sum())

    reach = np.concatenate([up, -down])
    low, high = float(reach.min()) - 1.0, float(reach.max()) + 1.0
    while imbalance(low) > 0:
        low -= high - low
    while imbalance(high) < 0:
        high += high - low
    return float(brentq(imbalance, low, high, xtol=1e-10))


def protocol_free_energy(ds: xr.Dataset, level: float = 0.95, seed: int = 1997) -> list[dict[str, Any]]:
    """Free-energy differences that works tell, one row per place of the sweep (both values of ``reverse`` together).

    Rows hold ``work`` (mean, kT), ``jarzynski``, ``low``, ``high`` (bootstrap over chains), ``spread`` (Var W; the
    exponential mean is biased where that is above about 1) and, where works of both directions are there,
    ``bennett`` with ``bennett_low``, ``bennett_high``.
    """
    work = protocol_work(ds)
    if work.attrs.get("units") != "kT":
        raise StoreError("kT isn't recorded beside the work, so no free energy follows from it")
    dims = [d for d in sweep_dims(work) if d != DIRECTION]
    generator = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for place in np.ndindex(*[work.sizes[d] for d in dims]):
        here = work.isel(dict(zip(dims, place, strict=True)))
        up, down = directions(here)
        row = {d: (work[d].values[i] if d in work.coords else i) for d, i in zip(dims, place, strict=True)}
        drawn = [jarzynski(generator.choice(up, len(up))) for _ in range(_RESAMPLES)] if len(up) > 1 else []
        low, high = _bounds(drawn, level)
        row |= {
            "work": float(np.mean(up)) if len(up) else np.nan,
            "jarzynski": jarzynski(up),
            "low": low,
            "high": high,
        }
        row["spread"] = float(np.var(up)) if len(up) else np.nan
        if len(down):
            pairs = [
                bennett(generator.choice(up, len(up)), generator.choice(down, len(down))) for _ in range(100)
            ]
            low, high = _bounds(pairs, level)
            row |= {"bennett": bennett(up, down), "bennett_low": low, "bennett_high": high}
        rows.append(row)
    return rows


def directions(work: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Finite works forward and in reverse (empty where the sweep has no direction)."""
    if DIRECTION not in work.dims:
        values = work.values.ravel()
        return values[np.isfinite(values)], np.zeros(0)
    labels = [str(v).lower() in ("true", "1") for v in work[DIRECTION].values]
    found = []
    for wanted in (False, True):
        places = [i for i, back in enumerate(labels) if back is wanted]
        values = work.isel({DIRECTION: places}).values.ravel()
        found.append(values[np.isfinite(values)])
    return found[0], found[1]


def _bounds(draws: list[float], level: float) -> tuple[float, float]:
    known = np.array([d for d in draws if np.isfinite(d)])
    if len(known) < 10:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def tempered_free_energy(ds: xr.Dataset, dim: str = "beta", fraction: float = FRACTION) -> xr.Dataset:
    """F_β(q) = E_q[L] − H(q)/β along a sweep, with its parts, each (…, replicate, group), in nats (a core: its own unit).

    Parameters
    ----------
    dim : str
        The swept β of an agent whose perception is tempered. A core by itself has β = 1/T of its own.

    Returns
    -------
    Dataset
        ``free_energy`` (F_β), ``energy`` (E_q[L]), ``entropy`` (H(q)), ``inverse_temperature`` (β).
    """
    if is_core(ds):
        temperature = tail(ds, "core_temperature", fraction)
        loss, uncertainty = tail(ds, "energy", fraction), state_entropy(ds, fraction)
        beta, temper = 1.0 / temperature, temperature
        parts = {
            "free_energy": loss - temper * uncertainty,
            "energy": loss,
            "entropy": uncertainty + 0 * loss,
        }
        return xr.Dataset({**parts, "inverse_temperature": beta + 0 * loss})
    if dim not in ds.dims or dim not in ds.coords:
        raise StoreError(f"no β was swept (there is no dimension {dim!r}): sweep agents.N.perception.beta")
    uncertainty = tail(ds, "belief_entropy", fraction)
    loss = tail(ds, "free_energy", fraction) + uncertainty
    beta = ds[dim].astype(np.float64)
    found = {"free_energy": loss - uncertainty / beta, "energy": loss, "entropy": uncertainty}
    return xr.Dataset({**found, "inverse_temperature": beta + 0 * loss})


def state_entropy(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """Entropy of the states a core was seen in, (…, replicate), in nats, Miller–Madow corrected.

    Raises
    ------
    StoreError
        States weren't recorded, are continuous, or are too many to be counted (fewer than five samples each).
    """
    if "state_entropy" in ds.data_vars:
        return ds["state_entropy"]
    ds = standard(ds)
    if "state" not in ds.data_vars or "unit" not in ds["state"].dims:
        raise StoreError("the core's states were not recorded, so their entropy isn't known")
    if ds["state"].dtype.kind == "f":
        raise StoreError("continuous states can't be counted")
    state = late(ds["state"], fraction).transpose(..., "replicate", "step", "agent", "unit")
    lead = state.shape[:-3]
    values = np.empty(lead)
    for place in np.ndindex(*lead):
        table = state.values[place].reshape(-1, state.sizes["unit"])
        counts = np.unique(table, axis=0, return_counts=True)[1]
        if len(counts) * 5 > len(table):
            raise StoreError(f"{len(counts)} states among {len(table)} samples are too many to count")
        values[place] = float(entropy(counts))
    dims = state.dims[:-3]
    coords = {k: v for k, v in state.coords.variables.items() if set(v.dims) <= set(dims)}
    out = xr.DataArray(values, dims=dims, coords=coords, name="state_entropy")
    return out.assign_attrs(long_name="entropy of the core's states", units="nat")
