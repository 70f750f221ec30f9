"""The risk-coverage curve: the mean error of the patients that the model is surest of."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import percent, rounded, signed

from .drawing import COLOURS, axes, counted, inline_svg
from .explained import ExplainedFigure, NumbersTable, finite, part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from pytest_segrobust.evidence.records import RequirementResult

_NAME = "Risk and coverage"


def risk_coverage(result: RequirementResult, *, prefix: str) -> ExplainedFigure:
    """Mean error over the share of patients kept, beside the best order there is and the mean of random ones."""
    found = part(result.uncertainty, "risk_coverage")
    rows = _rows(found)
    areas = {key: finite(found.get(key)) for key in ("aurc", "e_aurc", "n_aurc")}
    if not rows or areas["aurc"] is None:
        return ExplainedFigure(
            _NAME, None, f"Not drawn: {found.get('reason') or 'no patient has an error to be ranked'}."
        )
    random = finite(found.get("random"))
    said = (
        f"AURC {rounded(areas['aurc'])}, E-AURC {rounded(areas['e_aurc'])}, nAURC {signed(areas['n_aurc'])} "
        "(1 is the best order, 0 knows nothing)"
    )
    if found.get("reason"):
        said += f"; {found['reason']}"
    caption = (
        "Mean error (1 - DSC) of the surest patients at the worst point, against the share of them kept; good is a curve "
        f"that lies near the best order and rises only at the end. {said}."
    )
    return ExplainedFigure(_NAME, _drawn(result, rows, random, said, prefix), caption, _table(rows))


def _rows(found: Mapping[str, Any]) -> list[tuple[float, float, float | None]]:
    """Coverage, risk and best risk of each step that has numbers."""
    best = list(found.get("best") or [])
    columns = zip(found.get("coverage") or [], found.get("risk") or [], strict=False)
    rows = []
    for step, (coverage, risk) in enumerate(columns):
        share, error = finite(coverage), finite(risk)
        if share is not None and error is not None:
            rows.append((share, error, finite(best[step]) if step < len(best) else None))
    return rows


def _drawn(
    result: RequirementResult,
    rows: list[tuple[float, float, float | None]],
    random: float | None,
    said: str,
    prefix: str,
) -> Markup:
    with axes(4.1, 3.0) as (figure, plot):
        coverage = [row[0] for row in rows]
        best = [(share, risk) for share, _, risk in rows if risk is not None]
        if random is not None:
            plot.axhline(random, color=COLOURS["ink"], linewidth=1.1, linestyle=":", label="random order")
        if best:
            plot.plot(*zip(*best, strict=True), color=COLOURS["series-3"], linestyle=(0, (5, 3)), label="best order")
        plot.plot(
            coverage,
            [row[1] for row in rows],
            color=COLOURS["series-1"],
            linewidth=1.8,
            marker="o" if len(rows) <= 40 else "",
            markersize=3,
            label="the model's order",
        )
        _shade_cost(plot, rows)
        plot.set_xlim(0, 1.02)
        plot.margins(y=0.1)
        plot.set_ylim(bottom=0)
        plot.set_xlabel("coverage: share of patients kept, the surest first")
        plot.set_ylabel("mean error (1 - DSC)")
        figure.legend(loc="outside upper left", ncols=3, handlelength=1.6, columnspacing=1.2)
        points = [rows[round(step * (len(rows) - 1) / 4)] for step in range(5)] if len(rows) > 1 else rows
        read = "; ".join(f"{percent(share)} kept: {rounded(risk)}" for share, risk, _ in points)
        label = f"Risk-coverage curve of {result.id}, {len(rows)} patients"
        return inline_svg(
            figure, prefix=prefix, label=label, n=counted([len(rows)]), numbers=f"Mean error: {read}. {said}."
        )


def _shade_cost(plot: Axes, rows: list[tuple[float, float, float | None]]) -> None:
    """What lies between the model's order and the best one: the E-AURC as an area."""
    for (x0, y0, b0), (x1, y1, b1) in pairwise(rows):
        if b0 is not None and b1 is not None:
            plot.fill_between((x0, x1), (y0, y1), (b0, b1), facecolor=COLOURS["series-1"], alpha=0.14, linewidth=0)


def _table(rows: list[tuple[float, float, float | None]]) -> NumbersTable:
    return NumbersTable(
        "Risk and coverage in numbers",
        ("Coverage", "Mean error", "Best order"),
        tuple((percent(share), rounded(risk), rounded(best)) for share, risk, best in rows),
    )
