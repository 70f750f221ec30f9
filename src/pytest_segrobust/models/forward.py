"""Passing batches through the networks: timed, in sliding windows where images are large, each draw from its own seed."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from pytest_segrobust.models.closed_forms import Component, of_evidence, of_mean_and_variance
from pytest_segrobust.models.draws import Streams, drawing, have_moved, restore, states
from pytest_segrobust.models.dropout import Dropout
from pytest_segrobust.models.output_checks import OutputChecks
from pytest_segrobust.models.outputs import pair_of, tensor_of
from pytest_segrobust.models.uncertainty_source import DRAWING, settings_in_force

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_segrobust.models.checkpoint import Checkpoint
    from pytest_segrobust.models.draws import Draw
    from pytest_segrobust.requirements.settings import ModelSettings


class Networks:
    """One network or several, each as a function from a batch of images to scores.

    `passes` counts images (or windows of them) through one network, whatever the batch, and `seconds` the time in
    the networks alone, synchronised on a GPU.
    """

    def __init__(self, members: Sequence[Checkpoint], settings: ModelSettings, device: torch.device) -> None:
        self.members = tuple(members)
        self.settings = settings
        self.method = settings_in_force(settings, len(members)).method
        self.device = device
        self.passes = 0
        self.seconds = 0.0
        self.warnings: list[str] = []
        self.has_drawn = False  # random numbers of torch's, in any pass
        self._checks = OutputChecks(self.members, settings, self.warnings)
        self._fixed_batch = [
            member.input_shape[0] if member.input_shape is not None and len(member.input_shape) else None
            for member in self.members
        ]
        self._dropout = [Dropout(member.network) for member in self.members] if self.method == "mc_dropout" else []
        for member, dropout in zip(self.members, self._dropout, strict=False):
            if member.kind in ("exported program", "onnx") and not dropout.found:  # these call no functions either
                raise dropout.missing(member.path)
        self._stochastic = set(range(len(self.members))) if self.method in DRAWING else set()
        self._separable: dict[int, bool] = {}  # members whose draws are known to be each image's own, or not to be

    @property
    def settled(self) -> bool:
        """Whether every network has returned something that fits the settings."""
        return self._checks.settled

    def member_scores(
        self,
        place: int,
        batch: torch.Tensor,
        window: Sequence[int] | None,
        windows_at_once: int,
        draws: Sequence[Draw] | None = None,
    ) -> torch.Tensor:
        """What one network returns for a batch (N, channels, *spatial) that is at least as large as the window.

        That is (N, channels, *spatial) of logits, probabilities, votes (of label maps) or concentrations; or
        probabilities and after them variances. What overlapping windows say is averaged with the same weights, whatever
        it is. With `draws`, one for each image, a network that is stochastic draws from them alone; without, from torch's
        own generator. Whatever a network raises passes through; gradients flow through it.

        Raises:
            ModelError: an output cannot fit the settings, whatever the image.
            Misshapen: an output has another shape than its batch asks for.
        """
        if draws is None or place not in self._stochastic:
            before = states(self.device)
            scores = self._in_windows(lambda some: self._output(place, some), batch, window, windows_at_once)
            if draws is None or not have_moved(self.device, before):
                return scores
            restore(self.device, before)  # the user's generator is left as it was, and what was drawn is thrown away
            self._stochastic.add(place)
            self.warnings.append(
                f"{self._name(place)} draws random numbers as it predicts, so that two passes of one image differ. Each "
                "image is given numbers of its own, which repeat; for the mean of several passes, set uncertainty = "
                '"sampling" in [model]'
            )
        if not _is_larger(batch, window):
            return self.drawn(place, batch, [draw.seed_of() for draw in draws])
        return torch.cat(
            [
                self._in_windows(_Windows(self, place, draw), batch[i : i + 1], window, windows_at_once)
                for i, draw in enumerate(draws)
            ]
        )

    def component(self, scores: torch.Tensor, *, entropies: bool) -> Component:
        """Probabilities out of scores, with what the network itself says of their spread; `entropies` too if asked for."""
        outputs = self.settings.outputs
        if outputs == "mean_variance":
            return of_mean_and_variance(*scores.chunk(2, 1), entropies=entropies)
        if outputs == "dirichlet":
            return of_evidence(scores, entropies=entropies)
        if outputs != "logits":
            return Component(scores)
        return Component(scores.softmax(1) if self.settings.activation == "softmax" else scores.sigmoid())

    def mean_part(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores without what a network of two outputs says of its own doubt: probabilities where it returns any."""
        if self.settings.outputs == "mean_variance":
            return scores.chunk(2, 1)[0]
        return scores / scores.sum(1, keepdim=True) if self.settings.outputs == "dirichlet" else scores

    def impossible(self, scores: torch.Tensor) -> torch.Tensor | None:
        """Where (N, *spatial) a variance is negative or a concentration not above 0; None where there are neither."""
        if self.settings.outputs == "mean_variance":
            return (scores.chunk(2, 1)[1] < 0).any(1)
        return (scores <= 0).any(1) if self.settings.outputs == "dirichlet" else None

    def _in_windows(
        self,
        forward: Callable[[torch.Tensor], torch.Tensor],
        batch: torch.Tensor,
        window: Sequence[int] | None,
        windows_at_once: int,
    ) -> torch.Tensor:
        if window is None or not _is_larger(batch, window):
            return forward(batch)
        from monai.inferers.utils import sliding_window_inference

        scores = sliding_window_inference(
            batch,
            roi_size=tuple(window),
            sw_batch_size=windows_at_once,
            predictor=forward,
            overlap=self.settings.overlap,
            mode="gaussian",
        )
        return tensor_of(scores)

    def drawn(self, place: int, batch: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
        """One network's output with random draws, each image's from its own seed.

        Dropout is drawn for each image of a batch by itself. Whatever else draws is given an image at a time, or as many
        as have the same seed where that makes no difference, as for a network that draws its weights.
        """
        if self._dropout:
            return self._together(place, batch, seeds)
        ends = [i for i in range(1, len(seeds)) if seeds[i] != seeds[i - 1]]
        groups = zip([0, *ends], [*ends, len(seeds)], strict=True)
        return torch.cat([self._together(place, batch[i:j], seeds[i:j]) for i, j in groups])

    def _together(self, place: int, batch: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
        """All images in one pass where that gives each what it would be given alone, else one by one."""
        known = self._separable.get(place)
        strayed = False
        if known is not False and len(batch) > 1:
            before = states(self.device)
            if self._dropout:
                together = self._output(place, batch, Streams(self.device, seeds))
                strayed = have_moved(self.device, before)  # something else draws, or dropout of another layout
                restore(self.device, before)
            else:
                with drawing(self.device, seeds[0]):
                    together = self._output(place, batch)
            if known and not strayed:
                return together
        alone = torch.cat([self._alone(place, batch[i : i + 1], seed) for i, seed in enumerate(seeds)])
        if known is not False and len(batch) > 1:
            # nothing but a comparison tells whose draws the rows of a layer are; once is enough
            other = self._alone(place, batch[:1], seeds[0] + 1)  # how far draws of another seed take it
            self._separable[place] = not strayed and _apart(together, alone) <= 0.05 * _apart(other, alone[:1])
        return alone

    def _alone(self, place: int, image: torch.Tensor, seed: int) -> torch.Tensor:
        with drawing(self.device, seed):
            before = None if self.has_drawn else states(self.device)
            output = self._output(place, image)
            self.has_drawn = before is None or have_moved(self.device, before)
        return output

    def _output(self, place: int, batch: torch.Tensor, streams: Streams | None = None) -> torch.Tensor:
        """One network's output as scores, checked against the settings the first time."""
        count = len(batch)
        fixed = self._fixed_batch[place]
        if fixed is not None and count != fixed:
            if count > fixed:
                return torch.cat([self._output(place, part) for part in torch.split(batch, fixed)])
            batch = torch.cat([batch, batch.new_zeros((fixed - count, *batch.shape[1:]))])
        dropout = self._dropout[place] if self._dropout else None
        started = self._now()
        try:
            with (
                torch.autocast(self.device.type, enabled=self.settings.precision == "mixed"),
                nullcontext() if dropout is None else dropout.on(streams),
            ):
                returned = self.members[place].network(batch)
            pair = pair_of(returned) if self.settings.outputs == "mean_variance" else (tensor_of(returned),)
        finally:
            self.seconds += self._now() - started
            self.passes += count
        if dropout is not None:
            self._judge_dropout(place, dropout)
        return self._checks.checked(place, batch, pair, count)

    def _judge_dropout(self, place: int, dropout: Dropout) -> None:
        if not dropout.found:
            raise dropout.missing(self._name(place))
        said = f"{self._name(place)} calls dropout in its forward rather than by a layer"
        words = {
            f"{said}: {dropout.functional} such calls of a pass are switched on too, for passes with dropout": dropout.functional,
            f"{said}, and {dropout.unswitched} such calls of a pass are on in ordinary predictions, too": dropout.unswitched,
        }
        self.warnings += [warning for warning, calls in words.items() if calls and warning not in self.warnings]

    def _name(self, place: int) -> str:
        return self.members[place].path

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter()


class _Windows:
    """One image's windows through one network, each with a seed of its own, however many are passed at once."""

    def __init__(self, networks: Networks, place: int, draw: Draw) -> None:
        self._networks = networks
        self._place = place
        self._draw = draw
        self._seen = 0

    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        first = self._seen
        self._seen += len(windows)
        return self._networks.drawn(
            self._place, windows, [self._draw.seed_of(window) for window in range(first, self._seen)]
        )


def _is_larger(batch: torch.Tensor, window: Sequence[int] | None) -> bool:
    return window is not None and tuple(batch.shape[2:]) != tuple(window)


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference between two outputs; endless where they have not the same shape."""
    if one.shape != other.shape:
        return math.inf
    return float((one.nan_to_num() - other.nan_to_num()).abs().amax())
