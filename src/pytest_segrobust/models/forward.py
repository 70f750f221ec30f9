"""Passing batches through the networks: timed, in sliding windows where images are large, averaged over an ensemble."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.crash import SOLID
from pytest_segrobust.models.outputs import Misshapen, channels_needed, tensor_of, votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.models.checkpoint import Checkpoint
    from pytest_segrobust.requirements.settings import ModelSettings


class Networks:
    """One network or an ensemble of them, as one function from a batch of images to scores.

    `passes` counts images (or windows of them) through one network, whatever the batch, and `seconds` the time in
    the networks alone, synchronised on a GPU.
    """

    def __init__(self, members: Sequence[Checkpoint], settings: ModelSettings, device: torch.device) -> None:
        self.members = tuple(members)
        self.settings = settings
        self.device = device
        self.passes = 0
        self.seconds = 0.0
        self.warnings: list[str] = []
        self._channels: dict[int, int] = {}  # of each member's output, once it is known
        self._ranged: set[int] = set()  # members of whose values something is known
        self._fixed_batch = [
            member.input_shape[0] if member.input_shape is not None and len(member.input_shape) else None
            for member in self.members
        ]

    @property
    def settled(self) -> bool:
        """Whether every network has returned something that fits the settings."""
        return len(self._channels) == len(self.members)

    @property
    def probabilistic(self) -> bool:
        """Whether `scores` are probabilities or votes (else the one network's logits)."""
        return len(self.members) > 1 or self.settings.outputs != "logits"

    def scores(self, batch: torch.Tensor, window: Sequence[int] | None, windows_at_once: int) -> torch.Tensor:
        """Scores (N, channels, *spatial) of a batch (N, channels, *spatial) that is at least as large as the window.

        Logits of a single network stay logits; an ensemble gives the mean of its members' probabilities; label maps
        become votes. Whatever a network raises passes through.

        Raises:
            ModelError: an output cannot fit the settings, whatever the image.
            Misshapen: an output has another shape than its batch asks for.
        """
        total: torch.Tensor | None = None
        for place in range(len(self.members)):
            scores = self.member_scores(place, batch, window, windows_at_once)
            if len(self.members) > 1 and self.settings.outputs == "logits":
                scores = scores.softmax(1) if self.settings.activation == "softmax" else scores.sigmoid()
            total = scores if total is None else total + scores
        assert total is not None
        return total if len(self.members) == 1 else total / len(self.members)

    def member_scores(
        self, place: int, batch: torch.Tensor, window: Sequence[int] | None, windows_at_once: int
    ) -> torch.Tensor:
        """What one network returns, as `scores` does: logits, probabilities or votes; gradients flow through it."""
        if window is None or tuple(batch.shape[2:]) == tuple(window):
            return self._output(place, batch)
        from monai.inferers.utils import sliding_window_inference

        scores = sliding_window_inference(
            batch,
            roi_size=tuple(window),
            sw_batch_size=windows_at_once,
            predictor=lambda windows: self._output(place, windows),
            overlap=self.settings.overlap,
            mode="gaussian",
        )
        return tensor_of(scores)

    def _output(self, place: int, batch: torch.Tensor) -> torch.Tensor:
        """One network's output as scores, checked against the settings the first time."""
        count = len(batch)
        fixed = self._fixed_batch[place]
        if fixed is not None and count != fixed:
            if count > fixed:
                return torch.cat([self._output(place, part) for part in torch.split(batch, fixed)])
            batch = torch.cat([batch, batch.new_zeros((fixed - count, *batch.shape[1:]))])
        started = self._now()
        try:
            with torch.autocast(self.device.type, enabled=self.settings.precision == "mixed"):
                output = self.members[place].network(batch)
            output = tensor_of(output)
        finally:
            self.seconds += self._now() - started
            self.passes += count
        if fixed is not None and output.ndim and len(output) == fixed:
            output = output[:count]
        if output.dtype in (torch.float16, torch.bfloat16):
            output = output.float()
        if self.settings.outputs == "labels":
            output = self._voted(place, output, batch)
        elif place not in self._channels and output.ndim == batch.ndim:
            if len(output) == count:
                self._settle(place, output)
            elif batch.ndim == 4 and _is_solid(self.members[place].network):  # torch took the batch for one volume
                raise ModelError(f"{self._name(place)}: {SOLID}")
        expected = (count, self._channels.get(place), *batch.shape[2:])
        if tuple(output.shape) != expected:
            raise Misshapen(tuple(output.shape), expected)
        if place not in self._ranged and self.settings.outputs != "labels":
            self._judge_range(place, output)
        return output

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

    def _judge_range(self, place: int, output: torch.Tensor) -> None:
        """Compare the values of a network's first finite output with what [model] outputs says they are."""
        low, high = (float(bound) for bound in torch.aminmax(output.detach()))
        if not (math.isfinite(low) and math.isfinite(high)):
            return  # a failure of this case, which says nothing about the settings
        like_probabilities = low >= -1e-3 and high <= 1 + 1e-3
        if self.settings.outputs == "probabilities" and not like_probabilities:
            raise ModelError(
                f'outputs = "probabilities", but {self._name(place)} returned values from {low:.3g} to {high:.3g}: '
                'set outputs = "logits"'
            )
        self._ranged.add(place)  # after what raises: a wrong set-up is wrong for every requirement, not for the first
        if self.settings.activation == "softmax":
            like_probabilities = like_probabilities and bool((output.detach().sum(1) - 1).abs().max() < 1e-3)
        if self.settings.outputs == "logits" and like_probabilities and high > low:
            self.warnings.append(
                f"{self._name(place)} seems to return probabilities, read as logits: check outputs in [model]"
            )

    def _name(self, place: int) -> str:
        return self.members[place].path

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter()


def _is_solid(network: torch.nn.Module) -> bool:
    """Whether all convolutions are 3-D."""
    kinds = {getattr(module, "original_name", type(module).__name__) for module in network.modules()}
    return "Conv3d" in kinds and "Conv2d" not in kinds
