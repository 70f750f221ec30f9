"""The study's pictures, drawn from results.json alone; what is hollow or dotted is the paper's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import paper
from findings import NOISES
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from measured import CLEAN, STRUCTURES
from results import labels, snr_of
from tables import named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

Results = dict[str, Any]

# Okabe and Ito's colours and a marker each: told apart without colours, too.
LOOK = {
    "deterministic": ("#000000", "o"),
    "mc_dropout": ("#E69F00", "s"),
    "ensemble": ("#0072B2", "^"),
    "super_unet": ("#D55E00", "D"),
    "mean_field": ("#009E73", "v"),
    "swag": ("#CC79A7", "P"),
}
HEIGHT, DPI = 2.6, 130
SEVERE = ("gaussian noise(snr=8)", "poisson noise(snr=8)", "speckle noise(snr=10)", "salt and pepper noise(snr=12)")


def draw(found: Results, folder: Path) -> list[Path]:
    """All pictures as PNG; the paths as written."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_saved(make(found), folder / f"{name}.png") for name, make in FIGURES.items()]


def severity(found: Results) -> Figure:
    """DSC along each noise on the whole image (the paper's Table 5 and Figure 10)."""
    figure, axes = _panels(len(STRUCTURES), len(NOISES), height=2 * HEIGHT, sharey=True)
    for row, structure in zip(axes, STRUCTURES, strict=True):
        for place, noise in zip(row, NOISES, strict=True):
            points = _along(found, noise)
            _lines(place, found, points, structure, "dsc")
            for family in paper.FAMILIES:
                theirs = [(i, row_[family]) for i, p in enumerate(points) if (row_ := _papers(p, structure))]
                if theirs:
                    place.plot(
                        *zip(*theirs, strict=True),
                        ls=":",
                        lw=1,
                        color=LOOK[family][0],
                        marker=LOOK[family][1],
                        mfc="none",
                        ms=5,
                    )
            place.set_title(f"{noise}, {structure}", fontsize=8)
            _severities(place, points)
        row[0].set_ylabel("DSC")
    return _with_legend(figure, axes[0][0], "hollow, dotted: the paper's")


def conditions(found: Results) -> Figure:
    """DSC of anterior in every condition of the paper's Figure 2."""
    points = [("noise", CLEAN), *(("noise" if "noise" in point else "attacks", point) for point in paper.ANTERIOR)]
    figure, ((place,),) = _panels(1, 1, height=1.5 * HEIGHT)
    _dots(place, found, points, "anterior", "dsc")
    for x, (_, point) in enumerate(points):
        for family, value in (_papers(point, "anterior") or {}).items():
            place.plot(
                x + _shift(family), value, color=LOOK[family][0], marker=LOOK[family][1], mfc="none", ms=5, ls=""
            )
    place.set_ylabel("DSC of anterior")
    return _with_legend(figure, place, "hollow: the paper's")


def direction(found: Results) -> Figure:
    """Over- and under-segmentation of anterior: what noise does where it is (the paper's Figures 6 and 7)."""
    points = [
        ("noise", CLEAN),
        *(("noise", point) for point in SEVERE),
        *(
            ("noise", point)
            for point in found["cells"]["noise"]
            if point.endswith(" on anterior") and (snr_of(point) or 0) < 20
        ),
        ("attacks", "fgsm(snr=15)"),
        ("attacks", "targeted pgd(snr=15, source=anterior, target=posterior)"),
        ("attacks", "targeted pgd(snr=15, source=posterior, target=anterior)"),
    ]
    figure, axes = _panels(2, 1, height=2.2 * HEIGHT, sharex=True)
    for (place,), key, words in zip(axes, ("over_segmentation", "under_segmentation"), ("Os", "Us"), strict=True):
        _dots(place, found, points, "anterior", key)
        place.set_ylabel(f"{words} of anterior")
    return _with_legend(figure, axes[0][0])


def distance(found: Results) -> Figure:
    """HD95 under severe noise."""
    points = [("noise", CLEAN), *(("noise", p) for p in SEVERE)]
    points += [("noise", p) for p in found["cells"]["noise"] if " on " in p and (snr_of(p) or 0) < 20]
    figure, axes = _panels(1, 2, height=1.4 * HEIGHT, sharey=True)
    for place, structure in zip(axes[0], STRUCTURES, strict=True):
        _dots(place, found, points, structure, "hd95")
        place.set_title(structure, fontsize=8)
    axes[0][0].set_ylabel("HD95, mm")
    return _with_legend(figure, axes[0][0])


def variance(found: Results) -> Figure:
    """Mean uncertainty along each noise, as a multiple of that of clean images."""
    figure, axes = _panels(1, len(NOISES), height=1.3 * HEIGHT, sharey=True)
    for place, noise in zip(axes[0], NOISES, strict=True):
        points = _along(found, noise)
        for family, (colour, marker) in LOOK.items():
            means = [_both(found, "noise", point, family, "uncertainty") for point in points]
            place.plot(
                [mean / means[0] for mean in means], color=colour, marker=marker, ms=4, lw=1.2, label=labels()[family]
            )
        place.set_title(noise, fontsize=8)
        _severities(place, points)
    axes[0][0].set_ylabel("uncertainty, times that of clean")
    return _with_legend(figure, axes[0][0])


def wrong_and_right(found: Results) -> Figure:
    """Uncertainty of wrong and of right voxels (the paper's Figure 14): sizes differ between families, so each has its axis."""
    points = _along(found, "gaussian noise")
    figure, axes = _panels(1, len(LOOK), height=1.2 * HEIGHT)
    for place, (family, (colour, _)) in zip(axes[0], LOOK.items(), strict=True):
        for key, style, marker in (("uncertainty_wrong", "-", "x"), ("uncertainty_right", "--", "o")):
            means = [_both(found, "noise", point, family, key) for point in points]
            place.plot(
                means, color=colour, ls=style, marker=marker, ms=4, lw=1.2, mfc="none", label=key.partition("_")[2]
            )
        place.set_ylim(bottom=0)
        place.set_title(labels()[family], fontsize=8)
        place.tick_params(axis="y", labelsize=6)
        _severities(place, points)
    axes[0][0].legend(fontsize=6, frameon=False)
    axes[0][0].set_ylabel("uncertainty in the band")
    return figure


def removal(found: Results) -> Figure:
    """ΔDSC after uncertain voxels are removed (the paper's Figure 15), and the QU-BraTS score, which punishes removing right ones."""
    points = [("noise", CLEAN), *(("noise", p) for p in SEVERE), ("attacks", "fgsm(snr=15)")]
    points += [("attacks", p) for p in found["cells"]["attacks"] if "snr=15" in p and "pgd" in p]
    figure, axes = _panels(2, 1, height=2.2 * HEIGHT, sharex=True)
    for (place,), key, words in zip(
        axes, ("delta_dsc", "qu_brats"), ("ΔDSC after removal", "QU-BraTS score"), strict=True
    ):
        _dots(place, found, points, None, key)
        place.set_ylabel(words)
    axes[0][0].axhline(0, color="#888888", lw=0.8)
    return _with_legend(figure, axes[0][0])


def ranking(found: Results) -> Figure:
    """Whether the uncertain volumes are the bad ones: Spearman with 1 - DSC over volumes, the mean of both structures."""
    points = [("noise", p) for p in found["cells"]["noise"] if " on " not in p]
    figure, axes = _panels(2, 1, height=2.2 * HEIGHT, sharex=True)
    for (place,), key, words in zip(
        axes, ("spearman", "error_auroc"), ("Spearman, volumes", "AUROC, voxels"), strict=True
    ):
        _dots(place, found, points, None, key)
        place.set_ylabel(words)
    axes[0][0].axhline(0, color="#888888", lw=0.8)
    axes[1][0].axhline(0.5, color="#888888", lw=0.8)
    return _with_legend(figure, axes[0][0])


def price(found: Results) -> Figure:
    """What robustness costs: DSC under severe noise against time."""
    figure, axes = _panels(1, 2, height=1.4 * HEIGHT, sharey=True)
    for place, point in zip(axes[0], (CLEAN, "gaussian noise(snr=8)"), strict=True):
        for family, (colour, marker) in LOOK.items():
            place.plot(
                found["cost"][family]["times"], _both(found, "noise", point, family, "dsc"),
                color=colour, marker=marker, ms=7, ls="", label=labels()[family],
            )  # fmt: skip
        place.set_xscale("log")
        place.set_xlabel("time per slice, times the deterministic network's")
        place.set_title(named(point), fontsize=8)
    axes[0][0].set_ylabel("DSC, mean of both structures")
    return _with_legend(figure, axes[0][0])


FIGURES: dict[str, Callable[[Results], Figure]] = {
    "severity": severity,
    "conditions": conditions,
    "direction": direction,
    "distance": distance,
    "variance": variance,
    "wrong_and_right": wrong_and_right,
    "removal": removal,
    "ranking": ranking,
    "price": price,
}


def _along(found: Results, noise: str) -> list[str]:
    """The clean image and growing noise on the whole image."""
    points = [point for point in found["cells"]["noise"] if point.startswith(f"{noise}(") and " on " not in point]
    return [CLEAN, *sorted(points, key=lambda point: -(snr_of(point) or 0))]


def _papers(point: str, structure: str) -> paper.Row | None:
    return paper.CLEAN[structure, "dsc"] if point == CLEAN else paper.dsc(point, structure)


def _lines(place: Axes, found: Results, points: Sequence[str], structure: str, key: str) -> None:
    for family, (colour, marker) in LOOK.items():
        numbers = [found["cells"]["noise"][point][structure][family][key] for point in points]
        place.plot([n[0] for n in numbers], color=colour, marker=marker, ms=4, lw=1.2, label=labels()[family])
        place.fill_between(
            range(len(points)), [n[1] for n in numbers], [n[2] for n in numbers], color=colour, alpha=0.12, lw=0
        )


def _dots(place: Axes, found: Results, points: Sequence[tuple[str, str]], structure: str | None, key: str) -> None:
    """A dot with bounds for each family and point; of both structures their mean, without bounds."""
    for family, (colour, marker) in LOOK.items():
        label = labels()[family]
        for x, (part, point) in enumerate(points):
            style = {"color": colour, "marker": marker, "ms": 4, "ls": "", "label": label if x == 0 else None}
            if structure is None:
                place.plot(x + _shift(family), _both(found, part, point, family, key), **style)
                continue
            mean, low, high = found["cells"][part][point][structure][family][key][:3]
            place.errorbar(x + _shift(family), mean, [[mean - low], [high - mean]], elinewidth=1, **style)
    place.set_xticks(
        range(len(points)),
        [named(point).replace(", ", "\n") for _, point in points],
        rotation=35,
        ha="right",
        fontsize=6.5,
    )
    place.grid(axis="y", color="#e5e5e5", lw=0.6)


def _both(found: Results, part: str, point: str, family: str, key: str) -> float:
    """The mean of both structures; NaN where one has no value."""
    known = [found["cells"][part][point][structure][family].get(key) for structure in STRUCTURES]
    values = [float("nan") if each is None or each[0] is None else each[0] for each in known]
    return sum(values) / len(values)


def _shift(family: str) -> float:
    return 0.12 * (list(LOOK).index(family) - (len(LOOK) - 1) / 2)


def _severities(place: Axes, points: Sequence[str]) -> None:
    place.set_xticks(range(len(points)), ["clean" if p == CLEAN else f"{snr_of(p):.3g}" for p in points], fontsize=7)
    place.set_xlabel("SNR, dB", fontsize=7)
    place.grid(axis="y", color="#e5e5e5", lw=0.6)


def _panels(rows: int, columns: int, *, height: float, **shared: bool) -> tuple[Figure, Any]:
    figure = Figure(figsize=(9.5, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, **shared)  # type: ignore[call-overload]  # sharex and sharey alone
    for place in axes.flat:
        place.tick_params(labelsize=7)
        place.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _with_legend(figure: Figure, place: Axes, title: str = "") -> Figure:
    handles, names = place.get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside upper center",
        ncols=len(LOOK),
        fontsize=7.5,
        frameon=False,
        title=title or None,
        title_fontsize=7,
    )
    return figure


def _saved(figure: Figure, path: Path) -> Path:
    figure.savefig(path, metadata={"Software": None})
    return path
