"""Which of the images that an attack came across it returns: for each sample the worst, wherever it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .losses import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from ..frame import Batch
    from .ball import Ball
    from .objective import Objective, View


class Strongest:
    """The worst image of each sample so far, by the harm (N,) of the model's answer; the first one found, where equal."""

    def __init__(self, harm: Callable[[View], torch.Tensor]) -> None:
        self._harm = harm
        self._images: torch.Tensor | None = None
        self._worst: torch.Tensor | None = None

    @property
    def images(self) -> torch.Tensor:
        """(N, C, *spatial) on the unit scale; at least one was offered."""
        assert self._images is not None
        return self._images

    def offer(self, images: torch.Tensor, view: View) -> None:
        """Keep those images that are worse than what is kept."""
        import torch

        found = self._harm(view)
        if self._images is None or self._worst is None:
            self._images, self._worst = images, found
            return
        worse = found > self._worst
        self._images = torch.where(worse.reshape(-1, *(1 for _ in images.shape[1:])), images, self._images)
        self._worst = torch.where(worse, found, self._worst)


def one_step(batch: Batch, objective: Objective, ball: Ball) -> torch.Tensor:
    """FGSM's image; for a model without gradients what random squares find."""
    if not objective.model.differentiable:
        from .square import random_squares

        return random_squares(batch, objective, ball)
    return _single_step(batch, objective, ball)[0]


def _single_step(batch: Batch, objective: Objective, ball: Ball) -> tuple[torch.Tensor, View]:
    """FGSM's image, and the model's answer to the clean one.

    A sample whose gradient is 0 everywhere has no direction and takes a random one.
    """
    import torch

    clean = objective.view(ball.centre, cross_entropy)
    blind = (ball.step(clean.gradient) == 0).flatten(1).all(1).reshape(-1, *(1 for _ in ball.centre.shape[1:]))
    gradient = clean.gradient
    if bool(blind.any()):
        gradient = torch.where(blind, ball.direction(batch, 0), gradient)
    return ball.moved(ball.centre, gradient), clean


def search(
    batch: Batch,
    objective: Objective,
    ball: Ball,
    run: Callable[[torch.Tensor, Strongest], None],
) -> torch.Tensor:
    """The worst image that `run(start, strongest)` offers from any start, that FGSM makes, or that was there before.

    So no iterative attack is weaker than the single step, nor does any improve a segmentation. The clean image comes
    last: where nothing is worse than it, a perturbed image that is as bad is returned. A model without gradients is
    searched by random squares instead.
    """
    if not objective.model.differentiable:
        from .square import random_squares

        return random_squares(batch, objective, ball)
    strongest = Strongest(objective.harm)
    single, clean = _single_step(batch, objective, ball)
    strongest.offer(single, objective.look(single))
    for start in starts(batch, ball):
        run(start, strongest)
    strongest.offer(ball.centre, clean)
    return strongest.images


def starts(batch: Batch, ball: Ball) -> Iterator[torch.Tensor]:
    """As many random images of the ball as the effort has restarts and, where these are several, the clean image too."""
    restarts = batch.attacked.effort.restarts if batch.attacked is not None else 1
    for number in range(restarts):
        yield ball.somewhere(batch, number)
    if restarts > 1:
        yield ball.centre
