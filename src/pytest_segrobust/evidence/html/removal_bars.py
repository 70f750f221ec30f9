"""What removing the uncertain voxels does to the DSC over severity, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_segrobust.evidence.rounding import percent, rounded, signed

from .drawing import COLOURS, counted, inline_svg, stacked
from .explained import ExplainedFigure, finite, part
from .severity_lines import axis_of, patients_of, severity_rows, texts

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

    from pytest_segrobust.evidence.records import RequirementResult

    from .severity_lines import SeverityRow

_NAME = "Removing uncertain voxels"


def removal_bars(result: RequirementResult, *, prefix: str) -> ExplainedFigure:
    """Bars of the mean change of DSC, above the shares of right and of wrong voxels that the removal takes."""
    rows = severity_rows(result)
    measured = [row for row in rows if row.of("delta_dsc") is not None]
    if not measured:
        return ExplainedFigure(
            _NAME, None, "Not drawn: at no severity is anything of the structure left to be compared."
        )
    threshold = finite(part(result.uncertainty, "source").get("threshold"))
    where = f" above {rounded(threshold)}" if threshold is not None else " above the threshold"
    if not any(row.of(key) for row in rows for key in ("delta_dsc", "removed_right", "removed_wrong")):
        return ExplainedFigure(_NAME, None, f"Not drawn: no voxel has an uncertainty{where}, nothing is ever removed.")
    gaps = len(rows) - len(measured)
    undefined = f" At {gaps} of {len(rows)} severities nothing is left to be compared." if gaps else ""
    caption = (
        f"Change of the DSC when voxels of uncertainty{where} are removed, above its price; good is a bar above zero at a "
        f"small share of right voxels. {patients_of(rows).capitalize()}.{undefined}"
    )
    return ExplainedFigure(_NAME, _drawn(result, rows, prefix), caption)


def _drawn(result: RequirementResult, rows: list[SeverityRow], prefix: str) -> Markup:
    axis = axis_of(result, rows)
    places = list(range(len(rows)))
    with stacked(4.1, 3.5, (3, 2)) as (figure, plot, price):
        for gains, colour, label in ((True, "series-1", "DSC gained"), (False, "series-2", "DSC lost")):
            chosen = [
                (place, value)
                for place, row in zip(places, rows, strict=True)
                if (value := row.of("delta_dsc")) is not None and (value >= 0) == gains
            ]
            if chosen:
                plot.bar(
                    [place for place, _ in chosen],
                    [value for _, value in chosen],
                    0.62,
                    facecolor=COLOURS[colour],
                    edgecolor=COLOURS["card"],
                    linewidth=0.0,
                    hatch="" if gains else "////",
                    label=label,
                )
        plot.axhline(0, color=COLOURS["ink"], linewidth=1.0)
        plot.margins(y=0.15)
        plot.set_ylabel("change of DSC")
        plot.grid(visible=False, axis="x")
        _shares(price, places, rows)
        price.set_xticks(places, texts(axis, rows))
        price.set_xlim(-0.6, len(rows) - 0.4)
        price.set_xlabel(axis.label)
        figure.align_ylabels()
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.4, columnspacing=1.4)
        read = "; ".join(
            f"severity {rounded(row.severity)}: change {signed(row.of('delta_dsc'))}, "
            f"{percent(row.of('removed_right'))} of right and {percent(row.of('removed_wrong'))} of wrong voxels removed"
            for row in rows
        )
        label = f"Change of DSC of {result.id} when uncertain voxels are removed, over {axis.label}"
        return inline_svg(figure, prefix=prefix, label=label, n=counted(row.n for row in rows), numbers=f"{read}.")


def _shares(plot: Axes, places: list[int], rows: list[SeverityRow]) -> None:
    """The price, right voxels removed, beside what it bought, wrong voxels removed."""
    for key, shift, colour, label in (
        ("removed_right", -0.16, "series-4", "right removed"),
        ("removed_wrong", 0.16, "series-3", "wrong removed"),
    ):
        chosen = [
            (place + shift, 100 * value)
            for place, row in zip(places, rows, strict=True)
            if (value := row.of(key)) is not None
        ]
        if chosen:
            plot.bar(
                [place for place, _ in chosen],
                [share for _, share in chosen],
                0.3,
                facecolor=COLOURS[colour],
                edgecolor="none",
                label=label,
            )
    plot.margins(y=0.12)
    plot.set_ylim(bottom=0)
    plot.set_ylabel("removed (%)")
    plot.grid(visible=False, axis="x")
