"""Every patient's way from the clean image to the worst point, or its value where there is no pair."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from pytest_segrobust.evidence.rounding import exact
from pytest_segrobust.evidence.worst_cases import case_measure, of_all_patients, worst_first, worst_structure

from .drawing import COLOURS, axes, counted, inline_svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from pytest_segrobust.evidence.records import CaseResult, RequirementResult

_NAMED = 3
_LONGEST_NAME = 16
MANY = 100  # cases; more are drawn as one path


def paired_plot(result: RequirementResult, *, prefix: str) -> Markup | None:
    """A line per case from clean to perturbed at the worst point; None where no case has a number."""
    cases = worst_first(result)
    pairs = [case for case in cases if _finite(case.clean) and _finite(case.perturbed)]
    singles = [case for case in cases if _finite(case.value)]
    if not pairs and (not singles or of_all_patients(result)):
        return None
    with axes(4.1, 3.0) as (figure, plot):
        measure = case_measure(result)
        metric = re.sub(r"^(mean )?(relative )?|( drop| increase)$", "", measure.name)
        if of_all_patients(result):  # single cases have no correlation; what they have is uncertainty
            metric = "uncertainty of the case"
        unit = f" ({measure.unit})" if measure.unit else ""
        if pairs:
            _draw_pairs(plot, pairs)
            plot.set_ylabel(metric + unit)
            what = f"{metric} of {len(pairs)} cases, clean and at the worst point"
        else:
            _draw_singles(plot, singles, measure.limit)
            plot.set_ylabel(measure.name + unit)
            what = f"{measure.name} of {len(singles)} cases at the worst point, sorted"
        label = f"{result.id}, structure {worst_structure(result)}: {what}; worst: " + ", ".join(
            case.case for case in cases[:_NAMED]
        )
        drawn = pairs or singles
        n = f"{counted([len({case.patient for case in drawn})])}, {len(drawn)} case{'' if len(drawn) == 1 else 's'}"
        return inline_svg(figure, prefix=prefix, label=label, n=n)


def _draw_pairs(plot: Axes, pairs: Sequence[CaseResult]) -> None:
    named = pairs[:_NAMED]
    if len(pairs) > MANY:
        _draw_as_one(plot, pairs)
    for case in reversed(named if len(pairs) > MANY else pairs):
        stands_out = case in named
        plot.plot(
            (0, 1),
            (case.clean or 0.0, case.perturbed or 0.0),
            color=COLOURS["series-2" if stands_out else "series-1"],
            alpha=1 if stands_out else 0.45,
            linewidth=1.4 if stands_out else 0.9,
            marker="X" if case.failure else "o",
            markersize=6 if case.failure else 3,
            zorder=3 if stands_out else 2,
        )
    means = [
        sum(values) / len(pairs) for values in ([c.clean or 0.0 for c in pairs], [c.perturbed or 0.0 for c in pairs])
    ]
    plot.plot((0, 1), means, color=COLOURS["ink"], linewidth=2.4, marker="D", markersize=6, zorder=4)
    plot.annotate("mean", (0, means[0]), xytext=(-8, 0), textcoords="offset points", ha="right", va="center")
    for case, height in _apart(named, plot, lambda case: case.perturbed or 0.0):
        _name(plot, case, (1, case.perturbed or 0.0), (1.07, height))
    plot.set_xlim(-0.28, 1.62)
    plot.set_xticks((0, 1), ("clean", "worst point"))
    plot.grid(visible=False, axis="x")


def _draw_as_one(plot: Axes, pairs: Sequence[CaseResult]) -> None:
    """All lines as one path: hundreds of elements of their own would make the page slow, and are not told apart by eye."""
    ends = [(case.clean or 0.0, case.perturbed or 0.0) for case in pairs]
    places = [x for _ in ends for x in (0.0, 1.0, math.nan)]
    values = [y for clean, perturbed in ends for y in (clean, perturbed, math.nan)]
    plot.plot(places, values, color=COLOURS["series-1"], alpha=0.35, linewidth=0.6, zorder=2)
    lost = [case.perturbed or 0.0 for case in pairs if case.failure]
    plot.plot([1.0] * len(lost), lost, "X", color=COLOURS["series-2"], markersize=5, zorder=3)


def _draw_singles(plot: Axes, singles: Sequence[CaseResult], limit: float | None) -> None:
    ordered = list(reversed(singles))
    plot.scatter(range(1, len(ordered) + 1), [case.value or 0.0 for case in ordered], s=18, color=COLOURS["series-1"])
    end = len(ordered)
    places = {case.case: place for place, case in enumerate(ordered, 1)}
    plot.set_xlim(0, end * 1.5 + 1)
    for case, height in _apart(ordered[-_NAMED:], plot, lambda case: case.value or 0.0):
        _name(plot, case, (places[case.case], case.value or 0.0), (end * 1.06 + 0.5, height))
    if limit is not None:
        plot.axhline(limit, color=COLOURS["ink"], linewidth=1.1, linestyle=(0, (5, 3)))
        plot.annotate(f"limit {exact(limit)}", (0, limit), xytext=(4, 3), textcoords="offset points", fontsize=8.5)
    plot.set_xticks(sorted({1, (end + 1) // 2, end}))
    plot.set_xlabel("cases, the worst last")


def _name(plot: Axes, case: CaseResult, point: tuple[float, float], text: tuple[float, float]) -> None:
    plot.annotate(
        _short(case.case) + (" ×" if case.failure else ""),
        point,
        xytext=text,
        textcoords="data",
        va="center",
        fontsize=8,
        arrowprops={"arrowstyle": "-", "color": COLOURS["muted"], "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3},
    )


def _apart(
    named: Sequence[CaseResult], plot: Axes, height_of: Callable[[CaseResult], float]
) -> list[tuple[CaseResult, float]]:
    """Heights for the names, moved apart so that none covers another."""
    low, high = plot.get_ylim()
    gap = (high - low) * 0.075
    placed: list[tuple[CaseResult, float]] = []
    for case in sorted(named, key=height_of):
        height = height_of(case)
        if placed:
            height = max(height, placed[-1][1] + gap)
        placed.append((case, height))
    return placed


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
