"""Where a requirement is likeliest to fail: corners, an even spread, hypothesis's draws, then expected improvement."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_segrobust.perturbations.point import Point

from .draws import drawn
from .gaussian_process import most_promising
from .space import STEPS, Discrete, Position, Space

EVEN = 4  # one point in so many is of the even spread: keeps a narrow peak from being ruled out by a smooth model

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

    `badness` takes points in batches and gives one value per structure for each. `first` are points to look at beside
    the search, such as those that failed last time: they are in its first batch, spend none of its budget and change none
    of its steps, so that a run that knows them tries the same points as one that does not. Those outside the space are
    passed over. Half of the budget goes to what is known in advance, in one batch. Never raises by itself, and may be
    called inside a test, or inside a user's @given.
    """
    most = most_corners if most_corners is not None else max(4, budget // 4)
    corners = space.corners(most)[:most]  # of many words the rest is left to the deciding, which tries them all
    spread = space.spread(seed)
    even = max(2, budget // 4)
    planned = [*corners, *(next(spread) for _ in range(even)), *drawn(space, budget // 10, seed=seed)]
    fresh: dict[Point, Position] = {}
    for position in planned if space.free else [space.mildest]:
        if len(fresh) < budget:
            fresh.setdefault(space.point(position), position)
    known = {space.point(place): place for place in map(space.position, first) if place is not None}
    begun = _tried(badness, known | fresh)
    trials = {point: trial for point, trial in begun.items() if point in fresh}

    rng = np.random.default_rng(seed)
    for _ in range(4 * budget if space.free else 0):  # two positions may be one point, so some rounds add nothing
        chosen = _next(space, list(trials.values()), spread, rng) if len(trials) < budget else None
        if chosen is None:
            break  # the budget is spent, or a small space of words has been tried whole
        if space.point(chosen) not in trials:
            trials |= _tried(badness, {space.point(chosen): chosen})
    return [*(trial for point, trial in begun.items() if point not in trials), *trials.values()]


def _tried(badness: Badness, positions: dict[Point, Position]) -> dict[Point, Trial]:
    if not positions:
        return {}
    values = badness(list(positions))
    return {
        point: Trial(position, point, found) for (point, position), found in zip(positions.items(), values, strict=True)
    }


def _next(space: Space, trials: list[Trial], spread: Iterator[Position], rng: np.random.Generator) -> Position | None:
    """The next position to try, one by one: proposing several at once finds less with the same number of evaluations."""
    tried = {trial.position for trial in trials}
    if len(trials) % EVEN == 0:
        return next((position for position in itertools.islice(spread, 200) if position not in tried), None)
    positions = [trial.position for trial in trials]
    badness = np.array([trial.worst for trial in trials])
    candidates = _candidates(space, positions[int(badness.argmax())], rng)
    untried = candidates[[tuple(row) not in tried for row in candidates.tolist()]]
    if not len(untried):
        return None
    chosen: Position = tuple(
        untried[most_promising(space.embedded(positions), badness, space.embedded(untried))].tolist()
    )
    return chosen


def _candidates(space: Space, best: Position, rng: np.random.Generator) -> np.ndarray:
    """Different grid positions: all over the space, on its faces and edges, and around the best one; a row each.

    Those around it differ from it on every second axis only: the best along one parameter is looked for beside it.
    """
    anywhere = rng.random((1500, len(space.free)))
    onto = rng.random((500, len(space.free)))  # what is worst is often worst at the end of some ranges
    anywhere[:500] = np.select([onto < 0.25, onto < 0.5], [0.0, 1.0], anywhere[:500])
    around = np.empty((500, len(space.free)))
    far = np.repeat([0.05, 0.01], 250)
    for column, i in enumerate(space.free):
        axis = space.axes[i]
        if isinstance(axis, Discrete):
            index = np.where(rng.random(500) < 0.8, best[i], rng.integers(0, len(axis.words), 500))
            around[:, column] = (index + 0.5) / len(axis.words)
        else:
            step = np.where(rng.random(500) < 0.5, far, 0.0) * rng.standard_normal(500)
            around[:, column] = np.clip(best[i] / STEPS + step, 0, 1)
    return np.unique(space.snapped(np.vstack([anywhere, around])), axis=0)
