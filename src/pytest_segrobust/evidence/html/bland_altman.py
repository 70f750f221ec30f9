"""The Bland-Altman plot: by how much the predicted volume is off, over the size of the structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import outwards, rounded

from .drawing import COLOURS, axes, counted, inline_svg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from pytest_segrobust.evidence.agreement import Volumes


def bland_altman(entry: Mapping[str, Any], patients: Sequence[Volumes], *, prefix: str) -> Markup | None:
    """Each patient's difference over its mean of both volumes, the bias, and the limits of agreement; None for one patient."""
    if len(patients) < 2 or entry["bias"] is None or entry["limits"] is None:
        return None
    unit, (low, high) = entry["unit"], entry["limits"]
    with axes(4.1, 2.9) as (figure, plot):
        plot.axhspan(low, high, facecolor=COLOURS["claim"], edgecolor="none", zorder=0)
        plot.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        plot.axhline(entry["bias"], color=COLOURS["ink"], linewidth=1.4)
        for limit in (low, high):
            plot.axhline(limit, color=COLOURS["ink"], linewidth=0.9, linestyle=(0, (5, 3)))
        plot.plot(
            [each.mean for each in patients],
            [each.difference for each in patients],
            "o",
            color=COLOURS["series-1"],
            markersize=4,
            markeredgecolor=COLOURS["card"],
            markeredgewidth=0.5,
            alpha=0.85,
        )
        named = ((high, rounded(high, "up")), (entry["bias"], outwards(entry["bias"])), (low, rounded(low, "down")))
        plot.margins(x=0.04, y=0.14)
        left, right = plot.get_xlim()
        plot.set_xlim(left, right + 0.2 * (right - left))
        for value, text in named:
            plot.annotate(
                text,
                (1, value),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 2),
                textcoords="offset points",
                ha="right",
                fontsize=8.5,
            )
        plot.set_xlabel(f"mean of reference and prediction ({unit})")
        plot.set_ylabel(f"prediction less reference ({unit})")
        where = "clean images" if entry["requirement"] is None else f"the worst point of {entry['requirement']}"
        return inline_svg(
            figure,
            prefix=prefix,
            label=f"Bland-Altman plot of the volume of {entry['structure']} on {where}",
            n=counted([len(patients)]),
            numbers=f"Bias {words.with_unit(outwards(entry['bias']), unit)}, limits of agreement "
            f"{words.with_unit(f'{named[2][1]} to {named[0][1]}', unit)}.",
        )
