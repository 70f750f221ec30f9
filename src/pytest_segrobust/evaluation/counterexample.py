"""A case at a requirement's worst point: what identifies it to the bit, and how it is written as files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ..perturbations.point import CLEAN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..datasets.case import Case
    from ..models.prediction import Prediction
    from ..perturbations.point import Point
    from .evaluation import Evaluation
    from .preparation import Prepared

HASHED = {
    "image_sha256": "the perturbed image",
    "prediction_sha256": "the prediction",
    "uncertainty_sha256": "the uncertainty map",
}


def identity(image: Prepared, prediction: Prediction) -> dict[str, str]:
    """SHA-256 of the perturbed image, of the predicted masks, and of the uncertainty map, as far as there are such.

    Each is of the array's type, shape, and bytes in C order and little-endian.
    """
    arrays = {
        "image_sha256": image.image,
        "prediction_sha256": prediction.masks,
        "uncertainty_sha256": prediction.uncertainty,
    }
    return {key: array_sha256(array.cpu().numpy()) for key, array in arrays.items() if array is not None}


def array_sha256(array: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and values."""
    plain = np.ascontiguousarray(array)
    plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.sha256(f"{plain.dtype.str} {plain.shape}".encode())
    digest.update(plain.tobytes())
    return digest.hexdigest()


def unlike(stored: Mapping[str, Any], now: Mapping[str, str]) -> list[str]:
    """In words, which of the arrays are not those that were stored; one that only one side has is not compared."""
    return [words for key, words in HASHED.items() if key in stored and key in now and stored[key] != now[key]]


def save_volumes(evaluation: Evaluation, case: Case, point: Point, folder: Path) -> Iterator[Path]:
    """Write a case as NIfTI, clean and perturbed: image, reference, prediction and uncertainty; the paths as written.

    Labels are numbered in the order of the model's structures in predictions, and as in the file in the reference.
    """
    import nibabel

    folder.mkdir(parents=True, exist_ok=True)
    maps = bool(evaluation.uncertainty)
    clean, before = evaluation.predict(case, CLEAN, keep_uncertainty=maps)
    image, after = evaluation.predict(case, point, keep_uncertainty=maps)

    def write(name: str, array: np.ndarray) -> Path:
        path = folder / f"{file_stem(case.id)}_{name}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(array, image.sample.affine), path)  # type: ignore[no-untyped-call]
        return path

    yield write("clean", _channels_last(clean.image.cpu().numpy()))
    yield write("perturbed", _channels_last(image.image.cpu().numpy()))
    if image.label is not None:
        yield write("reference", image.label.astype(np.int16))
    for name, prediction in (("clean", before), ("perturbed", after)):
        if prediction.masks is not None:
            labels = np.zeros(prediction.masks.shape[1:], np.int16)
            for number, mask in enumerate(prediction.masks.cpu().numpy(), start=1):
                labels[mask] = number
            yield write(f"prediction_{name}", labels)
        if prediction.uncertainty is not None:
            yield write(f"uncertainty_{name}", _channels_last(prediction.uncertainty.cpu().numpy().astype(np.float32)))


def file_stem(name: str) -> str:
    """The beginning of the names of a case's files."""
    return name.replace("/", "_")


def draw_overlay(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], path: Path) -> Path:
    """A PNG of the slice that a report would show: clean and perturbed, with the outlines of reference and prediction.

    `arrays` and `about` are those of a `Picture`. Uncertainty maps stand beside, on one scale.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [name for name in ("clean", "perturbed", "clean_uncertainty", "uncertainty") if name in arrays]
    figure = Figure(figsize=(3.6 * len(panels), 4.1), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    step = about.get("spacing") or [1.0, 1.0]
    tops = [float(np.nan_to_num(arrays[name]).max()) for name in panels if "uncertainty" in name]
    for place, name in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), place)
        ends = (0.0, max(tops) or 1.0) if "uncertainty" in name else about["range"]
        aspect = float(step[0] / step[1])
        axes.imshow(
            arrays[name].T,
            cmap="viridis" if "uncertainty" in name else "gray",
            vmin=ends[0],
            vmax=ends[1],
            origin="lower",
            aspect=1 / aspect,
            interpolation="nearest",
        )
        if "uncertainty" not in name:
            said = "prediction" if name == "perturbed" else "clean_prediction"
            # a dashed line tells the prediction from the reference without colours too
            for kind, style in (("reference", ("#00d5ff", "solid")), (said, ("#ffb000", "dashed"))):
                mask = arrays.get(kind)
                if mask is not None and mask.any() and mask.shape == arrays[name].shape:
                    axes.contour(mask.T.astype(float), [0.5], colors=[style[0]], linestyles=[style[1]], linewidths=1.2)
        axes.set_title(name.replace("_", " "), fontsize=9)
        axes.set_axis_off()
    where = "" if about.get("slice") is None else f", slice {about['slice']} of axis {about['axis']}"
    figure.suptitle(
        f"{about['case']}, {about['structure']}{where}\n{about['point']}\nsolid: reference, dashed: prediction",
        fontsize=9,
    )
    figure.savefig(path, metadata={"Software": None})
    return path


def _channels_last(array: np.ndarray) -> np.ndarray:
    moved = np.moveaxis(array, 0, -1)
    return moved[..., 0] if moved.shape[-1] == 1 else moved
