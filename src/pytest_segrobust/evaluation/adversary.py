"""The adversary: what a step that attacks is told of the model, the reference and its means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..models.attackable import DRAWS
from ..perturbations.attacked import Attacked, Effort
from ..requirements.settings import AttackSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..models.segmenter import Segmenter


def what_decides(segmenter: Segmenter) -> dict[str, Any]:
    """A model as plain data, without what may differ between runs that give the same numbers."""
    described = {k: v for k, v in segmenter.description().items() if k not in ("paths", "warnings")}
    return {"sha256": list(segmenter.sha256), **described}


class Adversary:
    """Attacks on one model; what it draws depends on the seed and the case alone."""

    def __init__(
        self, segmenter: Segmenter, settings: AttackSettings, *, surrogate: Segmenter | None = None, seed: int = 0
    ) -> None:
        self.segmenter = segmenter
        self.surrogate = surrogate
        self.settings = settings
        self.seed = seed

    def notes(self, image: torch.Tensor, spacing: tuple[float, ...]) -> list[str]:
        """What a reader must know of attacks on this model; it is tried on an image where no attack has been made yet.

        That is so where another process, or an earlier run, has measured all that is asked for.
        """
        attackable = self.segmenter.attackable(image, spacing)
        nature, usual = self.segmenter.nature, AttackSettings()
        assert nature is not None  # `attackable` saw to it
        notes = []
        less = [
            f"{getattr(self.settings, name)} {name} instead of {getattr(usual, name)}"
            for name in ("steps", "queries")
            if getattr(self.settings, name) < getattr(usual, name)
        ]
        if less:
            notes.append(f"[attack] allows {' and '.join(less)}, with which attacks find less")
        if len(self.segmenter.structures) > 1:
            notes.append(
                f"attacks seek the least mean Dice of all {len(self.segmenter.structures)} structures (a targeted one, of its "
                "target); one structure alone may be harmed more"
            )
        if not nature.differentiable:
            notes.append(
                "the model gives no gradients: instead of gradient attacks, black-box searches of "
                f"{self.settings.queries} queries each were made, which find less"
            )
        if nature.stochastic:
            notes.append(
                "the network is stochastic: attacks follow the gradient of its mean over "
                f"{self.settings.draws or DRAWS} passes"
            )
        if attackable.note:
            notes.append(attackable.note)
        return notes

    def identity(self) -> dict[str, Any]:
        """What the results of attacks depend on besides the model."""
        means = self.settings.model_dump(exclude={"surrogate", "surrogate_network", "surrogate_outputs"})
        return {**means, "surrogate": None if self.surrogate is None else what_decides(self.surrogate)}

    def attacked(
        self,
        image: torch.Tensor,
        spacing: tuple[float, ...],
        reference: Mapping[str, np.ndarray] | None,
        clean: Callable[[], np.ndarray | None],
    ) -> Attacked:
        """The model under attack, with what is true of one image (channels, *spatial).

        That is the `reference`, masks (*spatial) by structure, or without one the model's `clean` prediction, bool
        (structures, *spatial); where that failed too, there is nothing that an attack could destroy.
        """
        settings, device = self.settings, self.segmenter.device
        names = self.segmenter.structures
        if reference is None:
            predicted = clean()
            masks = np.zeros((len(names), *image.shape[1:]), bool) if predicted is None else predicted
            reference = dict(zip(names, masks, strict=True))
        return Attacked(
            model=self.segmenter.attackable(image, spacing, seed=self.seed, draws=settings.draws),
            structures={name: torch.from_numpy(mask)[None].to(device) for name, mask in reference.items()},
            effort=Effort(steps=settings.steps, restarts=settings.restarts, queries=settings.queries),
            surrogate=None
            if self.surrogate is None
            else self.surrogate.attackable(image, spacing, seed=self.seed, draws=settings.draws),
        )
