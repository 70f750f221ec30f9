"""What a reader of a result must know: who is not in it, what was subtracted, what so few patients cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .decision import reasons
from .moved import outweighs_limit
from .patients import MEAN
from .statistics import at_most

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from pytest_segrobust.evidence.records import GrossFailures

    from .decision import Cell
    from .findings import Findings


def exclusions(findings: Findings) -> list[str]:
    """The cases that are not in n, and why."""
    words = []
    for structure, cases in findings.cohort.excluded.items():
        if structure in findings.structures or MEAN in findings.structures:
            for why in sorted(set(cases.values())):
                left_out = sorted(case for case, reason in cases.items() if reason == why)
                words.append(f"{structure}: {len(left_out)} cases are not in its n ({why}): {_listed(left_out)}")
    return words


def caveats(findings: Findings, decisive: Cell, failures: GrossFailures) -> list[str]:
    """What a reader of this result must know even where it passed."""
    words = [*exclusions(findings), *_unmeasured(findings)]
    if decisive.interval.warning and not decisive.trivial and not decisive.interval.small_sample:
        words.append(decisive.interval.warning)
    if findings.requirement.measure.form != "value" or findings.requirement.measure.metric == "agreement":
        failed = findings.cohort.failed_clean(decisive.structure)
        if failed:
            words.append(
                f"{len(failed)} cases failed on the clean image and count as the worst {_form(findings)}: {_listed(failed)}"
            )
    words += _moved(findings, decisive)
    if failures.count:
        cases = _listed(sorted({failure["case"] for failure in failures.cases}))
        upper = at_most(failures.upper_bound)
        words.append(
            f"{failures.count} of {failures.n_patients} patients had a gross failure (up to {upper} of all): {cases}"
        )
    unseen = len(set(findings.cohort.patients) - set(findings.cohort.at_risk) - findings.cohort.left_out)
    if unseen:
        words.append(
            f"{unseen} patients without a label or without anything to perturb are not among those in whom gross failures "
            "are counted: in them only crashes, NaN and wrong shapes would have shown"
        )
    return words


def _unmeasured(findings: Findings, most: int = 3) -> list[str]:
    """Where uncertainty says nothing, and how many patients have no value at a point, or an assumed one."""
    said = [f"{u.structure}: at {u.point} nothing can be said: {u.reason}" for u in findings.unsaid if not u.blocks]
    lacking = sorted(
        (cell for cell in findings.cells if cell.values.without), key=lambda cell: (len(cell.values.values), cell.point)
    )
    without = [
        f"{cell.structure}: {findings.place(cell)}: {cell.values.of - len(cell.values.patients)} of {cell.values.of} patients "
        f"and {len(cell.values.without)} cases have no value ({reasons(cell.values.without)})"
        for cell in lacking
    ]
    assumed = [
        f"{cell.structure}: {findings.place(cell)}: {len(cell.values.assumed)} cases have errors and no value, and count as "
        f"the worst, or as knowing nothing ({reasons(cell.values.assumed)}): {_listed(sorted(cell.values.assumed))}"
        for cell in sorted(findings.cells, key=lambda cell: (-len(cell.values.assumed), cell.point))
        if cell.values.assumed
    ]
    words = []
    for lines in (said, without, assumed):
        words += lines[:most]
        if len(lines) > most:
            words.append(f"the same holds, for others, {len(lines) - most} more times")
    return words


def _moved(findings: Findings, decisive: Cell) -> list[str]:
    """What a comparison with an image that moved leaves out of the numbers, where it leaves out most."""
    here, partly = findings.cohort.moving(findings.measurements[decisive.point], decisive.structure)
    words = []
    if here.mean() > 0:
        words.append(
            f"{here.mean():.3g} of the mean {_form(findings)} at the worst point was subtracted: interpolating the reference "
            "there and back costs as much, whatever the model"
        )
    most, cell = max(((float(each.mean()), cell) for each, cell in _explained(findings)), key=lambda found: found[0])
    if most > here.mean() + 1e-9:
        words.append(f"{most:.3g} of the mean {_form(findings)} of {cell.structure} was subtracted at {cell.point}")
    if partly:
        words.append(
            f"{partly} cases are compared, clean and perturbed, in the part of the image that stays in view alone"
        )
    return words


def _explained(findings: Findings) -> list[tuple[np.ndarray, Cell]]:
    """For each cell how much of every patient's value moving alone explains."""
    return [(findings.cohort.moving(findings.measurements[c.point], c.structure)[0], c) for c in findings.cells]


def moved_too_much(findings: Findings) -> str:
    """Why a pass is none: at some point more was subtracted than the limit allows; "" where it is one."""
    for explained, cell in _explained(findings):
        if outweighs_limit(explained, findings.requirement):
            return (
                f"of the {_form(findings)} of {cell.structure} at {cell.point}, {explained.mean():.3g} on average was "
                "subtracted for interpolation, more than the limit: structures this small cannot show it; state a milder "
                "range, or an absolute requirement such as 'DSC under ... is at least ...'"
            )
    return ""


def blindness(decisive: Cell, failures: GrossFailures) -> list[str]:
    """What so many patients cannot show, whatever the model."""
    n = failures.n_patients
    words = [decisive.interval.warning] if decisive.interval.small_sample and not decisive.trivial else []
    if not failures.count and n:
        words.append(f"no gross failure in {n} patients rules out only rates above {at_most(failures.upper_bound)}")
    return words


def _form(findings: Findings) -> str:
    form = findings.requirement.measure.form
    return "agreement" if form == "value" else form


def _listed(cases: Sequence[str], most: int = 5) -> str:
    return ", ".join(cases[:most]) + (f" and {len(cases) - most} more" if len(cases) > most else "")
