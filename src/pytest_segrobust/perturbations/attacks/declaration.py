"""How an attack is declared: all of them state a radius, targeted ones the two structures as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Perturbation, StructureName, declare
from .radius import alternatives

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from ..frame import Frame

SOURCE = StructureName("source", meaning="the structure that is to vanish")
TARGET = StructureName("target", meaning="the structure, or background, that is to be found in its place")


def declare_attack(
    name: str,
    summary: str,
    apply: Callable[..., torch.Tensor],
    source: str,
    *,
    synonyms: tuple[str, ...] = (),
    targeted: bool = False,
) -> None:
    """Add an attack to the catalogue; `apply(batch, **radius)`, and `source` and `target` where it is targeted."""
    declare(
        Perturbation(
            name,
            summary,
            alternatives=alternatives(*((SOURCE, TARGET) if targeted else ())),
            apply=apply,
            differentiable=False,
            synonyms=synonyms,
            source=source,
            could_change=may_find_nothing,
            attack=True,
        )
    )


def may_find_nothing(image: torch.Tensor, region: torch.Tensor | None, frame: Frame, **parameters: float | str) -> bool:  # noqa: ARG001
    """An attack that returns the clean image found nothing worse in the ball: a result, not an error."""
    return False
