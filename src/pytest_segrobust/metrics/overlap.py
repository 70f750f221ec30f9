"""Overlap of two masks: every metric here is read off one count of voxels.

IoU + over-segmentation + under-segmentation = 1 and DSC = 2 IoU / (1 + IoU) hold exactly (up to rounding).
A union without voxels has no overlap: these functions then raise, and `policy` says what such a case scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Confusion:
    """Voxels in both masks, in the prediction alone, and in the reference alone."""

    true_positive: int
    false_positive: int
    false_negative: int

    @property
    def union(self) -> int:
        """Voxels in either mask."""
        return self.true_positive + self.false_positive + self.false_negative


def check_mask(mask: object, name: str, shape: tuple[int, ...] | None = None) -> None:
    """Refuse what is not a bool array (of this shape): a label map or probabilities would be counted wrongly.

    Raises ValueError, for the programmer who calls.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        kind = f"an array of {mask.dtype}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ValueError(f"{name} must be a numpy array of bool, not {kind}")
    if mask.ndim == 0 or mask.size == 0:
        raise ValueError(f"{name} of shape {mask.shape} holds no voxels")
    if shape is not None and mask.shape != shape:
        raise ValueError(f"{name} has shape {mask.shape}, the mask it is compared with {shape}")


def confusion(prediction: Mask, reference: Mask) -> Confusion:
    """The counts for two masks of one shape.

    Raises ValueError where one is not bool or the shapes differ.
    """
    check_mask(reference, "the reference")
    check_mask(prediction, "the prediction", reference.shape)
    both = int(np.count_nonzero(prediction & reference))
    return Confusion(both, int(np.count_nonzero(prediction)) - both, int(np.count_nonzero(reference)) - both)


def dsc(counts: Confusion) -> float:
    """DSC = 2|X∩Y| / (|X|+|Y|), 0 to 1 (Dice 1945)."""
    return 2 * counts.true_positive / (_union(counts) + counts.true_positive)


def iou(counts: Confusion) -> float:
    """IoU = |X∩Y| / |X∪Y|, 0 to 1 (Jaccard 1912)."""
    return counts.true_positive / _union(counts)


def over_segmentation(counts: Confusion) -> float:
    r"""Os = |X\Y| / |X∪Y|, 0 to 1 (Mou et al. 2021, CS2-Net)."""
    return counts.false_positive / _union(counts)


def under_segmentation(counts: Confusion) -> float:
    r"""Us = |Y\X| / |X∪Y|, 0 to 1 (Mou et al. 2021, CS2-Net)."""
    return counts.false_negative / _union(counts)


def _union(counts: Confusion) -> int:
    if not counts.union:
        raise ValueError("both masks are empty: their overlap is a matter of policy")
    return counts.union
