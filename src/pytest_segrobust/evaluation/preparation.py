"""What a model is shown: a case read and perturbed, with the reference that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..errors import DataError
from ..perturbations.application import Frame, perturb
from ..perturbations.catalogue import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from ..datasets.case import Case, Sample
    from ..datasets.dataset import Dataset
    from ..perturbations.application import Movement
    from ..perturbations.point import Point
    from .adversary import Adversary


@dataclass(frozen=True)
class Prepared:
    """A perturbed case: `image` is (channels, *spatial) in its own units, on the model's device.

    `label` is int (*spatial), moved along where the perturbation moves labels, None without reference. `spacing` is in
    mm, moved along too; `strength` is the realised strength. `movement` is None where nothing moves.
    """

    sample: Sample
    frame: Frame
    image: torch.Tensor
    label: np.ndarray | None
    spacing: tuple[float, ...]
    strength: dict[str, float]
    movement: Movement | None = None

    @property
    def label_moved(self) -> bool:
        """Whether the reference lies elsewhere than in the clean image."""
        return self.movement is not None


def prepare(
    dataset: Dataset,
    case: Case,
    point: Point,
    *,
    device: torch.device | str,
    realisation: int,
    seed: int,
    adversary: Adversary | None = None,
    clean: Callable[[], np.ndarray | None] = lambda: None,
) -> Prepared:
    """Read a case and do to it what the point says.

    Steps that attack need the `adversary`. What is true of a case without label is then what the model predicts of its
    `clean` image, bool (structures, *spatial); where that failed too, there is nothing that an attack could destroy.

    Raises:
        DataError: the case cannot be read, or a perturbation of one structure meets a case without label.
        PerturbationError: the perturbation cannot be done to this case, or did nothing.
    """
    sample = dataset.read(case)
    frame = Frame(key=case.id, low=sample.low, high=sample.high, spacing=sample.spacing, axes=sample.axes)
    image = torch.from_numpy(sample.image).to(device)
    if not point.steps:
        return Prepared(sample, frame, image, sample.label, spacing=sample.spacing, strength={})
    moves = any(catalogue()[step.name].moves_labels for step in point.steps)
    label = torch.from_numpy(sample.label)[None].to(device) if moves and sample.label is not None else None
    attacked = None
    if adversary is not None and any(catalogue()[step.name].attack for step in point.steps):
        attacked = adversary.attacked(image, sample.spacing, dataset.reference(sample), clean)
    perturbed = perturb(
        image[None],
        label,
        [point],
        [frame],
        realisation=realisation,
        seed=seed,
        regions=_regions(dataset, sample, point, device),
        attacked=attacked,
    )
    moved = perturbed.labels[0].cpu().numpy() if perturbed.labels is not None and moves else sample.label
    return Prepared(
        sample=sample,
        frame=frame,
        image=perturbed.images[0],
        label=moved,
        spacing=tuple(perturbed.spacings[0]),
        strength=perturbed.strengths[0],
        movement=perturbed.movements[0] if moves else None,
    )


def _regions(
    dataset: Dataset, sample: Sample, point: Point, device: torch.device | str
) -> dict[str, torch.Tensor] | None:
    names = {step.on for step in point.steps if step.on is not None}
    if not names:
        return None
    reference = dataset.reference(sample)
    if reference is None:
        raise DataError(f"case {sample.case.id} has no label, so '{point}' does not know where {min(names)} is")
    return {name: torch.from_numpy(reference[name])[None].to(device) for name in names}
