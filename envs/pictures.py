"""What the worlds' pictures share: figures without a window, colours for colour-blind readers too, gifs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COOPERATE, DEFECT, NOTHING = "#2f7fb8", "#d9632e", "#c8ccd0"
MORE_ACTIONS = ("#6a9f58", "#8f6bb3", "#c9a227", "#4aa6a0", "#b3567c", "#7f7f7f")


def palette(actions: int) -> list[str]:
    """A colour per action; cooperate is blue, defect orange."""
    return [(COOPERATE, DEFECT, *MORE_ACTIONS)[i % 8] for i in range(actions)]


def rgb(colour: str) -> np.ndarray:
    """uint8 triple of ``#rrggbb``."""
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def figure(width: float = 6.0, height: float = 4.0) -> Any:
    """A matplotlib figure drawn by Agg, without pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(made)
    return made


def pixels(drawn: Any) -> np.ndarray:
    """A drawn figure as uint8 (height, width, 3)."""
    drawn.canvas.draw()
    return np.ascontiguousarray(np.asarray(drawn.canvas.buffer_rgba())[..., :3])


def save_gif(frames: Sequence[np.ndarray], path: str | Path, fps: float = 4.0) -> Path:
    """Frames (uint8, height × width × 3, all of one size) as an endless gif."""
    from PIL import Image

    if not frames:
        raise ValueError("save_gif: expected at least one frame")
    images = [Image.fromarray(np.asarray(frame, np.uint8)) for frame in frames]
    target = Path(path)
    duration = max(20, round(1000 / fps))
    images[0].save(target, save_all=True, append_images=images[1:], duration=duration, loop=0)
    return target


def film(
    env: Any,
    choose: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    path: str | Path,
    rounds: int | None = None,
    seed: int | None = None,
    fps: float | None = None,
) -> Path:
    """Play a game and save its pictures as a gif.

    Parameters
    ----------
    env : an environment with ``render_mode="rgb_array"``.
    choose : ``choose(observations) -> actions`` of the live agents.
    rounds : how many at most; None: until all agents are done.
    fps : frames a second; None: the environment's own.
    """
    if env.render_mode != "rgb_array":
        raise ValueError(
            f"film: expected an environment with render_mode 'rgb_array', got {env.render_mode!r}"
        )
    observations, _ = env.reset(seed=seed)
    frames: list[np.ndarray] = []
    while env.agents and (rounds is None or len(frames) < rounds):
        observations = env.step(choose(observations))[0]
        frames.append(env.render())
    return save_gif(frames, path, env.metadata.get("render_fps", 4) if fps is None else fps)
