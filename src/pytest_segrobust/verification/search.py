"""Where a requirement is likeliest to fail: corners, an even spread, hypothesis's draws, then expected improvement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_segrobust.perturbations.point import Point

from .draws import drawn
from .gaussian_process import most_promising
from .space import STEPS, Discrete, Position, Space

BATCH = 4  # points per call after the first: three by expected improvement, one of the even spread

Badness = Callable[[Sequence[Point]], "list[dict[str, float]]"]


@dataclass(frozen=True)
class Trial:
    """A point that was tried: how bad each structure was there (higher is worse; beyond the limit above 0)."""

    position: Position
    point: Point
    badness: dict[str, float]

    @property
    def worst(self) -> float:
        """Of the structures, the worst one's badness."""
        return max(self.badness.values())


def search(
    space: Space,
    badness: Badness,
    *,
    budget: int,
    seed: int,
    first: Sequence[Point] = (),
    most_corners: int | None = None,
) -> list[Trial]:
    """Try at most `budget` points for the largest badness; the same seed gives the same trials.

    `badness` takes points in batches and gives one value per structure for each. `first` are points to begin with,
    such as those that failed last time; those outside the space are passed over. Half of the budget goes to what is
    known in advance (corners at most a quarter of it beyond two dimensions), in one batch. Never raises by itself, and
    may be called inside a test, or inside a user's @given.
    """
    trials: dict[Point, Trial] = {}
    known = [position for position in map(space.position, first) if position is not None]
    corners = space.corners(most_corners if most_corners is not None else max(4, budget // 4))
    spread = space.spread(seed)
    even = max(2, budget // 4)
    planned = [*known, *corners, *(next(spread) for _ in range(even)), *drawn(space, budget // 6, seed=seed)]
    if not space.free:
        planned = [space.mildest]
    _try(space, badness, planned[:budget], trials, budget)

    rng = np.random.default_rng(seed)
    while space.free and len(trials) < budget:
        before = len(trials)
        _try(space, badness, _next(space, list(trials.values()), spread, rng), trials, budget)
        if len(trials) == before:
            break  # a small space of words: everything has been tried
    return list(trials.values())


def _try(
    space: Space, badness: Badness, positions: Sequence[Position], trials: dict[Point, Trial], budget: int
) -> None:
    fresh: dict[Point, Position] = {}
    for position in positions:
        point = space.point(position)
        if point not in trials and point not in fresh and len(trials) + len(fresh) < budget:
            fresh[point] = position
    if not fresh:
        return
    for (point, position), values in zip(fresh.items(), badness(list(fresh)), strict=True):
        trials[point] = Trial(position, point, values)


def _next(space: Space, trials: list[Trial], spread: Iterator[Position], rng: np.random.Generator) -> list[Position]:
    """The next batch. A point chosen in it counts as tried at its expected worst, so that the next one lies elsewhere."""
    tried = {trial.position for trial in trials}
    even = next((p for p in (next(spread) for _ in range(200)) if p not in tried), None)
    positions = [trial.position for trial in trials]
    values = [trial.worst for trial in trials]
    best = trials[int(np.argmax(values))].position
    batch: list[Position] = []
    for _ in range(BATCH - 1):
        candidates = [p for p in _candidates(space, best, rng) if p not in tried]
        if not candidates:
            break
        index = most_promising(space.embedded(positions), np.array(values), space.embedded(candidates))
        chosen = candidates[index]
        batch.append(chosen)
        tried.add(chosen)
        positions.append(chosen)
        values.append(float(np.mean(values)))  # a modest guess: the neighbourhood is no longer unknown
    return batch if even is None else [*batch, even]  # one in four even: keeps a narrow peak from being ruled out


def _candidates(space: Space, best: Position, rng: np.random.Generator) -> list[Position]:
    """Grid positions all over the space, and some around the best one."""
    anywhere = rng.random((1500, len(space.free)))
    around = np.empty((500, len(space.free)))
    for column, i in enumerate(space.free):
        axis = space.axes[i]
        if isinstance(axis, Discrete):
            index = np.where(rng.random(500) < 0.8, best[i], rng.integers(0, len(axis.words), 500))
            around[:, column] = (index + 0.5) / len(axis.words)
        else:
            around[:, column] = np.clip(best[i] / STEPS + 0.05 * rng.standard_normal(500), 0, 1)
    return list(dict.fromkeys(space.snapped(cube) for cube in np.vstack([anywhere, around])))
