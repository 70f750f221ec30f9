"""APGD (Croce and Hein 2020): projected gradient steps with momentum whose size is halved where they stop to help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .declaration import declare_attack
from .losses import cross_entropy
from .objective import away_from_truth
from .radius import ball
from .strongest import search

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from ..frame import Batch
    from .ball import Ball
    from .losses import Loss
    from .objective import Objective, View
    from .strongest import Strongest

    Radius = Sequence[float] | None

FIRST_STEP = 2.0  # radii
MOMENTUM = 0.75  # of the new step; the rest is of the last one
RHO = 0.75  # the share of steps that must raise the loss
_FIRST, _SHORTER, _SHORTEST = (
    22,
    3,
    6,
)  # hundredths of all steps: the first stretch, how much shorter the next is, the least


def checkpoints(steps: int) -> list[int]:
    """After how many of all steps the step size is looked at: ceil(p N), p = 0.22, 0.41, 0.57, 0.70, 0.80, 0.87 ..."""
    marks, place, stretch = [], _FIRST, _FIRST
    while place <= 100:
        marks.append(-(-place * steps // 100))
        stretch = max(stretch - _SHORTER, _SHORTEST)
        place += stretch
    return sorted(set(marks))


def ascend(
    objective: Objective,
    ball: Ball,
    start: torch.Tensor,
    loss: Loss,
    *,
    steps: int,
    seen: Callable[[torch.Tensor, View], None],
) -> torch.Tensor:
    """The image of the highest score on the way from `start`; every image on the way is shown to `seen`.

    Steps follow the gradient of `loss`; what is looked at for their size is the common score, which unlike masked
    losses does not fall when a voxel is won.
    """
    import torch

    def column(numbers: torch.Tensor) -> torch.Tensor:
        return numbers.reshape(-1, *(1 for _ in start.shape[1:]))

    images = last = start
    view = objective.view(images, loss, 0.0)
    seen(images, view)
    best, best_score, best_gradient = images, view.score, view.gradient
    score, gradient = view.score, view.gradient
    size = torch.full_like(score, FIRST_STEP)  # radii
    rises = torch.zeros_like(score)
    halved, best_at_mark, mark = torch.zeros_like(score, dtype=torch.bool), best_score, 0
    marks = checkpoints(steps)
    for step in range(1, steps + 1):
        stepped = ball.project(images + column(size) * ball.step(gradient))
        share = MOMENTUM if step > 1 else 1.0
        moved = ball.project(images + share * (stepped - images) + (1 - share) * (images - last))
        last, images = images, moved
        view = objective.view(images, loss, step / steps) if step < steps else objective.look(images)
        seen(images, view)
        rises += view.score > score
        score, gradient = view.score, view.gradient
        better = score > best_score
        best, best_gradient = (
            torch.where(column(better), new, old) for new, old in ((images, best), (gradient, best_gradient))
        )
        best_score = torch.where(better, score, best_score)
        if step in marks:
            idle = ~halved & (best_score == best_at_mark)
            halved = (rises < RHO * (step - mark)) | idle
            size = torch.where(halved, size / 2, size)
            back = column(halved)
            images, gradient = torch.where(back, best, images), torch.where(back, best_gradient, gradient)
            last = torch.where(back, best, last)
            score = torch.where(halved, best_score, score)
            best_at_mark, mark, rises = best_score, step, torch.zeros_like(rises)
    return best


def apgd(batch: Batch, *, epsilon: Radius = None, snr: Radius = None, l2: Radius = None) -> torch.Tensor:
    """APGD on cross-entropy."""
    objective, within = away_from_truth(batch), ball(batch, epsilon, snr, l2)
    steps = batch.attacked.effort.steps if batch.attacked is not None else 1

    def run(start: torch.Tensor, strongest: Strongest) -> None:
        ascend(objective, within, start, cross_entropy, steps=steps, seen=strongest.offer)

    return search(batch, objective, within, run)


declare_attack(
    "apgd",
    "Steps up the cross-entropy whose size adapts itself.",
    apgd,
    "Croce and Hein 2020: step 2ε, momentum 0.75, checkpoints 0.22, 0.03, 0.06, ρ = 0.75",
)
