"""How much of the true worst case a search finds, and how often a violation is missed, by number of evaluations.

    OMP_NUM_THREADS=1 python benchmarks/search.py            # writes the tables of docs/search.md, an hour
    OMP_NUM_THREADS=1 python benchmarks/search.py --quick    # prints them, few seeds
    --seeds 100 --processes 2: as the tables were made last, 20 minutes on two loaded cores
    --method "optuna TPE": that column alone, beside those that stand in the page (of as many seeds)

Searches run on surfaces whose maximum is known: the exhaustive grids of search_grids.csv (mean DSC drop of the hippocampus
network on 20 volumes, linear between grid points, so that hundreds of seeds cost nothing), and formulas. A violation that
exceeds a limit by 10 % of it is missed by a seed that finds less than 1 / 1.1 of the maximum.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import qmc

from pytest_segrobust.requirements.requirement import Domain, Measure, Range, Requirement
from pytest_segrobust.verification.draws import drawn
from pytest_segrobust.verification.profiles import PROFILES
from pytest_segrobust.verification.screening import Screening
from pytest_segrobust.verification.search import search
from pytest_segrobust.verification.space import STEPS, Position, Space

if TYPE_CHECKING:
    from pytest_segrobust.perturbations.point import Point

NOISE = Domain("gaussian noise", (Range("sigma", 0.0, 0.1),))
GAMMA = Domain("gamma", (Range("gamma", 0.7, 1.5),))
BIAS = Domain("bias field", (Range("strength", 0.0, 0.5),))
BLUR = Domain("gaussian blur", (Range("sigma", 0.0, 1.0),))
DOMAINS: dict[str, tuple[tuple[Domain, ...], int]] = {  # of the grids, and their points per axis
    "gaussian noise": ((NOISE,), 41),
    "gamma x gaussian noise": ((GAMMA, NOISE), 13),
    "bias field x gamma x gaussian blur": ((BIAS, GAMMA, BLUR), 6),
}
BUDGETS = (10, 20, 30, 80)
CORNERS = {10: 4, 20: 8, 30: 8, 80: 16}  # as in the profiles
PACKAGE = "this search"
HERE = Path(__file__).parent
TABLE = HERE / "search_grids.csv"
PAGE = HERE.parent / "docs" / "search.md"

Surface = Callable[[np.ndarray], np.ndarray]  # from rows of the unit cube


@dataclass(frozen=True)
class Truth:
    """A space and what is to be maximised on it; `most` is the true maximum."""

    name: str
    space: Space
    surface: Surface
    most: float

    def at(self, positions: Sequence[Position] | np.ndarray) -> np.ndarray:
        """The surface at positions of the space."""
        return self.surface(np.array(positions, float) / STEPS)


def space_of(domains: tuple[Domain, ...]) -> Space:
    """The space that a requirement of the DSC drop over these domains is searched in."""
    return Space.of(Requirement("R", Measure("dsc", "drop"), "below", 0.05, domains))


def places(name: str) -> list[tuple[float, ...]]:
    """The grid of a domain on the unit cube, row by row."""
    domains, count = DOMAINS[name]
    return list(itertools.product(np.linspace(0, 1, count).tolist(), repeat=len(domains)))


def grids() -> dict[str, np.ndarray]:
    """By domain the drops of every volume: (points per axis, ..., volumes)."""
    rows: dict[str, list[list[float]]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for title, _, *drops in reader:
            rows.setdefault(title, []).append([float(drop) for drop in drops])
    shapes = {title: (count,) * len(domains) for title, (domains, count) in DOMAINS.items()}
    return {title: np.array(rows[title]).reshape(*shapes[title], -1) for title in DOMAINS}


def between(grid: np.ndarray) -> Surface:
    """Multilinear between the points of a grid on the unit cube; its maximum is at one of them."""

    def surface(cube: np.ndarray) -> np.ndarray:
        places = cube * (np.array(grid.shape) - 1)
        low = np.minimum(np.floor(places).astype(int), np.array(grid.shape) - 2)
        part = places - low
        total = np.zeros(len(cube))
        for corner in itertools.product((0, 1), repeat=grid.ndim):
            weight = np.prod(np.where(corner, part, 1 - part), axis=1)
            total += weight * grid[tuple((low + corner).T)]
        return total

    return surface


def measured_truths() -> list[Truth]:
    """The surfaces of the hippocampus network."""
    means = {title: grid.mean(axis=-1) for title, grid in grids().items()}
    return [
        Truth(title, space_of(DOMAINS[title][0]), between(mean), float(mean.max())) for title, mean in means.items()
    ]


def formula_truths() -> list[Truth]:
    """Surfaces that are harder than a sound network's; each has the maximum 1."""
    line, plane, room = space_of((NOISE,)), space_of((NOISE, GAMMA)), space_of((NOISE, GAMMA, BIAS))

    def bump(*centre: float, width: float) -> Surface:
        return lambda cube: np.exp(-((cube - np.array(centre)) ** 2).sum(axis=1) / (2 * width**2))

    def ridge(cube: np.ndarray) -> np.ndarray:
        x, y = cube.T
        return np.exp(-((x - y - 0.17) ** 2) / 0.005 - (x - 0.6) ** 2 / 0.08)

    def corner(cube: np.ndarray) -> np.ndarray:
        x, y = cube.T
        return x**4 * np.exp(-((1 - y) ** 2) / 0.005)

    def edge(cube: np.ndarray) -> np.ndarray:
        x, y, z = cube.T
        return x**2 * np.exp(-((y - 0.35) ** 2) / 0.05) * (0.5 + 0.5 * z)

    def interior(cube: np.ndarray) -> np.ndarray:
        return 0.5 * bump(0.25, 0.3, 0.75, width=0.2)(cube) + _rest * bump(0.65, 0.6, 0.35, width=0.2)(cube)

    _rest = 1.0
    peak = np.linspace(0, 1, 101)
    dense = np.array(list(itertools.product(peak[50:80], peak[45:75], peak[20:50])))
    top = float(interior(dense).max())
    return [
        Truth("1: a bump of width 0.05", line, bump(0.37, width=0.05), 1.0),
        Truth("2: a narrow ridge into a corner", plane, corner, 1.0),
        Truth("2: a bump of width 0.1", plane, bump(0.3, 0.55, width=0.1), 1.0),
        Truth("2: a slanting ridge of width 0.05", plane, ridge, 1.0),
        Truth("3: on an edge", room, edge, 1.0),
        Truth("3: the higher of two hills", room, lambda cube: interior(cube) / top, 1.0),
    ]


def share(method: str, truth: Truth, budget: int, seed: int) -> float:
    """What part of the true maximum a search finds."""
    if method == PACKAGE:
        return float(truth.at([trial.position for trial in by_search(truth, budget, seed)]).max() / truth.most)
    if method == "optuna TPE":
        return by_tpe(truth, budget, seed) / truth.most
    if method == "hypothesis alone":
        tried = np.array(drawn(truth.space, budget, seed=seed))
    else:
        generator = np.random.default_rng(seed)
        dimensions = len(truth.space.free)
        cube = (
            generator.random((budget, dimensions))
            if method == "random"
            else qmc.Sobol(dimensions, rng=generator).random(2 ** math.ceil(math.log2(budget)))[:budget]
        )
        tried = truth.space.snapped(cube)
    return float(truth.at(tried).max() / truth.most)


def by_search(truth: Truth, budget: int, seed: int) -> list:
    """The trials of the package's search, which sees nothing but the values that it asks for."""

    def badness(points: Sequence[Point]) -> list[dict[str, float]]:
        found = truth.at([truth.space.position(point) or () for point in points])
        return [{"mean": float(value)} for value in found]

    return search(truth.space, badness, budget=budget, seed=seed, most_corners=CORNERS[budget])


def by_tpe(truth: Truth, budget: int, seed: int) -> float:
    """The best of optuna's tree-structured Parzen estimator."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    names = [str(i) for i in truth.space.free]
    study.optimize(
        lambda trial: float(truth.at([[trial.suggest_int(name, 0, STEPS) for name in names]])[0]), n_trials=budget
    )
    return float(study.best_value)


def methods() -> list[str]:
    """Those that can be compared here."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        print("optuna is not installed: TPE is left out")
        return [PACKAGE, "hypothesis alone", "random", "Sobol"]
    return [PACKAGE, "hypothesis alone", "random", "Sobol", "optuna TPE"]


def comparison(
    truths: Sequence[str],
    seeds: int,
    budgets: Sequence[int] = BUDGETS,
    *,
    processes: int = 1,
    only: str | None = None,
) -> dict[tuple[str, str, int], np.ndarray]:
    """The shares found, by surface, method and budget: one per seed; a fifth of the seeds where a search takes seconds."""
    keys = list(itertools.product(truths, [only] if only else methods(), budgets))
    counts = [seeds if budget <= 30 else max(seeds // 5, 1) for _, _, budget in keys]
    with ProcessPoolExecutor(processes) as pool:
        return dict(zip(keys, pool.map(shares, keys, counts), strict=True))


def shares(key: tuple[str, str, int], seeds: int) -> np.ndarray:
    name, method, budget = key
    truth = next(truth for truth in [*measured_truths(), *formula_truths()] if truth.name == name)
    return np.array([share(method, truth, budget, seed) for seed in range(seeds)])


def weak_elsewhere() -> np.ndarray:
    """Twenty patients of a formula, each of whom is hurt most at a place of their own: (41, 41, patients)."""
    rng = np.random.default_rng(0)
    centres, heights = rng.normal((0.4, 0.6), 0.12, (20, 2)), rng.lognormal(0, 0.7, 20)
    x, y = np.meshgrid(*[np.linspace(0, 1, 41)] * 2, indexing="ij")
    hills = [h * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.04) for (a, b), h in zip(centres, heights, strict=True)]
    return np.stack(hills, axis=-1)


def screened(space: Space, volumes: np.ndarray, patients: int, seed: int) -> tuple[float, float, float]:
    """What part of the maximum over all patients is found by a search on some of them, and by one on all.

    The first is of the points that a verification then measures on all patients, worst points and corners; the second of
    the worst points alone; the third of a search on all. Budgets are those of the profile "ci".
    """
    budget = PROFILES["ci"]
    few = np.random.default_rng(seed).permutation(volumes.shape[-1])[:patients]
    whole = volumes.mean(axis=-1)
    everyone = Truth("", space, between(whole), float(whole.max()))
    chosen = Truth("", space, between(volumes[..., few].mean(axis=-1)), 1.0)
    own = Screening(tuple(by_search(chosen, budget.points, seed)), patients).worst(space, budget.worst)
    direct = [trial.position for trial in by_search(everyone, budget.points, seed)]
    with_corners, alone, best = (
        float(everyone.at(positions).max() / everyone.most)
        for positions in ([*own, *space.corners(budget.corners)], own, direct)
    )
    return with_corners, alone, best


def table(rows: list[list[str]]) -> str:
    head, *body = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body])


def beside(standing: str, new: str) -> str:
    """A table with the last columns of another one, in place of columns of the same name; both have the same rows."""
    rows, others = ([line.strip("| ").split(" | ") for line in text.strip().splitlines()] for text in (standing, new))
    if [row[:2] for row in rows] != [row[:2] for row in others]:
        raise ValueError("the table in the page has other rows: write it anew")
    kept = [i for i, name in enumerate(rows[0]) if i < 2 or name not in others[0]]
    return table(
        [[row[i] for i in kept] + other[2:] for row, other in zip(rows, others, strict=True) if row[0] != "---"]
    )


def found_table(found: dict[tuple[str, str, int], np.ndarray]) -> str:
    """Median and 5 % quantile of the share found."""
    names = list(dict.fromkeys(name for name, _, _ in found))
    kinds = list(dict.fromkeys(kind for _, kind, _ in found))
    budgets = list(dict.fromkeys(budget for _, _, budget in found))
    rows = [["surface", "evaluations", *kinds]]
    for name, budget in itertools.product(names, budgets):
        cells = [found[name, kind, budget] for kind in kinds]
        rows.append([name, str(budget), *(f"{_cut(np.median(c))} ({_cut(np.quantile(c, 0.05))})" for c in cells)])
    return table(rows)


def missed_table(found: dict[tuple[str, str, int], np.ndarray]) -> str:
    """Per cent of seeds that miss a violation exceeding the limit by 10 % and by 25 % of it."""
    names = list(dict.fromkeys(name for name, _, _ in found))
    kinds = list(dict.fromkeys(kind for _, kind, _ in found))
    budgets = list(dict.fromkeys(budget for _, _, budget in found))
    rows = [["surface", "evaluations", *kinds]]
    for name, budget in itertools.product(names, budgets):
        cells = [
            [100 * float((found[name, kind, budget] <= 1 / (1 + by)).mean()) for by in (0.1, 0.25)] for kind in kinds
        ]
        rows.append([name, str(budget), *(f"{near:.3g} / {far:.3g}" for near, far in cells)])
    return table(rows)


def screening_cases() -> dict[str, tuple[Space, np.ndarray]]:
    """Spaces with the drops of each of 20 patients on a grid."""
    known = {title: (space_of(DOMAINS[title][0]), volumes) for title, volumes in grids().items()}
    return known | {"formula: each patient weak elsewhere": (space_of((NOISE, GAMMA)), weak_elsewhere())}


def screening_table(subsets: int, processes: int = 1) -> str:
    rows = [
        [
            "domain",
            "patients screened",
            "as decided: median",
            "5 %",
            "least",
            "without corners: 5 %",
            "searched on all: 5 %",
        ]
    ]
    with ProcessPoolExecutor(processes) as pool:
        for (name, (space, volumes)), patients in itertools.product(screening_cases().items(), (6, 8)):
            jobs = [pool.submit(screened, space, volumes, patients, seed) for seed in range(subsets)]
            decided, alone, every = np.array([job.result() for job in jobs]).T
            low = [np.quantile(found, 0.05) for found in (decided, alone, every)]
            shown = (np.median(decided), low[0], decided.min(), low[1], low[2])
            rows.append([name, f"{patients} of 20", *map(_cut, shown)])
    return table(rows)


def _cut(value: float) -> str:
    """Three digits, never rounded up."""
    return f"{math.floor(float(value) * 1000 + 1e-9) / 1000:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few seeds, and print the tables instead of writing them")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--method", help="one method's column alone, such as 'optuna TPE'")
    options = parser.parse_args()
    seeds = 20 if options.quick else options.seeds
    start = time.perf_counter()
    names = [truth.name for truth in [*measured_truths(), *formula_truths()]]
    found = comparison(names, seeds, processes=options.processes, only=options.method)
    parts = {"shares": found_table(found), "missed": missed_table(found)}
    if options.method is None:
        parts["screening"] = screening_table(max(seeds // 2, 1), options.processes)
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    for name, made in parts.items():
        print(f"\n{name}\n\n{made}")
        before, _, rest = text.partition(f"<!-- {name} -->")
        standing, _, after = rest.partition(f"<!-- end of {name} -->")
        part = beside(standing, made) if options.method else made
        text = f"{before}<!-- {name} -->\n\n{part}\n\n<!-- end of {name} -->{after}"
    if not options.quick:
        PAGE.write_text(text, encoding="utf-8")
    print(f"\n{time.perf_counter() - start:.0f} s, {seeds} seeds")


if __name__ == "__main__":
    main()
