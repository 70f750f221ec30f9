"""The passes of which a prediction is the mean: of one network, several, or one that is stochastic, over one image or its changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.augmentation import NO_AUGMENTATION, Augmentation, augmentations
from pytest_segrobust.models.draws import Draw
from pytest_segrobust.models.outputs import channels_of
from pytest_segrobust.models.running_moments import ROUNDING, SPLITS, RunningMoments
from pytest_segrobust.models.uncertainty_source import DRAWING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.models.forward import Networks
    from pytest_segrobust.models.padding import Box
    from pytest_segrobust.requirements.settings import ModelSettings
    from pytest_segrobust.requirements.uncertainty_settings import UncertaintySettings


@dataclass(frozen=True)
class Pass:
    """One pass: through which network, of what is made of the image."""

    member: int
    augmentation: Augmentation = NO_AUGMENTATION


@dataclass(frozen=True)
class Identity:
    """Which case an image of a batch is, and which slice of it: what its random draws depend on."""

    key: str = ""
    part: int = 0


@dataclass(frozen=True)
class Result:
    """What the passes of a batch came to.

    `scores` (N, channels, *spatial) are mean probabilities, or the only pass's own logits; `uncertainty` is
    (N, 1 or structures, *spatial) where it was asked for. `faulty` are the passes, from 1, whose probabilities were not all
    finite, of each image; `impossible` (N, *spatial) is where some variance was negative or concentration not above 0.
    """

    scores: torch.Tensor
    logits: bool
    uncertainty: torch.Tensor | None
    faulty: list[list[int]]
    passes: int
    impossible: torch.Tensor | None = None


class Passes:
    """All passes of a batch, as [model] uncertainty says."""

    def __init__(
        self,
        networks: Networks,
        settings: ModelSettings,
        used: UncertaintySettings,
        window: tuple[int, ...] | None,
        seed: int,
    ) -> None:
        self.networks = networks
        self._settings = settings
        self._used = used
        self._window = window
        self._seed = seed
        self._unproven = used.method in (*DRAWING, "tta", "ensemble")  # until passes were compared
        sigmoid = settings.activation == "sigmoid" and settings.outputs != "labels"
        self._structures = channels_of(settings) if sigmoid else None

    def plan(self, axes: int) -> tuple[Pass, ...]:
        """The passes of one image of so many spatial axes, network by network."""
        members = range(len(self.networks.members))
        if self._used.method == "tta":
            found = augmentations(self._settings, self._used, axes)
            return tuple(Pass(member, one) for member in members for one in found)
        count = self._used.passes if self._used.method in DRAWING else 1
        return tuple(Pass(member) for member in members for _ in range(count))

    def run(
        self,
        batches: Sequence[torch.Tensor],
        identities: Sequence[Identity],
        boxes: Sequence[Box],
        windows_at_once: int,
        *,
        keep_uncertainty: bool,
    ) -> Result:
        """Pass batches (N, channels, *spatial), one for each change of intensity; `boxes` are where the images lie in them.

        Raises what `Networks.member_scores` raises, and ModelError where passes that must differ do not.
        """
        plan = self.plan(batches[0].ndim - 2)
        shown = self._used.shown_map if keep_uncertainty else None
        moments, splits = RunningMoments(shown, self._structures), shown in SPLITS
        finite = []
        impossible: torch.Tensor | None = None
        proof, drawing = _Proof() if self._unproven else None, self._used.method in DRAWING
        scores = batches[0]
        for number, one in enumerate(plan):
            batch = one.augmentation.forward(batches[one.augmentation.intensity])
            draws = self._draws(identities, number)
            scores = self.networks.member_scores(one.member, batch, self._window, windows_at_once, draws)
            if drawing and proof is not None and one.member == 0:
                proof.see(scores)
                if number == 0 and self._used.method == "sampling":
                    again = self.networks.member_scores(0, batch[:1], self._window, windows_at_once, draws[:1])
                    self._judge_repetition(scores[:1], again)
            if len(plan) == 1 and self._settings.outputs == "logits" and not keep_uncertainty:
                break  # the winner among logits is the winner among probabilities
            wrong = self.networks.impossible(scores)
            component = self.networks.component(scores, entropies=splits)
            if wrong is not None:
                impossible = wrong if impossible is None else impossible | wrong
            back = one.augmentation.back  # of nothing but probabilities: who returns variances too is not augmented
            probabilities = back(component.probabilities)
            if proof is not None and not drawing:
                proof.see(probabilities)
            moments.add(probabilities, component.variances, component.expected_entropy)
            if len(plan) > 1:
                finite.append(_finite(probabilities, boxes))
        if proof is not None:
            self._judge(proof)
        single = len(plan) == 1 and self._settings.outputs == "logits"
        return Result(
            scores if single else moments.mean,
            logits=single,
            uncertainty=moments.map() if keep_uncertainty else None,
            faulty=_places(finite, len(boxes)),
            passes=len(plan),
            impossible=impossible,
        )

    def _draws(self, identities: Sequence[Identity], number: int) -> list[Draw]:
        of_network = self._used.method != "mc_dropout"
        return [Draw(self._seed, one.key, number, one.part, of_network) for one in identities]

    def _judge(self, proof: _Proof) -> None:
        """Refuse a network whose passes do not differ; what drew without effect is only said."""
        drawn, path = self.networks.has_drawn, self.networks.members[0].path
        if not proof.is_telling:
            return  # nothing but NaN so far
        self._unproven = False
        if self._used.method not in DRAWING:
            if not proof.differs:
                self.networks.warnings.append(
                    f'the passes of uncertainty = "{self._used.method}" do not differ beyond rounding in the first images: '
                    "they say nothing of uncertainty"
                )
            return
        if self._used.method == "mc_dropout" and not drawn:
            raise ModelError(
                f'uncertainty = "mc_dropout", but no dropout of {path} is reached when it predicts (a traced program has '
                "fixed it as off): choose another [model] uncertainty, or hand over weights with network"
            )
        if proof.differs:
            return
        if not drawn:
            raise ModelError(
                f'uncertainty = "{self._used.method}", but {path} is deterministic: its passes do not differ; choose '
                'another [model] uncertainty, such as "softmax"'
            )
        self.networks.warnings.append(
            f"{path} draws random numbers, but its passes of the first images do not differ: they say nothing of uncertainty"
        )

    def _judge_repetition(self, one: torch.Tensor, again: torch.Tensor) -> None:
        one, again = one.nan_to_num(), again.nan_to_num()
        if bool((one - again).abs().amax() > 1e-3 * one.abs().amax()):
            self.networks.warnings.append(
                f"{self.networks.members[0].path} draws from another generator than torch's own: its passes cannot be "
                "repeated, and another run gives other numbers"
            )


class _Proof:
    """Whether passes of the same images differ beyond rounding; images whose scores are not finite tell nothing."""

    def __init__(self) -> None:
        self.differs = False
        self.is_telling = False
        self._first: torch.Tensor | None = None

    def see(self, scores: torch.Tensor) -> None:
        """One more pass, (N, channels, *spatial): the networks' own scores, or probabilities."""
        if self._first is None:
            self._first = scores
            self.is_telling = bool(scores.flatten(1).isfinite().all(1).any())
        elif not self.differs:
            kept = self._first.flatten(1).isfinite().all(1)
            first, other = self._first[kept], scores[kept]
            if len(first):
                apart = (first - other).abs().amax()
                self.differs = not bool(apart <= ROUNDING * first.abs().amax())  # NaN differs, too


def _finite(probabilities: torch.Tensor, boxes: Sequence[Box]) -> torch.Tensor:
    """Whether each image's probabilities are all finite where it lies in the batch; left on the device."""
    return torch.stack(
        [one[(slice(None), *box)].sum().isfinite() for one, box in zip(probabilities, boxes, strict=True)]
    )


def _places(finite: list[torch.Tensor], images: int) -> list[list[int]]:
    """For each image the passes, from 1, that were not finite."""
    if not finite:
        return [[] for _ in range(images)]
    kept = torch.stack(finite).cpu()
    return [[place + 1 for place, good in enumerate(kept[:, image].tolist()) if not good] for image in range(images)]
