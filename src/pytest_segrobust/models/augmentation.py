"""Test-time augmentation (Wang et al. 2019): the same image mirrored, and with small changes of its intensity.

Each change is made alone. Mirroring is undone on the output; intensities change on the image as the scanner delivers it,
before the product's own normalisation, and have nothing to undo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_segrobust.errors import ModelError

if TYPE_CHECKING:
    import torch

    from pytest_segrobust.requirements.settings import ModelSettings
    from pytest_segrobust.requirements.uncertainty_settings import UncertaintySettings


@dataclass(frozen=True)
class Intensity:
    """A change of all intensities: times `scale`, plus `shift` times the range of the image's own channel."""

    scale: float = 1.0
    shift: float = 0.0

    def of(self, image: torch.Tensor) -> torch.Tensor:
        """The changed image (channels, *spatial); the image itself where nothing changes."""
        if self.shift:
            flat = image.reshape(image.shape[0], -1)
            span = (flat.amax(1) - flat.amin(1)).reshape(-1, *(1,) * (image.ndim - 1))
            image = image + self.shift * span
        return image * self.scale if self.scale != 1 else image


UNCHANGED = Intensity()
CHANGES = (Intensity(scale=0.95), Intensity(scale=1.05), Intensity(shift=-0.02), Intensity(shift=0.02))


@dataclass(frozen=True)
class Augmentation:
    """One of the images that a pass is made of; `axis` is the spatial axis that is mirrored, None for none."""

    intensity: int = 0  # its place in `intensities`
    axis: int | None = None

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The batch (N, channels, *spatial) as the network is given it."""
        return batch if self.axis is None else batch.flip(self.axis + 2)

    back = forward  # mirroring twice is the identity


NO_AUGMENTATION = Augmentation()


def intensities(settings: ModelSettings) -> tuple[Intensity, ...]:
    """The intensity changes, unchanged first; no others where the normalisation undoes them."""
    return (UNCHANGED,) if settings.normalise != "none" else (UNCHANGED, *CHANGES)


def augmentations(settings: ModelSettings, used: UncertaintySettings, axes: int) -> tuple[Augmentation, ...]:
    """The image itself, its mirror images, its changed intensities, of a network that sees so many spatial `axes`.

    Raises ModelError for a flip along an axis that the network does not see, and where nothing but the image is left.
    """
    flips = range(axes) if used.flips is None else dict.fromkeys(used.flips)
    unseen = [axis for axis in flips if axis >= axes]
    if unseen:
        raise ModelError(
            f"flips = {list(flips)} in [model] uncertainty, but the network sees {axes} axes, counted from 0: "
            f"leave {', '.join(map(str, unseen))} out"
        )
    found = (
        NO_AUGMENTATION,
        *(Augmentation(axis=axis) for axis in flips),
        *(Augmentation(intensity=place) for place in range(1, len(intensities(settings)))),
    )
    if len(found) == 1:
        raise ModelError(
            f'uncertainty = "tta" has nothing to change: flips = [], and normalise = "{settings.normalise}" undoes '
            "changes of intensity; allow flips"
        )
    return found


def remark(settings: ModelSettings, used: UncertaintySettings, axes: int) -> str:
    """What a report says of the augmentations."""
    mirrored = [str(one.axis) for one in augmentations(settings, used, axes) if one.axis is not None]
    parts = [f"Mirrored along axis {', '.join(mirrored)}, one at a time." if mirrored else "Not mirrored."]
    if settings.normalise == "none":
        parts.append("Intensities times 0.95 and 1.05, and shifted by -2 % and +2 % of the image's range.")
    else:
        parts.append(f'Intensities are not changed: normalise = "{settings.normalise}" would undo it.')
    return " ".join(parts)
