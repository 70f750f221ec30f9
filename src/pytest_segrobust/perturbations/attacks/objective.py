"""What an attack asks of a model: the loss of images, the gradient of that loss, and how much of a segmentation is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import PerturbationError
from ..checks import nearest
from ..frame import unit_scale
from ..strength import total
from .losses import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from ..attacked import Attacked, AttackedModel
    from ..frame import Batch, Frame
    from .losses import Loss

DICE_FIRST = 1e9  # weight of lost Dice over the score, which decides between images of equal Dice
FLOOR = -1e4  # log probability of what a model calls impossible: losses stay finite, so that they can be compared


@dataclass(frozen=True, eq=False)
class View:
    """A model's answer to images: `score` (N,) is what an attack climbs, `gradient` points to where it grows.

    The score is the one loss for every model. It is infinite where a probability is NaN: no answer at all is the
    grossest of failures, and an attack keeps what brings it about. Gradients that are not finite are 0.
    """

    score: torch.Tensor
    heads: list[torch.Tensor]
    gradient: torch.Tensor


@dataclass(frozen=True, eq=False)
class Objective:
    """A model, its true (or target) classes of each head, and whether an attack goes up (+1) or down (-1) their loss."""

    model: AttackedModel
    frames: tuple[Frame, ...]
    low: torch.Tensor
    span: torch.Tensor
    classes: list[torch.Tensor]
    sign: int = 1
    _valid: list[torch.Tensor] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_valid", [classes >= 0 for classes in self.classes])

    def view(self, unit: torch.Tensor, loss: Loss, progress: float = 0.0) -> View:
        """The model's answer to images (N, C, *spatial) on the unit scale, with the gradient of `loss` in them.

        The gradient is of the sum over voxels, of which only the direction counts: a mean's could underflow.
        """
        import torch

        with torch.inference_mode(mode=False), torch.enable_grad():
            leaf = unit.detach().clone().requires_grad_()
            heads = self._heads(leaf)
            value = self.sign * self.mean(heads, loss, progress).sum() * unit[0, 0].numel()
            gradient = None
            if value.requires_grad:
                (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
        gradient = torch.zeros_like(unit) if gradient is None else gradient.nan_to_num(0.0, 0.0, 0.0)
        return self._view(heads, gradient)

    def look(self, unit: torch.Tensor) -> View:
        """The same without a gradient, which is 0."""
        import torch

        with torch.no_grad():
            return self._view(self._heads(unit), torch.zeros_like(unit))

    def mean(self, heads: Sequence[torch.Tensor], loss: Loss, progress: float) -> torch.Tensor:
        """A loss's mean, (N,), over a head's voxels that have a class, and over the heads that have such voxels."""
        import torch

        means, counted = [], []
        for logs, classes, valid in zip(heads, self.classes, self._valid, strict=True):
            counts = valid.flatten(1).sum(1)
            voxels = loss(logs, classes, progress).masked_fill(~valid, 0.0)
            means.append(total(voxels.unsqueeze(1)).squeeze(1) / counts.clamp_min(1))
            counted.append(counts > 0)
        return torch.stack(means).sum(0) / torch.stack(counted).sum(0).clamp_min(1)

    def harm(self, view: View) -> torch.Tensor:
        """What an attack keeps its worst image by, float64 (N,): lost Dice, and where that is equal the score.

        Lost is 1 - the mean Dice of the most probable classes over the structures that the reference has; in a targeted
        attack Dice with the target is won instead. By the score alone an image of little more loss and fewer wrong
        voxels would be kept. Infinite for NaN.
        """
        import torch

        scores = []
        for logs, classes, valid in zip(view.heads, self.classes, self._valid, strict=True):
            found = logs.argmax(1)
            for number in range(1, logs.shape[1]):  # the first class is no structure
                reference, prediction = (classes == number), (found == number) & valid
                sizes = reference.flatten(1).sum(1), prediction.flatten(1).sum(1)
                both = (reference & prediction).flatten(1).sum(1)
                dice = 2 * both.double() / (sizes[0] + sizes[1]).clamp_min(1)
                scores.append(torch.where(sizes[0] > 0, dice, torch.nan))
        dice = torch.stack(scores).nanmean(0).nan_to_num(0.0) if scores else view.score.double() * 0
        lost = self.sign * (1 - dice) * DICE_FIRST + view.score.double()
        return torch.where(view.score == torch.inf, torch.inf, lost)

    def _heads(self, unit: torch.Tensor) -> list[torch.Tensor]:
        heads = self.model.log_probabilities(unit * self.span + self.low, self.frames)
        return [logs.clamp_min(FLOOR) for logs in heads]

    def _view(self, heads: list[torch.Tensor], gradient: torch.Tensor) -> View:
        import torch

        heads = [logs.detach() for logs in heads]
        lost = torch.stack([logs.isnan().flatten(1).any(1) for logs in heads]).any(0)
        score = self.sign * self.mean(heads, cross_entropy, 0.0)
        return View(torch.where(lost, torch.inf, score), heads, gradient)


def away_from_truth(batch: Batch, *, model: AttackedModel | None = None) -> Objective:
    """The objective of an untargeted attack on the model under attack, or on another."""
    attacked = _attacked(batch)
    return _objective(batch, model or attacked.model, attacked.structures, sign=1)


def towards(batch: Batch, source: str, target: str) -> Objective:
    """The objective of a targeted attack: the reference with `source` renamed to `target`, whose loss is descended.

    "background" is the target that is no structure.

    Raises:
        PerturbationError: one of them is no structure of the model, or no class is the target where the source was.
    """
    attacked = _attacked(batch)
    known = attacked.structures
    for name, words in ((source, known), (target, {**known, "background": None})):
        if name not in words:
            raise PerturbationError(
                f"case {batch.frames[0].key}: the attack needs a mask of {name!r}{nearest(name, words)}"
            )
    if source == target:
        raise PerturbationError(f"an attack from {source!r} to itself has nothing to do; name another target")
    renamed = dict(known)
    renamed[source] = known[source] & ~known[source]
    if target in known:
        renamed[target] = known[target] | known[source]
    objective = _objective(batch, attacked.model, renamed, sign=-1)
    before = attacked.model.classes(known)
    for place, frame in enumerate(batch.frames):
        pairs = zip(before, objective.classes, strict=True)
        if known[source][place].any() and not any(bool(((b != c) & (c >= 0))[place].any()) for b, c in pairs):
            raise PerturbationError(f"case {frame.key}: no class of the model is {target!r} where {source!r} was")
    return objective


def _attacked(batch: Batch) -> Attacked:
    if batch.attacked is None:
        raise PerturbationError(
            f"case {batch.frames[0].key}: an attack needs the model under attack, and none was given"
        )
    return batch.attacked


def _objective(batch: Batch, model: AttackedModel, structures: Mapping[str, torch.Tensor], *, sign: int) -> Objective:
    import torch

    with torch.inference_mode(mode=False):  # autograd keeps these tensors
        low, span = (each.clone() for each in unit_scale(batch.frames, batch.values))
        classes = [each.clone() for each in model.classes(structures)]
    return Objective(model, batch.frames, low, span, classes, sign)
