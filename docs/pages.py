"""Write docs/perturbations.md and its pictures from the catalogue; the pictures are of the demo's chest CT.

python docs/pages.py             the page and its pictures (needs the package slicerio, as the demo does)
python docs/pages.py --text      the page alone
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_segrobust.perturbations import description
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, Perturbation
from pytest_segrobust.perturbations.point import Point

SOFT_TISSUE = ("Computed tomography",)  # whose noise and streaks a lung window does not show
HERE = Path(__file__).parent
PAGE = HERE / "perturbations.md"
PICTURES = HERE / "perturbations"

INTRODUCTION = """# Perturbations

What can stand after "under" in a sentence. This page is written by `python docs/pages.py` from the catalogue that the tool itself works with;
`segrobust perturbations NAME` says the same in a terminal, `segrobust preview IMAGE --perturbation "..."` draws any of them on your own image.

Strengths are stated on the unit intensity scale that `[data] intensity` names, in dB of SNR, in mm, degrees or HU, and are exact: `sigma = 0.1` is 0.1.
"Plausible" is what a clinic meets, by the source that stands beside it; a requirement whose range goes beyond it is a stress test (see the README).
Several perturbations are joined by `and` (or `followed by`, which means the same) and are done in the order in which they are written:
`bias field with strength <= 0.3 and gaussian noise with sigma <= 0.05`.

Flags: **random** draws a pattern for each case, the same at every strength and for every worker; **labels move along** where anatomy moves;
**on one structure too** allows `on STRUCTURE`, the corruption of one structure alone; **differentiable** lets gradients through to the image.

In each picture: the scan, half of the way to the end of the plausible range, that end, and twice as far (where that is possible).

"""


def page() -> str:
    """The text of docs/perturbations.md."""
    text = INTRODUCTION + description.markdown()
    for title in description.by_room():
        if (PICTURES / f"{file_name(title)}.png").exists():
            text = text.replace(
                f"## {title}\n", f"## {title}\n\n![{title} on a chest CT](perturbations/{file_name(title)}.png)\n"
            )
    return text


def file_name(title: str) -> str:
    """The name of a room's picture, without ending."""
    return title.lower().replace(" ", "_")


@dataclass(frozen=True)
class Volume:
    """The demo's chest CT: HU float32 (X, Y, Z), lungs 1 and 2, spacing in mm."""

    image: np.ndarray
    label: np.ndarray
    spacing: tuple[float, ...]


def chest() -> Volume:
    """Five slices of the scan, the body alone."""
    sys.path.insert(0, str(HERE.parent / "examples" / "chest_ct"))
    from scan import read

    scan = read()
    label = scan.lungs[0] + 2 * scan.lungs[1]
    step = tuple(float(s) for s in scan.spacing)
    body = (slice(4, 118), slice(6, 110), slice(16, 21))
    return Volume(scan.image[body].copy(), label[body].astype(np.int32), step)


def severities(perturbation: Perturbation) -> list[Point]:
    """Half of the way to the end of the plausible range, that end, and twice as far, of the first alternative."""
    group = perturbation.alternatives[0]
    words = {p.name: p.options[0] for p in group if isinstance(p, Choice)}
    points = []
    for share in (0.5, 1.0, 2.0):
        values: dict[str, float | str] = dict(words)
        for parameter in group:
            if isinstance(parameter, Parameter):
                ends = parameter.plausible or (parameter.lowest, parameter.highest)
                start = parameter.to_coordinate(parameter.identity)
                end = max((parameter.to_coordinate(end) for end in ends), key=lambda value: abs(value - start))
                values[parameter.name] = parameter.from_coordinate(start + share * (end - start))
        point = Point.of(perturbation.name, **values)
        points += [point] if point not in points else []
    return points


def draw(title: str, perturbations: list[Perturbation], volume: Volume) -> None:
    """One picture of a room: a row per perturbation."""
    import torch
    from matplotlib.figure import Figure

    from pytest_segrobust.errors import PerturbationError
    from pytest_segrobust.perturbations.application import Frame, perturb

    frame = Frame("chest", np.array([-1000.0]), np.array([400.0]), volume.spacing, ("R", "A", "S"))
    image, label = torch.from_numpy(volume.image)[None, None], torch.from_numpy(volume.label)[None]
    figure = Figure(figsize=(8.4, 1.95 * len(perturbations)), layout="constrained")
    low, high = (-160, 240) if title in SOFT_TISSUE else (-1000, 400)
    axes = figure.subplots(len(perturbations), 4, squeeze=False)
    for row, perturbation in zip(axes, perturbations, strict=True):
        for ax in row:
            ax.set_axis_off()
        place = volume.image.shape[2] // 2
        shown = [("clean" if row is axes[0] else "", volume.image, volume.label)]
        for point in severities(perturbation):
            try:
                done = perturb(image, label, [point], [frame])
            except PerturbationError:
                continue
            text = ", ".join(f"{k} {v if isinstance(v, str) else f'{v:.3g}'}" for k, v in point.steps[0].parameters)
            after = done.images[0, 0].numpy()
            shown.append((f"{perturbation.name}\n{text}", after, done.labels[0].numpy()))
            if after.shape == volume.image.shape and not perturbation.moves_labels:  # the slice that changed most
                place = int(((after - volume.image) ** 2).sum(axis=(0, 1)).argmax())
        for ax, (words, values, labels) in zip(row, shown, strict=False):
            middle = place if values.shape == volume.image.shape else values.shape[2] // 2
            ax.imshow(values[:, :, middle].T, cmap="gray", vmin=low, vmax=high, origin="lower")
            for value, colour in ((1, "#e69f00"), (2, "#56b4e9")):
                if perturbation.moves_labels and (labels[:, :, middle] == value).any():
                    ax.contour(value == labels[:, :, middle].T, levels=[0.5], colors=colour, linewidths=0.7)
            ax.set_title(words, fontsize=6.5)
    figure.savefig(PICTURES / f"{file_name(title)}.png", dpi=80)


def main() -> None:
    """The command."""
    PICTURES.mkdir(exist_ok=True)
    if "--text" not in sys.argv:
        volume = chest()
        for title, perturbations in description.by_room().items():
            physical = [p for p in perturbations if not p.attack]
            if physical:
                draw(title, physical, volume)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
