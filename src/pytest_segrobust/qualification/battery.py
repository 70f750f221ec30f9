"""The battery: models with planted defects that must not pass, through the whole stack, and honest ones that must."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..datasets.leakage import leaks
from ..evidence.store import Store
from ..perturbations.point import CLEAN, Point
from .bench import SETS
from .check import Planned, at_most, holds
from .planted import DEFECTS, UNDERPOWERED, honest
from .repeatability import disturbances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .bench import Bench
    from .planted import Planted

PART = "OQ 4: models"
UNSTEADY = {
    "BatchDependent": (
        "D-BATCH-DEPENDENT",
        "sees nothing in an image that is alone in its batch",
        "alone in its batch",
    ),
    "OrderDependent": ("D-ORDER-DEPENDENT", "remembers the image before", "measured again"),
    "RandomByTorch": ("D-RANDOM-TORCH", "draws from torch's generator", "draws random numbers"),
    "RandomByClock": ("D-RANDOM-CLOCK", "draws from a generator that no seed reaches", "measured again"),
}
"""Models that score well in fixed tiles, and what the finer look of `repeatability` must say of them."""

SIGMA = Point.of("gaussian noise", sigma=0.05)
EPSILON = 0.05


def plan(bench: Bench) -> Iterator[Planned]:
    """Honest models, underpowered sets, defects by verdict, then the finer look at what a run would not pass either."""
    for each in (*honest(), *UNDERPOWERED, *DEFECTS):
        yield _by_verdict(bench, each)
    yield from _unsteady(bench)
    yield from _leaks(bench)
    yield from _attacks(bench)
    yield from _memory(bench)


def _by_verdict(bench: Bench, planted: Planted) -> Planned:
    def found() -> tuple[str, bool]:
        result = bench.verify(planted.cohort, planted.model, planted.requirement)
        wrong = planted.also(result)
        shown = result.verdict.replace("_", " ")
        if result.verdict in ("invalid", "not_evaluable"):
            shown += f" ({result.reason[:200]})"
        elif result.estimate is not None:
            shown += f" (estimate {result.estimate:.3f})"
        return f"{shown}; {wrong}" if wrong else shown, result.verdict in planted.verdicts and not wrong

    expected = " or ".join(verdict.replace("_", " ") for verdict in planted.verdicts)
    statement = SETS[planted.cohort].requirements[planted.requirement]
    return Planned(planted.id, f"{planted.purpose} ({planted.model})", expected, found, statement)


def _unsteady(bench: Bench) -> Iterator[Planned]:
    def found(model: str, expected: str) -> tuple[str, bool]:
        evaluation = bench.evaluation("organs", model, "DSC")
        kinds = sorted({each.kind for each in disturbances(evaluation, (CLEAN, SIGMA))})
        return ", ".join(kinds) or "nothing", expected in kinds if expected else not kinds

    def planned(id_: str, purpose: str, model: str, expected: str) -> Planned:
        name = "each case measured again, and alone in its batch"
        return Planned(id_, f"{purpose} ({model})", expected or "nothing", lambda: found(model, expected), name)

    for model in ("Organs", "Mirrored"):
        yield planned(f"H-STEADY-{model}", "a model that depends on the image alone", model, "")
    for model, (id_, purpose, kind) in UNSTEADY.items():
        yield planned(id_, purpose, model, kind)


def _leaks(bench: Bench) -> Iterator[Planned]:
    name = "images that are a function of their label"

    def found(cohort: str, expected: int) -> tuple[str, bool]:
        count = len(list(leaks(bench.dataset(cohort))))
        return f"{count} cases", count == expected

    yield Planned("H-NO-LEAK", "a set whose images do not hold the label", "0 cases", lambda: found("organs", 0), name)
    yield Planned("D-LEAK", "a set whose images are the label", "20 cases", lambda: found("copied", 20), name)


def _attacks(bench: Bench) -> Iterator[Planned]:
    """An attack stays in its ball, and does find what lies in it."""

    def largest(name: str) -> float:
        evaluation = bench.evaluation("organs", "Soft", "DSC")
        most = 0.0
        for case in evaluation.dataset.cases[:3]:
            shown, _ = evaluation.predict(case, Point.of(name, epsilon=EPSILON))
            most = max(most, float((shown.image - torch.from_numpy(shown.sample.image)).abs().max()))
        return most

    for name in ("fgsm", "pgd"):
        yield at_most(
            f"A-RADIUS-{name}",
            f"largest change of a voxel by {name} with epsilon = {EPSILON}, on the unit scale",
            EPSILON * (1 + 1e-5),
            lambda name=name: largest(name),  # type: ignore[misc]
            above=0.9 * EPSILON,
        )


def _memory(bench: Bench) -> Iterator[Planned]:
    """Stored numbers are taken over for the same model alone."""

    def stale() -> tuple[str, bool]:
        with Store.create(bench.folder / "run.sqlite", {}) as store:
            fresh, again, other = (
                bench.verify("organs", model, "DSC", store=store) for model in ("Organs", "Organs", "Mirrored")
            )
        same = fresh.estimate == again.estimate and fresh.interval == again.interval
        verdicts = f"{fresh.verdict}, {again.verdict}, then {other.verdict}"
        return verdicts + ("" if same else "; not the same numbers"), same and other.verdict == "failed"

    yield Planned(
        "S-STORE", "a good model, the same again from the store, then a bad one in the same store",
        "passed, passed, then failed", stale,
    )  # fmt: skip
    yield holds(
        "S-WEIGHTS", "models of other code", "other fingerprints, so that none is taken for the other",
        lambda: bench.evaluation("organs", "Organs", "DSC").context != bench.evaluation("organs", "Mirrored", "DSC").context,
    )  # fmt: skip
