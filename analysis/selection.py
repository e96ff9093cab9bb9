"""What selection did to a population: Price's and Fisher's equations, the breeder's equation, fixation.

A generation is a ``step``; w_i is the number of descendants (``offspring``), z_i a heritable quantity. Parents of a
generation are those of the step before, in the deme that ``origin`` names. All generations must be recorded.

Price (1970)         z̄' − z̄ = Cov(w, z)/w̄ + E(w Δz)/w̄, exactly, Δz the change from parent to child.
Fisher (1930)        with expected descendants W, E[Cov(w, W)]/w̄ = Var(W)/W̄: the selection part of the change of W.
Breeder (Lush 1937)  R = h²S, S the selection differential Cov(w, z)/w̄ of phenotypes, R the response, h² = V_G/V_P,
                     which is also the slope of children on (mid-)parents.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.errors import StoreError


def traits(ds: xr.Dataset) -> list[str]:
    """Names of the heritable traits that were recorded."""
    return [str(name).removeprefix("trait_") for name in ds.data_vars if str(name).startswith("trait_")]


def _recorded(ds: xr.Dataset, *names: str) -> None:
    for name in names:
        if name not in ds.data_vars:
            raise StoreError(f"variable {name!r} was not recorded: it comes with selection:")
    steps = ds["step"].values
    if len(steps) < 2 or (np.diff(steps) != 1).any():
        raise StoreError("descent needs all generations: record.every: 1, and two generations or more")


def _descent_is_whole(ds: xr.Dataset) -> None:
    """Without second parents, or the demes that parents lived in, sums wouldn't close and nothing would show it."""
    if "other_parent" not in ds.data_vars and (ds["offspring"] % 1 > 0).any():
        raise StoreError("variable 'other_parent' was not recorded: children have two parents")
    stayed = "swapped" in ds.data_vars and not (ds["swapped"] == 1).any()
    if "deme" in ds.dims and "origin" not in ds.data_vars and not stayed:
        raise StoreError("variable 'origin' was not recorded: parents may have lived in another deme")


def _ordered(ds: xr.Dataset, name: str) -> np.ndarray:
    """(…, replicate, step, agent, …), float64."""
    return np.asarray(ds[name].transpose(..., "replicate", "step", "agent").values, np.float64)


def _before(ds: xr.Dataset, values: np.ndarray) -> np.ndarray:
    """Values of the generation that each generation's parents lived in, (…, replicate, step − 1, agent)."""
    before = values[..., :-1, :]
    if "origin" not in ds.data_vars:
        return before
    dims = [str(d) for d in ds["fitness" if "fitness" in ds else "offspring"].dims]
    deme = dims.index("deme")
    origin = ds["origin"].transpose(..., "replicate", "step").values[..., 1:, None]
    return np.take_along_axis(before, origin.astype(np.intp), axis=deme)


def _links(ds: xr.Dataset, values: np.ndarray) -> list[np.ndarray]:
    """Parents' values of every child, one array a parent, (…, replicate, step − 1, agent)."""
    before = _before(ds, values)
    first, *others = [
        ds[name].transpose(..., "replicate", "step", "agent").values[..., 1:, :]
        for name in ("parent", "other_parent")
        if name in ds.data_vars
    ]
    # in a sweep of selection.parents who has one parent has it twice
    seats = [first, *(np.where(other < 0, first, other) for other in others)]
    return [np.take_along_axis(before, seat.astype(np.intp), axis=-1) for seat in seats]


def _series(ds: xr.Dataset, values: np.ndarray, name: str) -> xr.DataArray:
    """Numbers between generations at the earlier of both, NaN at the last: (…, replicate, step)."""
    whole = np.concatenate([values, np.full((*values.shape[:-1], 1), np.nan)], axis=-1)
    dims = ds["offspring"].transpose(..., "replicate", "step", "agent").dims[:-1]
    coords = {d: ds[d] for d in dims if d in ds.coords}
    return xr.DataArray(whole, dims=dims, coords=coords, name=name)


def price(ds: xr.Dataset, variable: str) -> xr.Dataset:
    """Price's equation of a variable of players, such as ``trait_temperature`` or ``fitness``.

    Returns
    -------
    Dataset
        ``change``, ``selection`` = Cov(w, z)/w̄, ``transmission`` = E(w Δz)/w̄, each (…, replicate, step) at the
        parents' generation; NaN at the last. With demes those of the population that a deme's next generation
        descends from.

    Raises
    ------
    StoreError
        Descent wasn't recorded, or not of all generations.
    """
    _recorded(ds, variable, "offspring", "parent")
    _descent_is_whole(ds)
    z = _ordered(ds, variable)
    w, before = _before(ds, _ordered(ds, "offspring")), _before(ds, z)
    after, parents = z[..., 1:, :], _links(ds, z)
    share = w / w.mean(axis=-1, keepdims=True)
    parts = {
        "change": after.mean(axis=-1) - before.mean(axis=-1),
        "selection": ((share - 1.0) * (before - before.mean(axis=-1, keepdims=True))).mean(axis=-1),
        "transmission": sum((after - one).mean(axis=-1) for one in parents) / len(parents),
    }
    return xr.Dataset({name: _series(ds, values, name) for name, values in parts.items()})


def fisher(ds: xr.Dataset) -> xr.Dataset:
    """Fisher's theorem for the selection part: ``measured`` = Cov(w, W)/w̄ and ``expected`` = Var(W)/W̄, with W the
    descendants that each player could expect; (…, replicate, step).

    Raises
    ------
    StoreError
        ``expected_offspring`` wasn't recorded (comparisons in pairs have none).
    """
    _recorded(ds, "expected_offspring", "offspring")
    w, hoped = (_ordered(ds, name)[..., :-1, :] for name in ("offspring", "expected_offspring"))
    apart = hoped - hoped.mean(axis=-1, keepdims=True)
    measured = (w * apart).mean(axis=-1) / w.mean(axis=-1)
    expected = (apart**2).mean(axis=-1) / hoped.mean(axis=-1)
    return xr.Dataset(
        {"measured": _series(ds, measured, "measured"), "expected": _series(ds, expected, "expected")}
    )


def breeder(ds: xr.Dataset, trait: str) -> xr.Dataset:
    """The breeder's equation of a trait, generation by generation.

    Returns
    -------
    Dataset
        ``differential`` S, ``response`` R, ``heritability`` h² = V_G/V_P of the parents' generation (at most 1: a range
        that clips phenotypes takes variance from them; NaN where all are alike), ``predicted`` = h²S, and
        ``regression``, the slope of the newborn on their (mid-)parents; (…, replicate, step).
    """
    terms = price(ds, f"trait_{trait}")
    _recorded(ds, f"genetic_{trait}")
    z, genetic = _ordered(ds, f"trait_{trait}"), _ordered(ds, f"genetic_{trait}")
    with np.errstate(invalid="ignore", divide="ignore"):
        heritable = np.minimum(_before(ds, genetic).var(axis=-1) / _before(ds, z).var(axis=-1), 1.0)
    links = _links(ds, z)
    middle, child = sum(links) / len(links), z[..., 1:, :]
    own = ds["parent"].transpose(..., "replicate", "step", "agent").values[..., 1:, :]
    stays = (own == np.arange(z.shape[-1])) & (child == middle)  # who lives on is nobody's child
    weight = np.where(stays, 0.0, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weight.sum(axis=-1, keepdims=True)
        x = middle - (weight * middle).sum(axis=-1, keepdims=True) / total
        y = child - (weight * child).sum(axis=-1, keepdims=True) / total
        slope = (weight * x * y).sum(axis=-1) / (weight * x * x).sum(axis=-1)
    found = {
        "differential": terms["selection"],
        "response": terms["change"],
        "heritability": _series(ds, heritable, "heritability"),
        "regression": _series(ds, slope, "regression"),
    }
    return xr.Dataset(found | {"predicted": found["heritability"].fillna(0.0) * found["differential"]})


def fixation(ds: xr.Dataset) -> xr.DataArray:
    """Whether a type has taken over at the end: (…, replicate, type), 1 or 0, NaN in replicates where none has yet.

    Raises
    ------
    StoreError
        No types were recorded, or mutants bring types back, so that none is lost for good.
    """
    if "type_share" not in ds.data_vars:
        raise StoreError("variable 'type_share' was not recorded: it comes with selection:")
    share = ds["type_share"]
    gone = share.values == 0
    axis = share.dims.index("step")
    gone = np.moveaxis(gone, axis, 0)
    if (gone[:-1] & ~gone[1:]).any() or ("swapped" in ds.data_vars and (ds["swapped"] >= 0).any()):
        raise StoreError("types come back, by mutation or from another deme: none is fixed")
    if "group_mutation" in ds.coords and (ds["group_mutation"] > 0).any():
        raise StoreError("mutants may bring types back (selection.mutation): none is fixed for good")
    last = share.isel(step=-1, drop=True)
    settled = (last == 1).any("type")
    return (last == 1).where(settled).transpose(..., "replicate", "type").rename("fixation")


def birth_death_fixation(backward_over_forward: np.ndarray) -> np.ndarray:
    """Probability that i players of a type take over, from i = 0 to N, in a chain of steps by one:

        φ_i = (1 + Σ_{k=1}^{i−1} Π_{j≤k} γ_j) / (1 + Σ_{k=1}^{N−1} Π_{j≤k} γ_j),   γ_j = T⁻_j/T⁺_j, j = 1 … N − 1

    (Karlin & Taylor 1975; Nowak 2006). For Moran's births of relative fitness r, γ = 1/r and φ_1 = (1 − 1/r)/(1 − 1/rᴺ).
    """
    products = np.cumprod(np.asarray(backward_over_forward, float))
    sums = np.concatenate([[0.0, 1.0], 1.0 + np.cumsum(products)])
    return sums / sums[-1]


def binomial_fixation(probability: np.ndarray) -> np.ndarray:
    """Probability that i of N players take over where all N are replaced at once, each by a child of theirs with
    ``probability[i]``, i = 0 … N: the linear equations of the absorbing chain."""
    from scipy.stats import binom

    p = np.clip(np.asarray(probability, float), 0.0, 1.0)
    players = len(p) - 1
    inner = np.arange(1, players)
    moves = binom.pmf(np.arange(players + 1)[None], players, p[inner][:, None])
    found = np.linalg.solve(np.eye(players - 1) - moves[:, 1:-1], moves[:, -1])
    return np.concatenate([[0.0], found, [1.0]])


def by_composition(ds: xr.Dataset, name: str) -> np.ndarray:
    """Mean of a variable over players of the first and of the second type, by the number i of the first: (2, N + 1) of a
    single place of a sweep; NaN where there were none."""
    of_first = np.asarray(ds["genotype"].values) == 0
    values = np.asarray(ds[name].values, np.float64)
    number = of_first.sum(axis=-1)
    players = of_first.shape[-1]
    table = np.full((2, players + 1), np.nan)
    for kind, mine in enumerate((of_first, ~of_first)):
        total = np.bincount(number.ravel(), np.where(mine, values, 0.0).sum(axis=-1).ravel(), players + 1)
        count = np.bincount(number.ravel(), mine.sum(axis=-1).ravel(), players + 1)
        table[kind] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return table


def fixation_expected(ds: xr.Dataset) -> xr.DataArray:
    """Probability that the first of two types takes over, from how many of it there were at first, by the chain whose
    steps follow from how players fared in the run: (…,) over the places of a sweep.

    Needs ``genotype``, and ``expected_offspring`` or, of comparisons in pairs, ``fitness``. Compositions that never
    occurred take what their neighbours have.
    """
    fixation(ds)
    if ds.sizes["type"] != 2:
        raise StoreError("there are no two types, of which one could take over from the other")
    of_pairs = "expected_offspring" not in ds.data_vars
    _recorded(ds, "genotype", "fitness" if of_pairs else "expected_offspring")
    outer = [d for d in ds["genotype"].dims if d not in ("replicate", "step", "agent")]
    shape = [ds.sizes[d] for d in outer]
    out = np.full(shape, np.nan)
    for place in np.ndindex(*shape):
        here = ds.isel(dict(zip(outer, place, strict=True)))
        out[place] = _expected_here(here, of_pairs)
    coords = {d: ds[d] for d in outer if d in ds.coords}
    return xr.DataArray(out, dims=outer, coords=coords, name="fixation_expected")


def _expected_here(ds: xr.Dataset, of_pairs: bool) -> float:
    start = int((ds["genotype"].isel(step=0, replicate=0) == 0).sum())
    players = ds.sizes["agent"]
    inner = np.arange(1, players)
    fared = _filled(by_composition(ds, "fitness" if of_pairs else "expected_offspring"))
    kind = str(ds["reproduction"].values)
    if kind == "pairwise":
        gap = (fared[0] - fared[1])[inner]
        return float(birth_death_fixation(np.exp(-gap / float(ds["selection_temperature"])))[start])
    if kind == "moran":
        born = inner * (fared[0, inner] - 1.0 + 1.0 / players)
        forward, backward = born * (players - inner) / players, (1.0 - born) * inner / players
        return float(birth_death_fixation(backward / forward)[start])
    share = np.arange(players + 1) * fared[0] / players
    share[0], share[-1] = 0.0, 1.0
    return float(binomial_fixation(share)[start])


def _filled(table: np.ndarray) -> np.ndarray:
    """A row's gaps from its neighbours; none of a type at all: it fares as if it were 0."""
    out = table.copy()
    places = np.arange(table.shape[1])
    for row in out:
        known = np.isfinite(row)
        row[~known] = np.interp(places[~known], places[known], row[known]) if known.any() else 0.0
    return out


def pairwise_law(players: int, mutation: float, gap: float, temperature: float) -> np.ndarray:
    """The stationary law of the number i = 0 … N of players of the first of two groups under comparison in pairs with
    mutants on trial, where the groups' fitnesses differ by a constant ``gap``:

        π(i) ∝ π₀(i) exp(i·gap/T),   π₀(i) ∝ θ^(i) θ^(N−i) / (i! (N − i)!),   θ = u(N − 1)/(2(1 − u)),

    θ^(i) the rising factorial; read while nobody is on trial (docs/selection.md). At u = 1 nobody copies, and π₀ is
    binomial.

    Raises
    ------
    StoreError : without mutation the first type that takes over stays.
    """
    from scipy.special import gammaln

    if mutation == 0:
        raise StoreError("without mutation one type takes over: there is no stationary law")
    i = np.arange(players + 1)
    neutral = -gammaln(i + 1) - gammaln(players - i + 1)
    if mutation < 1:
        theta = mutation * (players - 1) / (2.0 * (1.0 - mutation))
        neutral += gammaln(theta + i) + gammaln(theta + players - i)
    log = neutral + i * gap / temperature
    law = np.exp(log - log.max())
    return np.asarray(law / law.sum())


def swap_rate(ds: xr.Dataset) -> xr.DataArray:
    """Accepted share of the swaps that neighbouring demes tried: (…, pair), pooled over replicates and generations."""
    if "swapped" not in ds.data_vars:
        raise StoreError("variable 'swapped' was not recorded: it comes with selection.demes")
    tried = ds["swapped"] >= 0
    number = tried.sum(("replicate", "step"))
    return ((ds["swapped"] == 1).sum(("replicate", "step")) / number.where(number > 0)).rename("swap_rate")
