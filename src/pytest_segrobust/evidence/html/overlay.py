"""A case as two small pictures, clean and perturbed, with the outlines of reference and prediction drawn on top."""

from __future__ import annotations

import base64
import html
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pytest_segrobust.evidence.rounding import rounded

from .colour_map import RAMP, palette

if TYPE_CHECKING:
    import numpy as np

    from pytest_segrobust.evidence.picture import Picture

_MARGIN = 10  # pixels around the outlines
_SMALLEST = 48


@dataclass(frozen=True)
class Panel:
    """One picture of a pair: its title and its drawing; a map says which picture it lies under."""

    title: str
    svg: Markup
    under: str = ""


def panels(picture: Picture, *, most_pixels: int = 1 << 16) -> list[Panel]:
    """The clean and the perturbed picture; larger ones are reduced to `most_pixels`.

    The grey values are a PNG without loss at the image's own pixels; outlines run along the edges of voxels, as the
    masks do.
    """
    import numpy as np

    images = {name: np.asarray(picture.arrays[name], dtype=np.float64) for name in _IMAGES if name in picture.arrays}
    if not images:
        return []
    low, high = whole_range(picture.about, images)
    outlines = {name: _outlines(picture, name, image.shape) for name, image in images.items()}
    # The same part of both pictures, for the eye to compare; of frames that differ, each one's own part.
    shared = len({image.shape for image in images.values()}) == 1 and all(outlines.values())
    everything = [mask for drawn in outlines.values() for mask in drawn.values()]
    drawn, maps = [], []
    for name, image in images.items():
        window = _window(image.shape, everything if shared else list(outlines[name].values()))
        grey = grey_levels(image[window], low, high)
        cut = {kind: mask[window] for kind, mask in outlines[name].items()}
        drawn.append(Panel(name, _svg(grey, cut, picture, title=f"{name} image", most_pixels=most_pixels)))
        uncertainty = picture.arrays.get(_MAPS[name])
        if uncertainty is not None and uncertainty.shape == image.shape:
            svg = _map_svg(uncertainty[window], cut, picture, name=name, most_pixels=most_pixels)
            maps.append(Panel(f"uncertainty, {name}", svg, under=name))
    return [*drawn, *maps]


def _map_svg(values: np.ndarray, masks: dict[str, Any], picture: Picture, *, name: str, most_pixels: int) -> Markup:
    """The uncertainty map in its colours, and on it the outline of the voxels that are wrong."""
    import numpy as np

    top = _top(picture)
    levels = np.clip(np.nan_to_num(values.astype(np.float64)) / (top or 1.0), 0, 1) * 255
    both = "reference" in masks and "prediction" in masks
    wrong = {"wrong": np.asarray(masks["reference"]) ^ np.asarray(masks["prediction"])} if both else {}
    return _svg(
        levels, wrong, picture, title=f"uncertainty of the {name} image", most_pixels=most_pixels, coloured=True
    )


def uncertainty_scale(picture: Picture) -> dict[str, str] | None:
    """The colour bar of a picture's uncertainty maps: its ends, and the map's name; None where there is no map."""
    if not any(name in picture.arrays for name in _MAPS.values()):
        return None
    top = _top(picture)
    name = str(picture.about.get("uncertainty_map") or "uncertainty").replace("_", " ")
    high = rounded(top) if top > 0 else "0 everywhere"
    return {"low": "0", "high": high, "name": name, "ramp": RAMP}


def _top(picture: Picture) -> float:
    """The uncertainty drawn brightest: as stated, so that pictures can be compared, else the largest there is."""
    import numpy as np

    stated = picture.about.get("uncertainty_range")
    if stated:
        return float(stated[1])
    found = [np.nan_to_num(picture.arrays[name]).max() for name in _MAPS.values() if name in picture.arrays]
    return float(max(found, default=0.0))


_IMAGES = {"clean": "clean_prediction", "perturbed": "prediction"}
_MAPS = {"clean": "clean_uncertainty", "perturbed": "uncertainty"}


def _outlines(picture: Picture, name: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The masks that lie in a picture's frame.

    The reference lies in the frame of the perturbed image. Where a perturbation moved the labels, the clean image has
    another frame, and comes without a clean prediction: then nothing is drawn on it.
    """
    found = {"reference": picture.arrays.get("reference"), "prediction": picture.arrays.get(_IMAGES[name])}
    if name == "clean" and "clean_prediction" not in picture.arrays and "perturbed" in picture.arrays:
        return {}
    return {kind: mask for kind, mask in found.items() if mask is not None and mask.shape == shape}


def outline(mask: np.ndarray) -> str:
    """The edges of a mask's pixels as an SVG path of closed loops, in pixels from the upper left corner."""
    import numpy as np

    inside = np.pad(mask.astype(bool), 1)
    # Directed so that the mask lies to the right: then every corner that is entered is also left.
    follows: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (dr, dc), start, end in (
        ((-1, 0), (0, 0), (0, 1)),  # nothing above: along the upper edge, to the right
        ((0, 1), (0, 1), (1, 1)),
        ((1, 0), (1, 1), (1, 0)),
        ((0, -1), (1, 0), (0, 0)),
    ):
        for row, column in np.argwhere(inside & ~np.roll(inside, (-dr, -dc), (0, 1))) - 1:
            corner = (int(row) + start[0], int(column) + start[1])
            follows.setdefault(corner, []).append((int(row) + end[0], int(column) + end[1]))
    parts = []
    while follows:
        first = corner = next(iter(follows))
        loop = [first]
        while True:
            ends = follows[corner]
            following = ends.pop()
            if not ends:
                del follows[corner]
            corner = following
            if corner == first:
                break
            loop.append(corner)
        parts.append("M" + "L".join(f"{column} {row}" for row, column in _corners(loop)) + "Z")
    return "".join(parts)


def _corners(loop: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The loop without the points that lie on a straight line between their neighbours."""
    ring = [loop[-1], *loop, loop[0]]
    return [
        here
        for before, here, after in zip(ring, ring[1:], ring[2:], strict=False)
        if (before[0] == here[0]) != (here[0] == after[0])
    ]


def _svg(
    grey: np.ndarray,
    outlines: dict[str, Any],
    picture: Picture,
    *,
    title: str,
    most_pixels: int,
    coloured: bool = False,
) -> Markup:
    about, label = picture.about, _label(picture, title, outlines)
    rows, columns = grey.shape
    height, width = (float(mm) for mm in (about.get("spacing") or (1.0, 1.0)))
    paths = "".join(
        f'<path class="{"wrong-" if coloured else ""}halo" d="{d}"/><path class="{kind}" d="{d}"/>'
        for kind, mask in outlines.items()
        if (d := outline(mask))
    )
    bar, bar_text = _scale_bar(columns, width) if about.get("spacing") else (0.0, "")
    ratio = columns * width / (rows * height)
    scale = f'<span class="scale" style="width:{100 * bar / columns:.4g}%">{bar_text}</span>' if bar_text else ""
    # Safe to mark: everything but the label is made of numbers, and the label is escaped.
    return Markup(  # noqa: S704
        f'<span class="frame"><svg role="img" aria-label="{html.escape(label)}" viewBox="0 0 {columns} {rows}" '
        f'preserveAspectRatio="none" style="aspect-ratio:{ratio:.4g}">'
        f'<image width="{columns}" height="{rows}" preserveAspectRatio="none" href="{png(grey, most_pixels, coloured)}"/>'
        f"{paths}</svg>{scale}</span>"
    )


def grey_levels(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """The image from black at `low` to white at `high`, 0 to 255."""
    import numpy as np

    levels: np.ndarray = np.clip((np.nan_to_num(image) - low) / (high - low or 1), 0, 1) * 255
    return levels


def png(grey: np.ndarray, most_pixels: int, coloured: bool = False) -> str:
    """Levels of 0 to 255 as a PNG in an address of its own, reduced to `most_pixels`."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(np.round(grey).astype(np.uint8))
    factor = math.ceil(math.sqrt(grey.size / most_pixels))
    if factor > 1:
        picture = picture.reduce(factor)
    if coloured:
        picture.putpalette(palette().tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _window(shape: tuple[int, ...], masks: list[Any]) -> tuple[slice, slice]:
    """Rows and columns around all outlines, at least `_SMALLEST` of each; the whole image where there are none."""
    import numpy as np

    together = (
        np.logical_or.reduce([np.asarray(mask, dtype=bool) for mask in masks]) if masks else np.zeros(shape, bool)
    )
    if not together.any():
        return slice(0, shape[0]), slice(0, shape[1])
    slices = []
    for axis in (0, 1):
        places = np.flatnonzero(together.any(axis=1 - axis))
        low, high = int(places[0]) - _MARGIN, int(places[-1]) + 1 + _MARGIN
        missing = max(0, _SMALLEST - (high - low))
        low, high = low - missing // 2, high + missing - missing // 2
        slices.append(slice(max(0, low), min(shape[axis], high)))
    return slices[0], slices[1]


def whole_range(about: Any, images: dict[str, Any]) -> tuple[float, float]:
    """The two grey values drawn black and white: as stated, else those of the first image."""
    stated = about.get("range")
    if stated:
        return float(stated[0]), float(stated[1])
    first = next(iter(images.values()))
    return float(first.min()), float(first.max())


def _scale_bar(columns: int, width: float) -> tuple[float, str]:
    """The longest round length of at most a third of the picture: pixels, and its text."""
    whole = columns * width
    fitting = [mm for mm in (1, 2, 5, 10, 20, 50, 100) if mm <= whole / 3]
    return (fitting[-1] / width, f"{fitting[-1]} mm") if fitting else (0.0, "")


def _label(picture: Picture, title: str, outlines: dict[str, Any]) -> str:
    drawn = " and ".join("wrong voxels" if kind == "wrong" else kind for kind in outlines) or "no structure"
    return f"Case {picture.case}, {title}, slice {picture.about.get('slice', '?')}, outlines of {drawn}"
