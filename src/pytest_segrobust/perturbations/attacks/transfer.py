"""An attack made on one model and tried on another: it needs no access to the other at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import PerturbationError
from .declaration import declare_attack
from .losses import cross_entropy
from .objective import away_from_truth
from .projected import descend
from .radius import ball

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch

    Radius = Sequence[float] | None


def transfer_attack(batch: Batch, *, epsilon: Radius = None, snr: Radius = None, l2: Radius = None) -> torch.Tensor:
    """PGD on the surrogate; the image is the one that hurts the surrogate most, whatever it does to the model.

    Raises:
        PerturbationError: there is no surrogate.
    """
    if batch.attacked is None or batch.attacked.surrogate is None:
        raise PerturbationError(
            f"case {batch.frames[0].key}: a transfer attack is made on another model than the one under attack; "
            "name a surrogate"
        )
    objective = away_from_truth(batch, model=batch.attacked.surrogate)
    return descend(batch, objective, ball(batch, epsilon, snr, l2), cross_entropy)


declare_attack(
    "transfer attack",
    "PGD made on a surrogate model.",
    transfer_attack,
    "Papernot et al. 2016; PGD of Madry et al. 2018 on the surrogate",
)
