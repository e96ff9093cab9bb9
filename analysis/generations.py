"""Generations brought down to what figures need: courses of traits, demes. The laws are those of :mod:`.selection`."""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.selection import breeder, pairwise_law, price, traits
from thermopolis.errors import StoreError

_STEADY = 1e-6  # fitness that differs by no more is constant


def trait_course(ds: xr.Dataset, what: str) -> xr.DataArray:
    """Mean or variance of every trait's phenotype, (…, replicate, step, trait)."""
    parts = []
    for name in traits(ds):
        values = ds[f"trait_{name}"].astype(np.float64)
        parts.append(values.mean("agent") if what == "mean" else values.var("agent"))
    return _by_trait(ds, parts).rename(f"trait_{what}")


def trait_predicted(ds: xr.Dataset) -> xr.DataArray:
    """The breeder's way: the first mean, and Σ h²S of the generations since, (…, replicate, step, trait)."""
    parts = []
    for name in traits(ds):
        first = ds[f"trait_{name}"].isel(step=0, drop=True).mean("agent")
        parts.append(first + _since(breeder(ds, name)["predicted"]))
    return _by_trait(ds, parts).rename("trait_predicted")


def price_course(ds: xr.Dataset, term: str) -> xr.DataArray:
    """A term of Price's equation added up since the first generation, (…, replicate, step, trait)."""
    parts = [_since(price(ds, f"trait_{name}")[term]) for name in traits(ds)]
    return _by_trait(ds, parts).rename(f"price_{term}")


def _since(changes: xr.DataArray) -> xr.DataArray:
    """What changes between generations have added up to when each began."""
    axis = changes.dims.index("step")
    added = np.cumsum(np.moveaxis(changes.values, axis, 0)[:-1], axis=0)
    whole = np.concatenate([np.zeros((1, *added.shape[1:])), added])
    return changes.copy(data=np.moveaxis(whole, 0, axis))


def _by_trait(ds: xr.Dataset, parts: list[xr.DataArray]) -> xr.DataArray:
    if not parts:
        raise StoreError("no traits were recorded: they come with selection.traits")
    whole = xr.concat(parts, dim="trait").transpose(..., "replicate", "step", "trait")
    return whole.assign_coords(trait=traits(ds)).reset_coords(drop=True)


def kept_variance(ds: xr.Dataset) -> xr.DataArray:
    """Variance over the players of all late generations (the last half) of each deme, (…, deme, replicate).

    Of the first trait; or, of types, the probability that two such players are of different types, 1 − Σ p².

    Raises
    ------
    StoreError
        There are no demes, or neither traits nor two types.
    """
    if "deme" not in ds.dims:
        raise StoreError("there are no demes")
    late = ds.isel(step=slice(ds.sizes["step"] // 2, None))
    if ds.sizes.get("type", 0) > 1 and "type_share" in ds.data_vars:
        share = late["type_share"].astype(np.float64).mean("step")
        kept = 1.0 - (share**2).sum("type")
    elif traits(ds):
        kept = late[f"trait_{traits(ds)[0]}"].astype(np.float64).var(("step", "agent"))
    else:
        raise StoreError("neither traits nor types of players were recorded")
    return kept.transpose(..., "deme", "replicate").reset_coords(drop=True).rename("kept_variance")


def composition(ds: xr.Dataset) -> xr.DataArray:
    """How often 0 … N players were of the first of two types, last half of the generations, nobody on trial:
    (…, replicate, players_of_first)."""
    number, calm, players = _late_numbers(ds)
    tables = [((number == i) & calm).sum("step") / calm.sum("step") for i in range(players + 1)]
    whole = xr.concat(tables, dim="players_of_first").transpose(..., "replicate", "players_of_first")
    return whole.assign_coords(players_of_first=np.arange(players + 1)).reset_coords(drop=True)


def _late_numbers(ds: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray, int]:
    if ds.sizes.get("type", 0) != 2 or "deme" not in ds.dims or "on_trial" not in ds.data_vars:
        raise StoreError("no demes of two types under comparison in pairs")
    players = ds.sizes["agent"]
    late = ds.isel(step=slice(ds.sizes["step"] // 2, None))
    number = (late["type_share"].isel(type=0, drop=True) * players).round().astype(int)
    return number, late["on_trial"] == 0, players


def composition_law(ds: xr.Dataset) -> xr.DataArray:
    """The exact law of :func:`composition`, (…, players_of_first), where each type's fitness is constant.

    Raises
    ------
    StoreError
        Fitness depends on who else there is, so no law is known.
    """
    _, _, players = _late_numbers(ds)
    if not {"fitness", "genotype"} <= set(ds.data_vars):
        raise StoreError("fitness and genotype weren't recorded")
    first = ds["genotype"] == 0
    kinds = [ds["fitness"].where(mine) for mine in (first, ~first)]
    over = ("replicate", "step", "agent")
    if any(float((one.max(over) - one.min(over)).max()) > _STEADY for one in kinds):
        raise StoreError("fitness depends on who else there is: no law is known")
    gap = kinds[0].mean(over) - kinds[1].mean(over)
    temperature, mutation = (
        xr.broadcast(ds[name], gap)[0].transpose(*gap.dims)
        for name in ("selection_temperature", "group_mutation")
    )
    out = np.stack(
        [
            pairwise_law(players, float(u), float(g), float(t)) if u != 0 else np.full(players + 1, np.nan)
            for u, g, t in zip(mutation.values.flat, gap.values.flat, temperature.values.flat, strict=True)
        ]
    ).reshape(*gap.shape, -1)
    return xr.DataArray(out, dims=(*gap.dims, "players_of_first"), name="composition_law")


def deme_swaps(ds: xr.Dataset) -> xr.DataArray:
    """Accepted share of the swaps that neighbouring demes tried, (…, replicate, pair)."""
    if "swapped" not in ds.data_vars or not (ds["swapped"] >= 0).any():
        raise StoreError("no demes tried to swap")
    tried = (ds["swapped"] >= 0).sum("step")
    share = (ds["swapped"] == 1).sum("step") / tried.where(tried > 0)
    return share.transpose(..., "replicate", "pair").rename("deme_swaps")
