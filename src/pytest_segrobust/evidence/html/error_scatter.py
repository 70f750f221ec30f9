"""Uncertainty against error: does the model know when it is wrong, and which cases are wrong without a warning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import exact, rounded, signed
from pytest_segrobust.evidence.silent import ErrorCase, SilentRule, error_cases, silent_rule

from .drawing import COLOURS, axes, counted, inline_svg
from .explained import ExplainedFigure, NumbersTable, finite, listed, map_words, part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from pytest_segrobust.evidence.records import RequirementResult

_NAME = "Uncertainty and error"
_NAMED = 8
_CLOSE = 0.06  # of the plot's width and height: numbers of cases nearer than this would cover one another


@dataclass(frozen=True)
class Scatter:
    """What is drawn: the cases at the worst point and clean, and those that failed without an alarm, worst first."""

    cases: list[ErrorCase]
    clean: list[ErrorCase]
    silent: list[ErrorCase]
    rule: SilentRule


def error_scatter(result: RequirementResult, *, prefix: str) -> ExplainedFigure:
    """Every case by its uncertainty and its error (1 - DSC), with the quadrant of failures that nothing warned of."""
    shown = result.uncertainty
    cases, left_out = error_cases(part(shown, "scatter"))
    clean, _ = error_cases(part(shown, "clean_scatter"))
    if not cases:
        return ExplainedFigure(
            _NAME, None, "Not drawn: no case at the worst point has both an uncertainty and an error."
        )
    rule = silent_rule(shown)
    scatter = Scatter(cases, clean, rule.silent(cases), rule)
    said = _said(scatter, shown or {}, left_out)
    where = str(part(shown, "scatter").get("point") or "")
    caption = (
        f"Each case at the worst point{f' ({where})' if where else ''} and clean; good is a cloud that rises to the right "
        f"and an empty shaded quadrant. {said}"
    )
    return ExplainedFigure(_NAME, _drawn(result, scatter, said, prefix), caption, _table(scatter))


def _said(scatter: Scatter, shown: dict[str, Any], left_out: int) -> str:
    """The numbers in words: correlations, then silent failures by name."""
    found = part(shown, "correlations")
    fisher = found.get("fisher")
    cross = f", Fisher interval [{signed(finite(fisher[0]))}, {signed(finite(fisher[1]))}]" if fisher else ""
    spearman = finite(found.get("spearman"))
    patients = words.patients(len({case.patient for case in scatter.cases}))
    said = [f"Spearman {'undefined' if spearman is None else signed(spearman)} of {patients}{cross}."]
    if left_out:
        said.append(f"{left_out} without a label or a number are not drawn.")
    rule = scatter.rule
    if rule.missing:
        said.append(f"No quadrant: {rule.missing}.")
        return " ".join(said)
    counted = part(shown, "silent")
    silent = len({case.patient for case in scatter.silent})
    if counted and counted.get("count") != silent:  # a patient counts by any of its noise draws, a mark is their mean
        said.append(
            f"Silent failures in any noise draw: {counted.get('count')} of {words.patients(int(counted['n']))};"
        )
        said.append(f"in the quadrant lie {silent}")
    else:
        said.append(f"Silent failures, confident and wrong: {silent} of {patients}")
    names = [f"{number} {case.name}" for number, case in enumerate(scatter.silent, 1)]
    return " ".join(said) + (f": {listed(names, _NAMED)}." if names else ".")


def _drawn(result: RequirementResult, scatter: Scatter, said: str, prefix: str) -> Markup:
    every = [*scatter.cases, *scatter.clean]
    rule = scatter.rule
    right = 1.06 * max([case.uncertainty for case in every] + [rule.alarm or 0.0]) or 1.0
    highest = max([case.error for case in every] + [rule.error or 0.0]) or 1.0
    top = highest * 1.2  # room for the name of the quadrant
    with axes(4.1, 3.3) as (figure, plot):
        plot.set_xlim(-0.04 * right, right)
        plot.set_ylim(-0.04 * top, top)
        _draw_rule(plot, scatter, right, top)
        _draw_cases(plot, scatter)
        for text, case in _numbers(scatter.silent[:_NAMED], right, top):
            plot.annotate(text, (case.uncertainty, case.error), xytext=(6, 0), textcoords="offset points", va="center")
        plot.set_yticks([tick for tick in plot.get_yticks() if -1e-9 <= tick <= max(1.0, highest) + 1e-9])
        plot.set_ylim(-0.04 * top, top)
        name = map_words(part(result.uncertainty, "source"))
        plot.set_xlabel(f"uncertainty of the case ({name})" if name else "uncertainty of the case")
        plot.set_ylabel("error (1 - DSC)")
        figure.legend(loc="outside upper left", ncols=4, handlelength=1.0, columnspacing=1.0, handletextpad=0.4)
        label = f"Uncertainty against error of {result.id}, {len(scatter.cases)} cases"
        numbers = said
        if not rule.missing:
            numbers += f" Alarm above {rounded(rule.alarm)}, failure is a DSC below {exact(rule.dsc_below)}."
        return inline_svg(
            figure,
            prefix=prefix,
            label=label,
            n=f"{counted([len({case.patient for case in scatter.cases})])}, {len(scatter.cases)} cases",
            numbers=numbers,
            raised=14 if rule.alarm is not None else 4,
        )


def _draw_rule(plot: Axes, scatter: Scatter, right: float, top: float) -> None:
    """The lines of alarm and failure as far as they are known, and the quadrant between them."""
    rule = scatter.rule
    if rule.alarm is not None and rule.error is not None:
        corner = (rule.alarm, rule.error)
        plot.fill_between(
            (-0.04 * right, corner[0]), corner[1], top, facecolor=COLOURS["series-2"], alpha=0.14, linewidth=0
        )
        plot.annotate(
            f"silent failures: {len(scatter.silent)}",
            (0, 1),
            xycoords="axes fraction",
            xytext=(5, -4),
            textcoords="offset points",
            va="top",
            fontweight="bold",
        )
    if rule.alarm is not None:
        plot.axvline(rule.alarm, color=COLOURS["ink"], linewidth=1.1, linestyle=(0, (5, 3)))
        in_the_left = rule.alarm < right / 2
        plot.annotate(
            f"alarm above {rounded(rule.alarm)}",
            (rule.alarm, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="left" if in_the_left else "right",
            fontsize=8.5,
        )
    if rule.error is not None:
        plot.axhline(rule.error, color=COLOURS["ink"], linewidth=1.1, linestyle=(0, (5, 3)))
        plot.annotate(
            f"DSC\nbelow {exact(rule.dsc_below)}",
            (1, rule.error),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )


def _draw_cases(plot: Axes, scatter: Scatter) -> None:
    def draw(cases: Sequence[ErrorCase], label: str, **style: Any) -> None:
        if cases:
            plot.scatter([c.uncertainty for c in cases], [c.error for c in cases], label=label, zorder=3, **style)

    draw(scatter.clean, "clean", s=22, facecolors="none", edgecolors=COLOURS["muted"], linewidths=1.0)
    whole = [case for case in scatter.cases if case.failure is None]
    solid = {"s": 22, "linewidths": 0.6, "edgecolors": COLOURS["card"]}
    draw([c for c in whole if c not in scatter.silent], "worst point", color=COLOURS["series-1"], **solid)
    draw([c for c in whole if c in scatter.silent], "silent", color=COLOURS["series-2"], marker="D", **solid)
    failed = [case for case in scatter.cases if case.failure is not None]
    draw(failed, "gross failure", color=COLOURS["series-2"], marker="x", s=34, linewidths=1.8, clip_on=False)


def _numbers(silent: Sequence[ErrorCase], right: float, top: float) -> list[tuple[str, ErrorCase]]:
    """The numbers of the silent cases in the caption; those of cases that lie together stand together."""
    groups: list[list[tuple[int, ErrorCase]]] = []
    for number, case in enumerate(silent, 1):
        for group in groups:
            first = group[0][1]
            across, up = abs(first.uncertainty - case.uncertainty) / right, abs(first.error - case.error) / top
            if across < 2 * _CLOSE and up < _CLOSE:
                group.append((number, case))
                break
        else:
            groups.append([(number, case)])
    return [(_runs([number for number, _ in group]), max(group, key=lambda g: g[1].uncertainty)[1]) for group in groups]


def _runs(numbers: Sequence[int]) -> str:
    """`1-3, 5`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _table(scatter: Scatter) -> NumbersTable:
    rows = [
        (case.name, name, rounded(case.uncertainty), rounded(case.error), _remark(case, name, scatter))
        for name, found in (("worst point", scatter.cases), ("clean", scatter.clean))
        for case in sorted(found, key=lambda case: (-case.error, case.name))
    ]
    heads = ("Case", "Images", "Uncertainty", "Error (1 - DSC)", "Remark")
    return NumbersTable("Uncertainty and error of every case", heads, tuple(rows))


def _remark(case: ErrorCase, images: str, scatter: Scatter) -> str:
    silent = "silent failure" if images == "worst point" and case in scatter.silent else ""
    return ", ".join(filter(None, (silent, case.failure))) or "–"
