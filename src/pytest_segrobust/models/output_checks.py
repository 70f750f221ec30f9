"""Checking what networks return against the settings: the first output is the set-up's fault, a later one its case's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.crash import SOLID
from pytest_segrobust.models.outputs import Misshapen, channels_needed, votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.models.checkpoint import Checkpoint
    from pytest_segrobust.requirements.settings import ModelSettings


class OutputChecks:
    """What is known of each network's outputs so far; `warnings` is what looked wrong without being an error."""

    def __init__(self, members: Sequence[Checkpoint], settings: ModelSettings, warnings: list[str]) -> None:
        self.members = members
        self.settings = settings
        self.warnings = warnings
        self._channels: dict[int, int] = {}  # of each member's output, once it is known
        self._ranged: set[int] = set()  # members of whose values something is known

    @property
    def settled(self) -> bool:
        """Whether every network has returned something that fits the settings."""
        return len(self._channels) == len(self.members)

    def checked(self, place: int, batch: torch.Tensor, pair: tuple[torch.Tensor, ...], count: int) -> torch.Tensor:
        """The first `count` images' output as scores; that of a pair is probabilities and after them variances."""
        pair = tuple(part[:count] if part.ndim and len(part) == len(batch) else part for part in pair)
        pair = tuple(part.float() if part.dtype in (torch.float16, torch.bfloat16) else part for part in pair)
        output = pair[0]
        if self.settings.outputs == "labels":
            output = self._voted(place, output, batch)
        elif place not in self._channels and output.ndim == batch.ndim:
            if len(output) == count:
                self._settle(place, output)
            elif batch.ndim == 4 and is_solid(self.members[place].network):  # torch took the batch for one volume
                raise ModelError(f"{self._name(place)}: {SOLID}")
        expected = (count, self._channels.get(place), *batch.shape[2:])
        for part in (output, *pair[1:]):
            if tuple(part.shape) != expected:
                raise Misshapen(tuple(part.shape), expected)
        if place not in self._ranged and self.settings.outputs != "labels":
            self._judge_range(place, output, *pair[1:])
        return output if len(pair) == 1 else torch.cat(pair, 1)

    def _voted(self, place: int, output: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        """A label map as votes; what is none comes back as it is."""
        with_channels = output.ndim == batch.ndim
        if place not in self._channels:
            if with_channels and output.shape[1] > 1:
                raise ModelError(
                    f'outputs = "labels", but {self._name(place)} returned {output.shape[1]} channels: '
                    'set outputs = "logits" or "probabilities"'
                )
            if output.is_floating_point() and bool((output != output.round()).logical_and(output.isfinite()).any()):
                raise ModelError(
                    f'outputs = "labels", but {self._name(place)} returned fractions: check outputs in [model]'
                )
        if with_channels and output.shape[1] == 1:
            output = output[:, 0]
        if output.ndim != batch.ndim - 1:
            return output
        scores = votes(output, channels_needed(self.settings))
        self._channels.setdefault(place, scores.shape[1])
        return scores

    def _settle(self, place: int, output: torch.Tensor) -> None:
        """Compare a network's first output with the settings: later it is a case's failure, now the set-up's fault."""
        channels, needed = output.shape[1], channels_needed(self.settings)
        name = self._name(place)
        if self.settings.activation == "softmax" and channels == 1:
            raise ModelError(f'{name} returned 1 channel, which softmax cannot decide: set activation = "sigmoid"')
        if channels < needed:
            raise ModelError(
                f"{name} returned {channels} channels, but [model] classes names channel {needed - 1} "
                "(the first is 0): correct classes, or is it the checkpoint of another net?"
            )
        if not output.is_floating_point():
            raise ModelError(f'{name} returned {output.dtype}: for a map of labels set outputs = "labels"')
        first = self._channels.get(0)
        if first is not None and first != channels:
            raise ModelError(f"{name} returned {channels} channels and the ensemble's first network {first}")
        self._channels[place] = channels

    def _judge_range(self, place: int, output: torch.Tensor, variances: torch.Tensor | None = None) -> None:
        """Compare the values of a network's first finite output with what [model] outputs says they are."""
        low, high = (float(bound) for bound in torch.aminmax(output.detach()))
        lowest = 0.0 if variances is None else float(variances.detach().amin())
        if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(lowest)):
            return  # a failure of this case, which says nothing about the settings
        outputs = self.settings.outputs
        like_probabilities = low >= -1e-3 and high <= 1 + 1e-3
        returned = f'outputs = "{outputs}", but {self._name(place)} returned values from {low:.3g} to {high:.3g}'
        if outputs == "probabilities" and not like_probabilities:
            raise ModelError(f'{returned}: set outputs = "logits"')
        if outputs == "dirichlet" and low <= 0:
            raise ModelError(f"{returned}: concentrations are above 0, return evidence + 1")
        summed = like_probabilities
        if self.settings.activation == "softmax":
            summed = like_probabilities and bool((output.detach().sum(1) - 1).abs().max() < 1e-3)
        if outputs == "mean_variance" and not summed:
            raise ModelError(f"{returned} for probabilities, which sum to 1: return them after softmax")
        if lowest < 0:
            raise ModelError(
                f'outputs = "{outputs}", but {self._name(place)} returned variances down to {lowest:.3g}: '
                "return exp() of a logarithm of the variance"
            )
        self._ranged.add(place)  # after what raises: a wrong set-up is wrong for every requirement, not for the first
        if outputs == "probabilities" and not summed:
            self.warnings.append(
                f"{self._name(place)} returns probabilities that do not sum to 1 over its channels, read as those of classes "
                'that exclude each other: entropies and calibration are not theirs; set activation = "sigmoid" if they overlap'
            )
        like_probabilities = summed
        if self.settings.outputs == "logits" and like_probabilities and high > low:
            self.warnings.append(
                f"{self._name(place)} seems to return probabilities, read as logits: check outputs in [model]"
            )

    def _name(self, place: int) -> str:
        return self.members[place].path


def is_solid(network: torch.nn.Module) -> bool:
    """Whether all convolutions are 3-D."""
    kinds = {getattr(module, "original_name", type(module).__name__) for module in network.modules()}
    return "Conv3d" in kinds and "Conv2d" not in kinds
