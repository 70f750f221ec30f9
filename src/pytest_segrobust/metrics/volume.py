"""How much of a structure there is, wherever it lies.

An empty reference counts as one voxel. RVD has no value there, and infinity can't be averaged; with one voxel a
false detection is finite, grows with its volume, and is never milder than a missed structure (1).
"""

from __future__ import annotations


def volume_bias(predicted_voxels: int, reference_voxels: int) -> float:
    """RVD = (|X|-|Y|) / |Y|: signed, -1 for an empty prediction, 1 for twice the volume, no upper end."""
    return (predicted_voxels - reference_voxels) / max(reference_voxels, 1)


def volume_error(predicted_voxels: int, reference_voxels: int) -> float:
    """The size of the volume bias: 0 is best, no upper end."""
    return abs(volume_bias(predicted_voxels, reference_voxels))


def worst_volume_error(reference_voxels: int, image_voxels: int) -> float:
    """The largest volume error that any mask can have in this image: empty, or the image filled.

    What a failed case scores, so that failing is never better than an answer.
    """
    return max(volume_error(0, reference_voxels), volume_error(image_voxels, reference_voxels), 1.0)
