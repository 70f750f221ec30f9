"""A contact sheet: what a perturbation does to an image, severities side by side, slices one below the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import PerturbationError, SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from .datasets.case import Sample
    from .perturbations.point import Point
    from .requirements.settings import Percentiles, Window

INCH = 2.4  # of a picture's longer side


@dataclass(frozen=True)
class Shown:
    """One column: a point, the image (*spatial) at it, the label moved along, and the realised strength."""

    point: Point
    image: np.ndarray
    label: np.ndarray | None
    strength: dict[str, float]


def contact_sheet(
    image: Path,
    perturbation: str,
    output: Path,
    *,
    label: Path | None = None,
    structures: dict[str, int] | None = None,
    intensity: Percentiles | Window | None = None,
    severities: int = 4,
    slices: int = 3,
    seed: int = 0,
) -> list[Shown]:
    """Write a PNG of an image at severities of a perturbation, written as in a sentence; what was shown comes back.

    The first column is the image itself, the last the end of the stated range. `structures` are label values by name,
    for perturbations of one of them. Only the first channel is drawn.

    Raises:
        SpecError: the words mean no perturbation, or the output is no new .png.
        DataError: a file cannot be read.
        PerturbationError: the perturbation cannot be done to this image, or needs a model.
    """
    from .perturbations.point import CLEAN

    _refuse_to_overwrite(output, image, label)
    sample = _read(image, label, intensity)
    points = _points(perturbation, severities)
    shown = [_shown(sample, point, structures or {}, seed) for point in [CLEAN, *points]]
    _draw(shown, sample, perturbation, output, slices)
    return shown


def _refuse_to_overwrite(output: Path, image: Path, label: Path | None) -> None:
    if output.suffix.lower() != ".png":
        raise SpecError(f"--output {output}: a contact sheet is a .png")
    if any(given is not None and output.resolve() == given.resolve() for given in (image, label)):
        raise SpecError(f"--output {output} is one of the files to be shown; give the sheet another name")


def structures_of(words: Sequence[str]) -> dict[str, int]:
    """Label values by structure, of texts such as "anterior=1"."""
    values = {}
    for word in words:
        name, _, value = word.rpartition("=")
        if not name or not value.lstrip("-").isdigit():
            raise SpecError(f"--structure {word}: write NAME=VALUE, such as anterior=1")
        values[name.strip()] = int(value)
    return values


def intensity_of(window: tuple[float, float] | None) -> Window | None:
    """The unit scale between two intensities."""
    from .requirements.settings import Window

    if window is None:
        return None
    if not window[0] < window[1]:
        raise SpecError(f"--window {window[0]:g} {window[1]:g} does not rise")
    return Window(window=window)


def _points(perturbation: str, severities: int) -> list[Point]:
    """Evenly spaced points on the way to the range's most severe corner; with words alone, a point for each."""
    from .perturbations.catalogue import catalogue
    from .requirements.sentence import parse
    from .verification.severity import SeverityLine
    from .verification.space import Space

    requirement = parse(f"DSC under {perturbation} is at least 0.5")
    for domain in requirement.domains:
        if catalogue()[domain.perturbation].attack:
            raise PerturbationError(f"{domain.perturbation} needs a model and its labels; a preview has none")
    space = Space.of(requirement)
    corners = space.corners(1)
    line = SeverityLine.of(space, corners[0])
    if line is None:
        return [space.point(corner) for corner in corners]
    return [line.point((step + 1) / severities) for step in range(severities)]


def _read(image: Path, label: Path | None, intensity: Percentiles | Window | None) -> Sample:
    from .datasets.case import Case
    from .datasets.reading import read_case, read_header
    from .requirements.settings import Percentiles

    header = read_header(image)
    case = Case(image.name, image.name, (image,), label)
    return read_case(
        case,
        channels=header.channels,
        channel_axis=None,
        intensity=intensity or Percentiles(percentiles=(0.5, 99.5)),
    )


def _shown(sample: Sample, point: Point, structures: dict[str, int], seed: int) -> Shown:
    import torch

    from .perturbations.application import Frame, perturb

    frame = Frame(key=sample.case.id, low=sample.low, high=sample.high, spacing=sample.spacing, axes=sample.axes)
    regions = {}
    for name in sorted({step.on for step in point.steps if step.on is not None}):
        if sample.label is None or name not in structures:
            raise SpecError(
                f"'on {name}' needs a label file and the structure's value: --label FILE --structure {name}=1"
            )
        regions[name] = torch.from_numpy(sample.label == structures[name])[None]
    perturbed = perturb(
        torch.from_numpy(sample.image)[None],
        None if sample.label is None else torch.from_numpy(sample.label)[None],
        [point],
        [frame],
        seed=seed,
        regions=regions,
    )
    moved = None if perturbed.labels is None else perturbed.labels[0].numpy()
    return Shown(point, perturbed.images[0, 0].numpy(), moved, perturbed.strengths[0])


def _draw(shown: Sequence[Shown], sample: Sample, title: str, output: Path, slices: int) -> None:
    from matplotlib.figure import Figure

    axis, places = _slices(sample, slices)
    picture = "?" in sample.axes  # is looked at by its rows; a scan with its first axis to the right, its second up
    height, width = _cut(shown[0].image, axis, places[0], by_rows=picture).shape
    steps = [step for other, step in enumerate(sample.spacing) if other != axis]
    row_step, column_step = steps if picture else reversed(steps)
    tall, wide = height * row_step, width * column_step
    scale = INCH / max(tall, wide)
    figure = Figure(
        figsize=(scale * wide * len(shown) + 0.5, (scale * tall + 0.3) * len(places) + 0.6), layout="constrained"
    )
    axes = figure.subplots(len(places), len(shown), squeeze=False)
    for column, each in enumerate(shown):
        for row, place in enumerate(places):
            ax = axes[row][column]
            share = place / max(sample.image.shape[1 + (axis or 0)] - 1, 1)
            here = 0 if axis is None else round(share * (each.image.shape[axis] - 1))  # a crop has fewer slices
            ax.imshow(
                _cut(each.image, axis, here, by_rows=picture),
                cmap="gray",
                vmin=float(sample.low[0]),
                vmax=float(sample.high[0]),
                aspect=row_step / column_step,
                interpolation="nearest",
            )
            if each.label is not None:
                _outline(ax, _cut(each.label, axis, here, by_rows=picture))
            ax.set_xticks([])
            ax.set_yticks([])
            if row == 0:
                ax.set_title(_caption(each), fontsize=7)
            if column == 0 and axis is not None:
                ax.set_ylabel(f"slice {place}", fontsize=7)
    figure.suptitle(title, fontsize=9)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=120)


def _outline(ax: object, label: np.ndarray) -> None:
    import numpy as np

    colours = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7")  # Okabe and Ito: told apart by colour-blind readers
    for place, value in enumerate(value for value in np.unique(label) if value != 0):
        ax.contour(label == value, levels=[0.5], colors=colours[place % len(colours)], linewidths=0.8)  # type: ignore[attr-defined]


def _slices(sample: Sample, count: int) -> tuple[int | None, list[int]]:
    """Slices across the coarsest axis, evenly over the labelled part or the middle of the image."""
    import numpy as np

    shape = sample.image.shape[1:]
    if len(shape) == 2:
        return None, [0]
    axis = int(np.argmax(sample.spacing)) if len(set(sample.spacing)) > 1 else len(shape) - 1
    low, high = 0.15 * shape[axis], 0.85 * shape[axis]
    if sample.label is not None and sample.label.any():
        others = tuple(other for other in range(3) if other != axis)
        labelled = np.flatnonzero((sample.label != 0).any(axis=others))
        low, high = labelled[0], labelled[-1]
    places = np.linspace(low, high, min(count, shape[axis]) + 2)[1:-1]
    return axis, sorted({round(float(place)) for place in places})


def _cut(array: np.ndarray, axis: int | None, place: int, *, by_rows: bool) -> np.ndarray:
    import numpy as np

    cut: np.ndarray = array if axis is None else np.take(array, place, axis=axis)
    return cut if by_rows else cut.T[::-1]


def _caption(shown: Shown) -> str:
    if not shown.point.steps:
        return "clean"
    lines = [
        f"{step.name}{f' on {step.on}' if step.on else ''}\n"
        + ", ".join(f"{name} {value if isinstance(value, str) else f'{value:.3g}'}" for name, value in step.parameters)
        for step in shown.point.steps
    ]
    if "snr" in shown.strength:
        lines.append(f"SNR {shown.strength['snr']:.3g} dB")
    return "\n".join(lines)
