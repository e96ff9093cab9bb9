"""Information in motion: transfer entropy, entropy rate, entropy production of the joint-outcome chain, complexity.

- Transfer entropy (Schreiber 2000, *PRL* 85, 461): T_{Y→X} = I(x_{t+1}; y_t | x_t); its null by surrogates, the source's
  sequence turned in time by a random amount, which keeps each player's own dynamics and breaks the link.
- Entropy rate of a first-order chain: h = H(x_t, x_{t+1}) − H(x_t).
- Schnakenberg (1976, *RMP* 48, 571): σ = ½ Σ_ij (p_i w_ij − p_j w_ji) ln(p_i w_ij / p_j w_ji), per step; zero in
  detailed balance. From counts n_ij a half is added to both of a pair of directions where one wasn't seen, else σ were
  infinite; and what chance gives a reversible chain, about 2/n for every independent cycle, is taken off (what enters a
  state leaves it, so that of E pairs seen among V states only E − V + 1 net flows are free).
- Lempel & Ziv (1976, *IEEE Trans. Inf. Theory* 22, 75): phrases c of the exhaustive history, c ln n / n per symbol.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import comb

from thermopolis.analysis.counting import FRACTION, actions, late, pair_moves, transition_counts
from thermopolis.analysis.information import (
    conditional_mutual_information,
    counts_of,
    entropy,
    mutual_information,
)
from thermopolis.errors import StoreError

_NAT = {"units": "nat"}


def transfer_entropy_of(
    target: np.ndarray, source: np.ndarray, values: int, corrected: bool = True
) -> np.ndarray:
    """T_{source→target} of code sequences over the last axis, in nats; history one step."""
    x, y, new = target[..., :-1], source[..., :-1], target[..., 1:]
    known = (x >= 0) & (y >= 0) & (new >= 0)
    code = np.where(known, (new.astype(int) * values + y) * values + x, -1)
    joint = counts_of(code, values**3)
    return conditional_mutual_information(joint.reshape(*joint.shape[:-1], values, values, values), corrected)


def transfer_entropy(
    ds: xr.Dataset, surrogates: int = 0, fraction: float = FRACTION, seed: int = 5
) -> xr.Dataset:
    """Transfer entropy between the moves of paired players, and what chance alone would give.

    Returns
    -------
    Dataset
        ``transfer`` (…, replicate, direction): mean over pairs, nats per step, Miller–Madow corrected; with
        surrogates also ``surrogate_mean`` and ``p`` (share of surrogates at least as large, one-sided).
    """
    if "transition_count" in ds.data_vars and not surrogates:
        return xr.Dataset({"transfer": _transfer_from_counts(ds["transition_count"])})
    even, odd = (late(m, fraction) for m in pair_moves(ds))
    axis = even.dims.index("step")
    a, b = (np.moveaxis(m.values, axis, -1).astype(int) for m in (even, odd))
    n = a.shape[-1]
    if n < 4:
        raise StoreError(f"{n} steps are too few for a transfer entropy: at least 4 are needed")
    seen = np.stack([transfer_entropy_of(a, b, 2), transfer_entropy_of(b, a, 2)], -1).mean(-2)
    dims = [d for d in even.dims if d not in ("step", "pair")]
    coords = {k: v for k, v in even.coords.variables.items() if not {"step", "pair"} & set(v.dims)}
    data: dict[str, Any] = {
        "transfer": ((*dims, "direction"), seen, _NAT | {"long_name": "transfer entropy"})
    }
    if surrogates:
        generator = np.random.default_rng(seed)
        null = []
        for _ in range(surrogates):
            shift = int(generator.integers(n // 4, n - n // 4))
            pair = (
                transfer_entropy_of(a, np.roll(b, shift, -1), 2),
                transfer_entropy_of(b, np.roll(a, shift, -1), 2),
            )
            null.append(np.stack(pair, -1).mean(-2))
        data["surrogate_mean"] = ((*dims, "direction"), np.mean(null, 0), _NAT)
        data["p"] = ((*dims, "direction"), (1 + np.sum(np.array(null) >= seen, 0)) / (1 + surrogates))
    return xr.Dataset(data, coords=coords).assign_coords(direction=["odd to even", "even to odd"])


def _transfer_from_counts(counts: xr.DataArray) -> xr.DataArray:
    """The same from counts of joint outcomes pooled over pairs: outcome = 2·even + odd."""
    table = counts.transpose(..., "outcome", "next_outcome").values
    four = table.reshape(*table.shape[:-2], 2, 2, 2, 2)  # even, odd, next even, next odd
    to_even = np.moveaxis(four.sum(-1), -1, -3)  # next even, even, odd -> (new, x, y)
    to_odd = np.moveaxis(four.sum(-2), -1, -3)  # next odd, even, odd -> (new, y, x)
    pair = [
        conditional_mutual_information(np.swapaxes(to_even, -1, -2)),
        conditional_mutual_information(to_odd),
    ]
    dims = [d for d in counts.dims if d not in ("outcome", "next_outcome")]
    coords = {
        k: v for k, v in counts.coords.variables.items() if not {"outcome", "next_outcome"} & set(v.dims)
    }
    out = xr.DataArray(np.stack(pair, -1), dims=(*dims, "direction"), coords=coords)
    return out.assign_coords(direction=["odd to even", "even to odd"]).assign_attrs(
        _NAT, long_name="transfer entropy"
    )


def _from_table(
    counts: xr.DataArray, values: np.ndarray, name: str, long_name: str, units: str
) -> xr.DataArray:
    dims = [d for d in counts.dims if d not in ("outcome", "next_outcome")]
    coords = {
        k: v for k, v in counts.coords.variables.items() if not {"outcome", "next_outcome"} & set(v.dims)
    }
    return xr.DataArray(
        values, dims=dims, coords=coords, name=name, attrs={"long_name": long_name, "units": units}
    )


def joint_entropy(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """Entropy of the joint outcome of a pair, (…, replicate), in nats, Miller–Madow corrected; at most ln 4."""
    counts = transition_counts(ds, fraction).transpose(..., "outcome", "next_outcome")
    value = np.minimum(entropy(counts.values.sum(-1)), np.log(4))
    return _from_table(counts, value, "joint_entropy", "entropy of the joint outcome", "nat")


def action_information(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """Mutual information of the two moves of a round, (…, replicate), in nats, Miller–Madow corrected."""
    counts = transition_counts(ds, fraction).transpose(..., "outcome", "next_outcome")
    joint = counts.values.sum(-1)
    value = mutual_information(joint.reshape(*joint.shape[:-1], 2, 2))
    return _from_table(counts, value, "action_information", "mutual information of moves", "nat")


def entropy_rate(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """First-order entropy rate of the joint outcome, (…, replicate), in nats per step, Miller–Madow corrected."""
    counts = transition_counts(ds, fraction).transpose(..., "outcome", "next_outcome")
    table = counts.values
    value = np.maximum(entropy(table, axis=(-2, -1)) - entropy(table.sum(-1)), 0.0)
    return _from_table(counts, value, "entropy_rate", "entropy rate of joint outcomes", "nat/step")


def schnakenberg(probabilities: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Entropy production ½ΣJ ln(w_ij p_i / w_ji p_j) of a chain; ``rates[…, i, j]`` from i to j; in nats per unit time.

    Infinite where a transition runs one way only.
    """
    flow = np.asarray(probabilities, np.float64)[..., :, None] * np.asarray(rates, np.float64)
    back = np.swapaxes(flow, -1, -2)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((flow == 0) & (back == 0), 0.0, (flow - back) * np.log(flow / back))
    off = ~np.eye(flow.shape[-1], dtype=bool)
    return 0.5 * np.where(off, terms, 0.0).sum((-2, -1))


@functools.cache
def _chance_table() -> np.ndarray:
    """E[(n₁ − n₂) ln(n₁/n₂)] of n = n₁ + n₂ fair tosses, with a half added to both where one is 0; 2 for large n."""
    most = 400
    out = np.zeros(most + 1)
    for n in range(1, most + 1):
        k = np.arange(n + 1)
        half = np.where((k == 0) | (k == n), 0.5, 0.0)
        out[n] = np.sum(comb(n, k) * 0.5**n * (2 * k - n) * np.log((k + half) / (n - k + half)))
    return out


def _chance(both: np.ndarray) -> np.ndarray:
    """What chance alone adds to a pair of opposite transitions seen ``both`` times together."""
    table, both = _chance_table(), np.nan_to_num(both)
    large = both >= len(table)
    return np.where(large, 2.0, table[np.where(large, 0, both).astype(int)])


def entropy_production_from_counts(counts: np.ndarray, corrected: bool = True) -> np.ndarray:
    """Schnakenberg's σ from transition counts (…, from, to), nats per step; NaN where nothing was counted.

    Corrected for bias, an estimate may fall below zero: near detailed balance it scatters about it.
    """
    table = np.asarray(counts, np.float64)
    total = table.sum((-2, -1))
    back = np.swapaxes(table, -1, -2)
    half = np.where((table + back > 0) & ((table == 0) | (back == 0)), 0.5, 0.0)
    flow, reverse = table + half, back + half
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(flow + reverse > 0, (flow - reverse) * np.log(flow / reverse), 0.0)
        value = 0.5 * terms.sum((-2, -1)) / total
        if corrected:
            upper = np.triu_indices(table.shape[-1], 1)
            both = (table + back)[..., upper[0], upper[1]]
            edges = (both > 0).sum(-1)
            nodes = ((table + back).sum(-1) > 0).sum(-1)
            cycles = np.maximum(edges - nodes + 1, 0)
            value = value - _chance(both).sum(-1) * cycles / np.maximum(edges, 1) / total
    return np.where(total > 0, value, np.nan)


def outcome_entropy_production(
    ds: xr.Dataset, fraction: float = FRACTION, corrected: bool = True
) -> xr.DataArray:
    """Irreversibility of the joint-outcome chain of pairs, (…, replicate), nats per step."""
    counts = transition_counts(ds, fraction).transpose(..., "outcome", "next_outcome")
    value = entropy_production_from_counts(counts.values, corrected)
    return _from_table(
        counts, value, "outcome_entropy_production", "entropy production of joint outcomes", "nat/step"
    )


def lempel_ziv(sequence: np.ndarray) -> tuple[int, float]:
    """Phrases of a sequence of codes and their number times ln n / n, which tends to the entropy rate in nats."""
    text = "".join(map(chr, np.unique(sequence, return_inverse=True)[1].tolist()))
    n = len(text)
    start = phrases = 0
    while start < n:
        length = 1
        while start + length <= n and text.find(text[start : start + length], 0, start + length - 1) >= 0:
            length += 1
        phrases += 1
        start += length
    return phrases, phrases * np.log(n) / n if n > 1 else float("nan")


def lempel_ziv_complexity(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """Lempel–Ziv complexity of each player's actions, (…, replicate, agent), nats per step; NaN where too short."""
    move = late(actions(ds), fraction)
    axis = move.dims.index("step")
    table = np.moveaxis(move.values, axis, -1)
    flat = [
        lempel_ziv(row[row >= 0])[1] if (row >= 0).sum() > 1 else np.nan
        for row in table.reshape(-1, table.shape[-1])
    ]
    dims = [d for d in move.dims if d != "step"]
    coords = {k: v for k, v in move.coords.variables.items() if "step" not in v.dims}
    attrs = {"long_name": "Lempel–Ziv complexity of actions", "units": "nat/step"}
    return xr.DataArray(
        np.reshape(flat, table.shape[:-1]), dims=dims, coords=coords, attrs=attrs, name="lempel_ziv"
    )
