"""A step that did nothing: an error, unless nothing could have come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PerturbationError
from .catalogue import Parameter, Perturbation

if TYPE_CHECKING:
    import torch

    from .frame import Frame
    from .point import Step

VISIBLE = 1e-4  # in severity coordinates; a search may ask for less, where rounding may leave an image as it is


def refuse_no_effect(
    perturbation: Perturbation, step: Step, image: torch.Tensor, region: torch.Tensor | None, frame: Frame
) -> None:
    """Raise for a step that left `image` (C, *spatial) as it was, though it could have changed it.

    Raises:
        PerturbationError: names the case and the step.
    """
    if perturbation.could_change is not None:
        possible = perturbation.could_change(image, region, frame, **dict(step.parameters))
    else:
        possible = could_change(perturbation, step, image, region, frame)
    if possible:
        raise PerturbationError(
            f"case {frame.key}: {step} should have changed the image and did not; "
            "look at the image and at its unit intensity scale"
        )


def could_change(
    perturbation: Perturbation, step: Step, image: torch.Tensor, region: torch.Tensor | None, frame: Frame
) -> bool:
    """Whether a step is strong enough to survive rounding and, unless it is random, has more than a constant to act on."""
    import numpy as np
    import torch

    inside = image if region is None else image[:, region]
    if not perturbation.random and bool((inside == inside.flatten()[0]).all()):
        return False
    in_own_units = float(inside.abs().max()) + float(np.max(np.abs(frame.low) / (frame.high - frame.low)))
    threshold = max(VISIBLE, 16 * torch.finfo(image.dtype).eps * in_own_units)
    parameters = perturbation.parameters
    return any(
        isinstance(parameter := parameters[name], Parameter)
        and not isinstance(value, str)
        and abs(parameter.to_coordinate(value) - parameter.to_coordinate(parameter.identity)) > threshold
        for name, value in step.parameters
    )
