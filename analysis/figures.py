"""The registry of figures: what each is called, what it needs of a dataset, and where it is drawn."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermopolis.errors import StoreError, ThermopolisError

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class FigureSpec:
    """A figure's place in the registry; ``needs`` are variables, one of ``any_of`` must be there too."""

    name: str
    module: str
    says: str
    needs: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    sweep: bool = False

    def unfit(self, ds: xr.Dataset) -> str | None:
        """Why this figure can't be drawn from ``ds``, or None where it can."""
        missing = [n for n in self.needs if n not in ds.data_vars]
        if missing:
            return f"{', '.join(missing)} not recorded"
        if self.any_of and not any(n in ds.data_vars for n in self.any_of):
            return f"none of {', '.join(self.any_of)} recorded"
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
        return None


_ALL = (
    FigureSpec("cooperation_over_time", "cooperation", "cooperation rate at every step", ("cooperation",)),
    FigureSpec("phase_diagram", "phase", "cooperation against what was swept", ("cooperation",), sweep=True),
    FigureSpec(
        "belief_entropy_over_time", "entropies", "entropy of beliefs at every step", ("belief_entropy",)
    ),
    FigureSpec("policy_entropy_over_time", "entropies", "entropy of q(π) at every step", ("policy_entropy",)),
    FigureSpec(
        "entropies_against_temperature",
        "entropies",
        "belief and policy entropy against what was swept",
        (),
        ("belief_entropy", "policy_entropy"),
        sweep=True,
    ),
    FigureSpec(
        "joules_by_operation", "joules", "joules of a decision by kind of operation", ("core_joules",)
    ),
    FigureSpec(
        "joules_against_temperature",
        "joules",
        "joules of a decision against what was swept",
        ("core_joules",),
        sweep=True,
    ),
)
FIGURES: dict[str, FigureSpec] = {spec.name: spec for spec in _ALL}


class Drawn(list[Path]):
    """Files written; ``left_out`` maps each figure that wasn't drawn to the reason."""

    def __init__(self, files: Sequence[Path] = (), left_out: dict[str, str] | None = None) -> None:
        super().__init__(files)
        self.left_out = dict(left_out or {})


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
    drawn = Drawn()
    for name in names or FIGURES:
        reason = FIGURES[name].unfit(ds)
        if reason is None:
            try:
                made = draw(ds, name)
            except ThermopolisError as fault:
                reason = str(fault)
        if reason is not None:
            drawn.left_out[name] = reason
            continue
        folder.mkdir(exist_ok=True)
        for extension in formats:
            path = folder / f"{name}.{extension}"
            metadata = {"Date": None} if extension == "svg" else None
            made.savefig(path, metadata=metadata)
            drawn.append(path)
    return drawn
