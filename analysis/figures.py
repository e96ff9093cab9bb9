"""The registry of figures: what each is called, what it needs of a dataset, and where it is drawn."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermopolis.errors import StoreError, ThermopolisError

if TYPE_CHECKING:
    import xarray as xr

    from thermopolis.analysis.read import Point, Results


@dataclass(frozen=True)
class FigureSpec:
    """A figure's place in the registry; ``needs`` are variables, one of ``any_of`` must be there too."""

    name: str
    module: str
    says: str
    needs: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    sweep: bool = False
    raw: bool = False  # drawn from one point's own traces, not from the digest
    groups: int = 1  # fewer than so many groups of players: nothing to compare
    also: Callable[[xr.Dataset], str | None] | None = None  # a further reason why it can't be drawn

    def unfit(self, ds: xr.Dataset) -> str | None:
        """Why this figure can't be drawn from ``ds``, or None where it can."""
        missing = [n for n in self.needs if n not in ds.data_vars]
        if missing:
            return f"{', '.join(_DERIVED.get(n, n) for n in missing)} not recorded"
        if self.any_of and not any(n in ds.data_vars for n in self.any_of):
            return f"none of {', '.join(self.any_of)} recorded"
        if self.groups > 1:
            from thermopolis.analysis.series import group_names

            if len(group_names(ds)) < self.groups:
                return f"fewer than {self.groups} groups of players"
        if self.sweep:
            from thermopolis.analysis.series import sweep_dims

            if not any(
                ds[d].dtype.kind in "fiu" and ds.sizes[d] > 1 for d in sweep_dims(ds) if d in ds.coords
            ):
                return "no number was swept"
        import numpy as np

        for name in self.needs:
            values = ds[name].values
            if values.dtype.kind == "f" and not np.isfinite(values).any():
                return f"{name} is undefined (NaN) throughout"
        return self.also(ds) if self.also else None


def _one_beta(ds: xr.Dataset) -> str | None:
    from thermopolis.analysis.cores import is_core

    if is_core(ds):
        return (
            None
            if "state_entropy" in ds.data_vars
            else "the core's states are not recorded or too many to count"
        )
    return None if "beta" in ds.dims else "no β of perception was swept"


def _no_temperature(ds: xr.Dataset) -> str | None:
    return None if any("temperature" in str(d) for d in ds.dims) else "no temperature was swept"


def _one_type(ds: xr.Dataset) -> str | None:
    return None if ds.sizes.get("type", 0) > 1 else "there is one type of player"


def _nothing_left(ds: xr.Dataset) -> str | None:
    from thermopolis.analysis.plot.rest import other_names

    return None if other_names(ds) else "every recorded quantity that changes has a figure of its own"


_C, _E, _F, _G = "cooperation", "entropies", "free_energy", "generations"
_J, _O, _P = "joules", "order", "physics"
SUBJECTS = ("cooperation", "growth_rate", "stock", "kardashev", "power", "reward")
"""What a world is about, the first that was recorded."""
_WORK = ("core_work", "work_quantile", "protocol_work")
_TEMPERED = ("state_entropy", "belief_entropy")
_ALL = (
    FigureSpec("cooperation_over_time", _C, "cooperation rate at every step", ("cooperation",)),
    FigureSpec(
        "phase_diagram", "phase", "what a world is about against what was swept", any_of=SUBJECTS, sweep=True
    ),
    FigureSpec("memory_one", _C, "what players do after CC, CD, DC, DD", ("context_count",)),
    FigureSpec("outcome_transitions", _C, "from one joint outcome to the next", ("transition_count",)),
    FigureSpec("mutual_defection_over_time", _C, "how often both of a pair defect", ("pair_defection",)),
    FigureSpec("reward_over_time", _C, "reward at every step", ("reward",)),
    FigureSpec("scores", "scores", "who earns what, best first", ("reward",), groups=2),
    FigureSpec("type_shares", _G, "share of each type of player over generations", ("type_share",), also=_one_type),
    FigureSpec("fixation", _G, "how often a type takes over, beside its chain", ("fixation",)),
    FigureSpec("trait_evolution", _G, "heritable traits, the breeder's way, Price's terms", ("trait_mean",)),
    FigureSpec("demes", _G, "variance that hot and cold demes keep, their laws, their swaps", ("kept_variance",)),
    FigureSpec("society_snapshots", "network", "lattice or network at four steps", ("cooperation",), raw=True),
    FigureSpec("belief_entropy_over_time", _E, "entropy of beliefs at every step", ("belief_entropy",)),
    FigureSpec("policy_entropy_over_time", _E, "entropy of q(π) at every step", ("policy_entropy",)),
    FigureSpec(
        "entropies_against_temperature", _E, "belief and policy entropy against what was swept",
        any_of=("belief_entropy", "policy_entropy"), sweep=True,
    ),
    FigureSpec("belief_simplex", "beliefs", "beliefs as a way through their simplex", ("belief",)),
    FigureSpec("belief_trajectory", _F, "the way from belief to choice", ("belief_entropy", "policy_entropy")),
    FigureSpec("free_energy_parts", _F, "free energy, complexity, accuracy", ("free_energy",)),
    FigureSpec("expected_free_energy_parts", _F, "expected free energy and its parts", ("expected_free_energy",)),
    FigureSpec(
        "complexity_accuracy", _F, "complexity against inaccuracy along the sweep", ("complexity", "accuracy"), sweep=True
    ),
    FigureSpec("controller_response", _F, "exploration temperature at every step", ("exploration_temperature",)),
    FigureSpec("disorder_index", _O, "disorder and its parts", ("disorder",)),
    FigureSpec("outcome_dynamics", _O, "information and irreversibility of play", ("transition_count",), sweep=True),
    FigureSpec("critical_fluctuations", _O, "susceptibility and Binder's cumulant", ("cooperation",), sweep=True),
    FigureSpec(
        "order_parameter", _O, "magnetisation and Binder's cumulant", ("order_moments",), sweep=True, also=_no_temperature
    ),
    FigureSpec("joules_by_operation", _J, "joules of a decision by kind of operation", ("core_joules",)),
    FigureSpec(
        "joules_against_temperature", _J, "joules of a decision against what was swept", ("core_joules",), sweep=True
    ),
    FigureSpec("accuracy_per_joule", _F, "what a joule of thinking buys", ("core_joules",), ("accuracy", "reward")),
    FigureSpec(
        "tempered_free_energy", _F, "F_β(q) over β, beside the frontier", any_of=_TEMPERED, sweep=True, also=_one_beta
    ),
    FigureSpec("work_histogram", _P, "work on the core, forward and in reverse", any_of=_WORK),
    FigureSpec("energy_landscape", "core", "a core's landscape, and trajectories in it", ("magnetisation",), raw=True),
    FigureSpec("dwell_times", "core", "how long chains stay on one side", ("dwell_survival",)),
    FigureSpec("swap_traces", "core", "swaps and round trips of parallel tempering", ("swap_rate",)),
    FigureSpec(
        "second_law", _P, "entropy produced, part by part", any_of=("core_entropy_production", "entropy_production")
    ),
    FigureSpec("stock_over_time", "stock", "a common stock, beside Nash and the planner", ("stock",)),
    FigureSpec("kardashev", _P, "power on Kardashev's scale, with collapses", any_of=("kardashev", "power")),
    FigureSpec("planet_temperature", _P, "the planet's temperature", ("planet_temperature",)),
    FigureSpec("actions_over_time", "rest", "share of each action, where there are more than two", ("action_share",)),
    FigureSpec("other_quantities", "rest", "further recorded quantities over time", also=_nothing_left),
    FigureSpec("energy_shares", _P, "who holds the power", any_of=("power_share", "store_share")),
)  # fmt: skip
FIGURES: dict[str, FigureSpec] = {spec.name: spec for spec in _ALL}


_DERIVED = {  # what a digest's own variables are derived from, for the reasons given
    "context_count": "observation of the four outcomes of a game between two",
    "transition_count": "joint outcomes of fixed pairs",
    "pair_defection": "joint outcomes of fixed pairs",
    "disorder": "moves",
    "order_moments": "magnetisation of a core's chains",
    "dwell_survival": "magnetisation of a core's chains",
    "action_share": "actions of a game that has more than two",
    "type_share": "generations of selection",
    "fixation": "a takeover for good, without mutation or exchange,",
    "trait_mean": "heritable traits",
    "kept_variance": "demes of players who differ",
}


class Drawn(list[Path]):
    """Files written; ``left_out`` maps each figure that wasn't drawn to the reason."""

    def __init__(self, files: Sequence[Path] = (), left_out: dict[str, str] | None = None) -> None:
        super().__init__(files)
        self.left_out = dict(left_out or {})


def middle(results: Results) -> Point:
    """The finished point in the middle of a sweep."""
    finished = results.some_finished()
    return finished[len(finished) // 2]


def draw(ds: xr.Dataset, name: str) -> Any:
    """One figure by name, as a matplotlib Figure."""
    if name not in FIGURES:
        raise StoreError(f"there is no figure {name!r}; there are: {', '.join(FIGURES)}")
    module = importlib.import_module(f"thermopolis.analysis.plot.{FIGURES[name].module}")
    return getattr(module, name)(ds)


def plot_all(
    directory: str | Path, names: Sequence[str] | None = None, formats: Sequence[str] = ("png", "svg")
) -> Drawn:
    """Draws what fits a results directory's data into its ``figures/``.

    Parameters
    ----------
    directory : path
        A results directory.
    names : sequence of str, optional
        Only these; all that fit by default.

    Returns
    -------
    Drawn
        The files written, a list of paths, with ``left_out``: figure → why it wasn't drawn.
    """
    from thermopolis.analysis.read import open_results

    results = open_results(directory)
    unknown = [n for n in names or () if n not in FIGURES]
    if unknown:
        raise StoreError(f"there is no figure {unknown[0]!r}; there are: {', '.join(FIGURES)}")
    ds = results.digest()
    folder = results.directory / "figures"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as fault:
        raise StoreError(f"{folder}: can't be written ({fault.strerror})") from None
    drawn = Drawn()
    for name in names or FIGURES:
        reason = FIGURES[name].unfit(ds)
        if reason is None:
            try:
                made = draw(results.load(middle(results)) if FIGURES[name].raw else ds, name)
                drawn.extend(_written(made, folder / name, formats))
            except ThermopolisError as fault:
                reason = str(fault)
            except OSError as fault:
                reason = f"could not be written ({fault.strerror or fault})"
            except Exception as fault:  # one figure's fault must not cost the others
                reason = f"could not be drawn ({type(fault).__name__}: {fault}); please report this"
        if reason is not None:
            drawn.left_out[name] = reason
    return drawn


def _written(made: Any, stem: Path, formats: Sequence[str]) -> list[Path]:
    """A figure in several formats, each whole or not there."""
    paths = []
    for extension in formats:
        path = stem.with_name(f"{stem.name}.{extension}")
        made.savefig(path, metadata={"Date": None} if extension == "svg" else None)
        paths.append(path)
    return paths
