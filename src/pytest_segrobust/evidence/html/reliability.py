"""The reliability diagram: how often voxels are right, by how sure the model is of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import rounded

from .drawing import COLOURS, counted, inline_svg, stacked
from .explained import ExplainedFigure, NumbersTable, finite, part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from pytest_segrobust.evidence.records import RequirementResult

_NAME = "Reliability"


@dataclass(frozen=True)
class Bin:
    """Voxels whose confidence lies in (low, high]: how many, their mean confidence, and the share that is right."""

    low: float
    high: float
    count: int
    confidence: float
    right: float


def reliability(result: RequirementResult, *, prefix: str) -> ExplainedFigure:
    """Share of right voxels per bin of confidence, beside the diagonal, over the counts of the bins."""
    found = part(result.uncertainty, "reliability")
    bins, clean = _bins(found.get("rows")), _bins(found.get("clean_rows"))
    if not bins:
        return ExplainedFigure(_NAME, None, "Not drawn: no voxel of the band has both a confidence and a reference.")
    ece = finite(found.get("ece"))
    voxels = sum(b.count for b in bins)
    said = f"ECE {rounded(ece)}, {voxels} voxels of the band round the boundary"
    caption = (
        "Share of right voxels by the model's confidence, at the worst point (bars) and clean (outline), with the voxels "
        f"of each bin below; good is dots, the bins' mean confidences, on the diagonal. {said}."
    )
    return ExplainedFigure(_NAME, _drawn(result, bins, clean, said, prefix), caption, _table(bins, clean))


def _bins(rows: Any) -> list[Bin]:
    """The bins that hold voxels."""
    found = []
    for low, high, count, confidence, right in rows or []:
        numbers = [finite(value) for value in (low, high, confidence, right)]
        if count and None not in numbers:
            found.append(Bin(numbers[0] or 0.0, numbers[1] or 0.0, int(count), numbers[2] or 0.0, numbers[3] or 0.0))
    return found


def _drawn(result: RequirementResult, bins: list[Bin], clean: list[Bin], said: str, prefix: str) -> Markup:
    with stacked(4.1, 3.5, (3, 1)) as (figure, plot, counts):
        left = [b.low for b in bins]
        width = [b.high - b.low for b in bins]
        plot.bar(
            left,
            [b.right for b in bins],
            width,
            align="edge",
            facecolor=COLOURS["series-1"],
            edgecolor=COLOURS["card"],
            linewidth=0.8,
            label="worst point",
        )
        plot.scatter(
            [b.confidence for b in bins],
            [b.right for b in bins],
            s=14,
            color=COLOURS["ink"],
            edgecolors=COLOURS["card"],
            linewidths=0.6,
            zorder=4,
            label="mean confidence",
        )
        if clean:
            _outline(plot, clean)
        plot.plot((0, 1), (0, 1), color=COLOURS["ink"], linewidth=1.1, linestyle=(0, (5, 3)), zorder=3)
        plot.set_ylim(0, 1.03)
        plot.set_ylabel("share right")
        counts.bar(
            left,
            [b.count for b in bins],
            width,
            align="edge",
            facecolor=COLOURS["series-1"],
            edgecolor=COLOURS["card"],
            linewidth=0.8,
        )
        counts.set_yscale("log")
        counts.set_ylim(0.7, 3 * max(b.count for b in bins))
        _plain_ticks(counts, max(b.count for b in bins))
        counts.set_ylabel("voxels (log)")
        counts.set_xlabel("confidence in the voxel's label")
        every = [*bins, *clean]
        counts.set_xlim(min(0.5, math.floor(10 * min(b.low for b in every) + 1e-9) / 10), 1)
        handles = dict(zip(*reversed(plot.get_legend_handles_labels()), strict=True))
        order = [name for name in ("worst point", "mean confidence", "clean") if name in handles]
        figure.legend(
            [handles[name] for name in order],
            order,
            loc="outside upper left",
            ncols=3,
            handlelength=1.6,
            columnspacing=1.2,
        )
        read = "; ".join(f"{_range(b)}: {rounded(b.right)} right of {b.count} voxels" for b in bins)
        label = f"Reliability diagram of {result.id} at the worst point"
        return inline_svg(
            figure, prefix=prefix, label=label, n=counted([result.n_patients]), numbers=f"{read}. {said}."
        )


def _plain_ticks(plot: Axes, most: int) -> None:
    """Powers of ten as they are written: `1`, `1000`."""
    powers = range(math.floor(math.log10(most)) + 1)
    chosen = [10**power for power in powers][:: max(1, math.ceil(len(powers) / 3))]
    plot.set_yticks(chosen, [str(tick) for tick in chosen])
    plot.minorticks_off()


def _outline(plot: Axes, clean: Sequence[Bin]) -> None:
    """The clean bins as steps; the line is broken where bins are empty."""
    x: list[float] = []
    y: list[float] = []
    for b in clean:
        if x and abs(x[-1] - b.low) > 1e-9:
            x.append(math.nan)
            y.append(math.nan)
        x += [b.low, b.high]
        y += [b.right, b.right]
    plot.plot(x, y, color=COLOURS["series-2"], linewidth=1.6, zorder=3, label="clean")


def _range(b: Bin) -> str:
    return f"{b.low:.4g} to {b.high:.4g}"


def _table(bins: Sequence[Bin], clean: Sequence[Bin]) -> NumbersTable:
    rows = [
        (name, _range(b), str(b.count), rounded(b.confidence), rounded(b.right))
        for name, found in (("worst point", bins), ("clean", clean))
        for b in found
    ]
    heads = ("Images", "Confidence", "Voxels", "Mean confidence", "Share right")
    return NumbersTable("Reliability in numbers", heads, tuple(rows))
