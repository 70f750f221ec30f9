"""Uncertainty against severity: of wrong and right voxels apart, and of whole cases beside their error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_segrobust.evidence.rounding import rounded, signed

from .drawing import COLOURS, axes, counted, inline_svg, stacked
from .explained import ExplainedFigure, NumbersTable, map_words, part
from .severity_lines import axis_of, draw_line, finish, patients_of, severity_rows, shade_claim

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

    from pytest_segrobust.evidence.records import RequirementResult

    from .severity_lines import SeverityRow

_VOXELS = "Uncertainty of wrong and right voxels"
_TREND = "Uncertainty and error by severity"


def voxel_uncertainty(result: RequirementResult, *, prefix: str) -> ExplainedFigure:
    """Mean uncertainty of wrong and of right voxels over severity; the gap between them is what a reader can use."""
    rows = severity_rows(result)
    if not any(row.of("wrong") is not None or row.of("right") is not None for row in rows):
        return ExplainedFigure(
            _VOXELS, None, "Not drawn: no severity has wrong and right voxels whose uncertainty is known."
        )
    gaps = [(row, gap) for row in rows if (gap := _gap(row)) is not None]
    said = ", ".join(f"{_at(row)} {signed(gap)}" for row, gap in ([gaps[0], gaps[-1]] if len(gaps) > 1 else gaps))
    caption = (
        "Mean uncertainty of wrong and of right voxels over severity; good is a line of the wrong ones that lies well above "
        f"that of the right ones and stays there. Gap: {said or 'none'}; {patients_of(rows)}."
    )
    axis = axis_of(result, rows)
    with axes(4.1, 3.0) as (figure, plot):
        places = [axis.at(row.severity) for row, _ in gaps]
        lows, highs = [row.of("right") or 0.0 for row, _ in gaps], [row.of("wrong") or 0.0 for row, _ in gaps]
        shade_claim(plot, axis, rows)
        plot.fill_between(places, lows, highs, facecolor=COLOURS["series-2"], alpha=0.12, linewidth=0)
        draw_line(plot, axis, rows, "wrong", series="series-2", marker="s", label="wrong voxels")
        draw_line(plot, axis, rows, "right", series="series-1", marker="o", label="right voxels")
        plot.margins(y=0.12)
        plot.set_ylim(bottom=0)
        plot.set_ylabel(f"mean {map_words(part(result.uncertainty, 'source')) or 'uncertainty'}")
        finish(plot, axis)
        figure.legend(loc="outside upper left", ncols=3, handlelength=1.6, columnspacing=1.2)
        label = f"Uncertainty of wrong and right voxels of {result.id} over {axis.label}"
        drawn = _inlined(figure, rows, ("wrong", "right"), prefix=prefix, label=label)
    return ExplainedFigure(_VOXELS, drawn, caption, _table(rows))


def uncertainty_trend(result: RequirementResult, *, prefix: str) -> ExplainedFigure:
    """Mean uncertainty of the cases over severity, above their mean error."""
    rows = severity_rows(result)
    if not any(row.of("uncertainty") is not None for row in rows):
        return ExplainedFigure(
            _TREND, None, "Not drawn: uncertainty was not measured along a line of growing severity."
        )
    axis = axis_of(result, rows)
    caption = (
        "Mean uncertainty of the cases over severity, above their mean error; good is an uncertainty that rises with the "
        f"error, and no later than it. {patients_of(rows).capitalize()}."
    )
    with stacked(4.1, 3.0, (1, 1)) as (figure, above, below):
        draw_line(above, axis, rows, "uncertainty", series="series-1", marker="o", label="")
        draw_line(below, axis, rows, "error", series="series-2", marker="s", label="")
        for plot, name in ((above, "uncertainty"), (below, "error (1 - DSC)")):
            shade_claim(plot, axis, rows)
            plot.margins(y=0.15)
            plot.set_ylim(bottom=0)
            plot.set_ylabel(name)
        finish(below, axis)
        figure.align_ylabels()
        label = f"Uncertainty and error of {result.id} over {axis.label}"
        drawn = _inlined(figure, rows, ("uncertainty", "error"), prefix=prefix, label=label)
    return ExplainedFigure(_TREND, drawn, caption)


def _gap(row: SeverityRow) -> float | None:
    wrong, right = row.of("wrong"), row.of("right")
    return None if wrong is None or right is None else wrong - right


def _at(row: SeverityRow) -> str:
    return "clean" if row.severity == 0 else f"at severity {rounded(row.severity)}"


def _inlined(figure: Figure, rows: list[SeverityRow], keys: tuple[str, ...], *, prefix: str, label: str) -> Markup:
    """The drawing, and for who cannot see it the means under these keys."""
    read = "; ".join(f"{_at(row)}: " + ", ".join(f"{key} {rounded(row.of(key))}" for key in keys) for row in rows) + "."
    return inline_svg(figure, prefix=prefix, label=label, n=counted(row.n for row in rows), numbers=read)


def _table(rows: list[SeverityRow]) -> NumbersTable:
    """All means over severity, for these figures and for the bars of removal."""
    columns = ("uncertainty", "error", "wrong", "right", "delta_dsc", "removed_right", "removed_wrong")
    written = tuple(
        (
            rounded(row.severity),
            row.point or "–",
            str(row.n),
            *((signed if key == "delta_dsc" else rounded)(row.of(key)) for key in columns),
        )
        for row in rows
    )
    heads = ("Severity", "Point", "Patients", "Uncertainty", "Error", "Wrong voxels", "Right voxels", "ΔDSC")
    return NumbersTable("Uncertainty by severity in numbers", (*heads, "Right removed", "Wrong removed"), written)
