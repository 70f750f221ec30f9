"""A segmenter as an attack sees it: the logarithm of its mean class probabilities, with gradients where there are any.

One objective for every family of models: the mean over an ensemble's members, or over the draws of a stochastic network,
is taken of probabilities, so that a gradient is the one of the expectation (Athalye et al. 2018, expectation over
transformation), never of a model's own variance-scaled loss. Logarithms are taken of logits where there are logits:
float32 probabilities of a sure network are exactly 0 and 1, and their gradient 0.
"""

from __future__ import annotations

import hashlib
import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.utils.checkpoint import checkpoint

from pytest_segrobust.errors import SegrobustError
from pytest_segrobust.models.crash import has_poisoned_device, is_out_of_memory
from pytest_segrobust.models.outputs import channels_of
from pytest_segrobust.models.padding import box_within, padded_shape
from pytest_segrobust.models.programs import OnnxNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_segrobust.models.forward import Networks
    from pytest_segrobust.models.segmenter import Segmenter
    from pytest_segrobust.perturbations.frame import Frame

DRAWS = 8
"""Passes over which the probabilities of a network that is stochastic by itself are averaged, where none are asked for."""


NOTES = {
    "tta": "attacks are made on the network itself: they do not see that the product averages over augmentations of the "
    "image, so that what survives them may be the averaging"
}


@dataclass(frozen=True)
class Nature:
    """What a model is to an attack: whether gradients reach the image, and whether two passes of one image differ."""

    differentiable: bool = False
    stochastic: bool = False


_CODES = 62  # structures that an int64 tells apart bit by bit


class Attackable:
    """One attack's view of a segmenter (`perturbations.attacked.AttackedModel`); the same seed gives the same draws."""

    def __init__(
        self, segmenter: Segmenter, networks: Networks, nature: Nature, *, seed: int, draws: int | None
    ) -> None:
        self._segmenter = segmenter
        self._networks = networks
        self._settings = segmenter.settings
        self._seed = seed
        self._calls = 0
        self._groups = _groups(segmenter)
        self.differentiable = nature.differentiable
        self.stochastic = nature.stochastic
        self.draws = (draws or DRAWS) if nature.stochastic else 1
        self.note = NOTES.get(segmenter.uncertainty_settings.method, "")
        """What a reader must know of attacks on this model."""

    def log_probabilities(self, images: torch.Tensor, frames: Sequence[Frame]) -> list[torch.Tensor]:
        """For each head (N, classes, *spatial), float32; NaN for an image on which the model crashed.

        Softmax has one head, whose classes are the sets of structures that a channel belongs to, the empty set first;
        sigmoid has a head of two classes for each structure.

        Raises:
            ModelError: the set-up is wrong rather than an image.
        """
        self._calls += 1
        heads = [
            self._of_one(image, frame.spacing, self._calls, frame.key)
            for image, frame in zip(images, frames, strict=True)
        ]
        return [torch.stack([one[place] for one in heads]) for place in range(len(heads[0]))]

    def classes(self, structures: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        """For each head the true class of every voxel, int64 (N, *spatial); -1 for sets of structures that no channel has."""
        masks = [structures[name] for name in self._segmenter.structures]
        if self._sigmoid:
            return [mask.long() for mask in masks]
        codes = _codes(len(masks))
        found = torch.zeros(masks[0].shape, dtype=torch.int64, device=masks[0].device)
        for mask, code in zip(masks, codes, strict=True):
            found += mask * code
        result = torch.full_like(found, -1)
        for place, group in enumerate(self._groups):
            result[found == sum(codes[structure] for structure in group.structures)] = place
        return [result]

    @property
    def _sigmoid(self) -> bool:
        return self._settings.activation == "sigmoid" and self._settings.outputs != "labels"

    def _of_one(self, image: torch.Tensor, spacing: tuple[float, ...], call: int, key: str) -> list[torch.Tensor]:
        if not self.stochastic:
            return self.heads(image, spacing)
        draws = []
        for draw in range(self.draws):
            with _drawing(self._seed, key, call, draw, self._networks.device):
                draws.append(self.heads(image, spacing))
        return [_log_mean([heads[place] for heads in draws]) for place in range(len(draws[0]))]

    def heads(self, image: torch.Tensor, spacing: tuple[float, ...]) -> list[torch.Tensor]:
        """The heads (classes, *spatial) of one pass of one image (channels, *spatial) in its own units."""
        try:
            members = [self._member(place, image, spacing) for place in range(len(self._networks.members))]
        except SegrobustError:
            raise
        except Exception as error:
            if is_out_of_memory(error) or has_poisoned_device(error):
                raise
            lost = math.nan * image[0]  # keeps its place in the graph; what crashed the model is for the attack to keep
            sizes = [2] * len(self._segmenter.structures) if self._sigmoid else [len(self._groups)]
            return [lost.expand(size, *lost.shape) for size in sizes]
        return [_log_mean([heads[place] for heads in members]) for place in range(len(members[0]))]

    def _member(self, place: int, image: torch.Tensor, spacing: tuple[float, ...]) -> list[torch.Tensor]:
        scores = self._scores(place, image, spacing)
        outputs = self._settings.outputs
        if self._sigmoid:
            return [self._own_head(scores, channels) for channels in channels_of(self._settings)]
        logs = scores.log_softmax(0) if outputs == "logits" else _log(scores)
        grouped = [
            logs[list(group.channels(len(logs)))].logsumexp(0) if group.channels(len(logs)) else logs[0] * 0 - 100.0
            for group in self._groups
        ]
        return [torch.stack(grouped)]

    def _own_head(self, scores: torch.Tensor, channels: tuple[int, ...]) -> torch.Tensor:
        """[log(1 - p), log p] of a structure that any of its channels makes."""
        chosen = scores[list(channels)].amax(0)
        if self._settings.outputs == "logits":
            return torch.stack([torch.nn.functional.logsigmoid(-chosen), torch.nn.functional.logsigmoid(chosen)])
        return torch.stack([_log(1 - chosen), _log(chosen)])

    def _scores(self, place: int, image: torch.Tensor, spacing: tuple[float, ...]) -> torch.Tensor:
        """One network's scores (channels, *spatial) of an image, padded, sliced and windowed as for a prediction."""
        segmenter = self._segmenter
        prepared = segmenter.prepare(image, spacing).to(segmenter.dtype)
        parts = list(prepared.unbind(-1)) if segmenter.is_sliced(image) else [prepared]
        shape = padded_shape(parts[0].shape[1:], segmenter.window, self._settings.pad_multiple)
        box = box_within(parts[0].shape[1:], shape)
        margins = [(around.start, size - around.stop) for around, size in zip(box, shape, strict=True)]
        flat = [margin for pair in reversed(margins) for margin in pair]
        batch = torch.stack([torch.nn.functional.pad(part, flat) for part in parts])
        size = segmenter.batch_size

        def forward(some: torch.Tensor) -> torch.Tensor:
            return self._networks.member_scores(place, some, segmenter.window, size)

        chunks = torch.split(batch, size)
        if len(chunks) > 1 and torch.is_grad_enabled():  # else every chunk's activations are kept for the gradient
            outputs = [checkpoint(forward, chunk, use_reentrant=False) for chunk in chunks]
        else:
            outputs = [forward(chunk) for chunk in chunks]
        scores = self._networks.mean_part(torch.cat(outputs))[(slice(None), slice(None), *box)]
        return torch.stack(list(scores), -1).float() if segmenter.is_sliced(image) else scores[0].float()


def nature(segmenter: Segmenter, networks: Networks, image: torch.Tensor, spacing: tuple[float, ...]) -> Nature:
    """What a model is, tried on one image (channels, *spatial) in its own units."""
    outputless = segmenter.settings.outputs == "labels"
    onnx = any(isinstance(member.network, OnnxNetwork) for member in networks.members)
    blind = Attackable(segmenter, networks, Nature(), seed=0, draws=None)
    with torch.random.fork_rng([networks.device] if networks.device.type == "cuda" else []):
        differentiable = not (outputless or onnx) and _has_gradients(blind, image, spacing)
        with torch.no_grad():
            first, second = blind.heads(image, spacing), blind.heads(image, spacing)
    differs = any(not torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(first, second, strict=True))
    return Nature(differentiable, differs)


def _has_gradients(model: Attackable, image: torch.Tensor, spacing: tuple[float, ...]) -> bool:
    """Whether a gradient finds its way from the output to the image; whether it is any good, self-checks must tell."""
    with torch.enable_grad():
        start = image.detach().clone().requires_grad_()
        heads = model.heads(start, spacing)
        if not heads[0].requires_grad:
            return False
        try:
            (gradient,) = torch.autograd.grad(heads[0].sum(), start, allow_unused=True)
        except RuntimeError as error:
            if is_out_of_memory(error) or has_poisoned_device(error):
                raise
            return False
    return gradient is not None


class _Group:
    """One class of a softmax head: the structures that its channels belong to, by place."""

    def __init__(self, structures: frozenset[int], channels: tuple[int, ...], named: frozenset[int]) -> None:
        self.structures = structures
        self._channels = channels
        self._named = named

    def channels(self, count: int) -> tuple[int, ...]:
        """The channels, of `count` in all; those that no structure names belong to the empty set."""
        if self.structures:
            return self._channels
        return tuple(channel for channel in range(count) if channel not in self._named)


def _groups(segmenter: Segmenter) -> list[_Group]:
    owners: dict[int, set[int]] = {}
    for structure, channels in enumerate(channels_of(segmenter.settings)):
        for channel in channels:
            owners.setdefault(channel, set()).add(structure)
    sets: dict[frozenset[int], list[int]] = {frozenset(): []}
    for channel in sorted(owners):
        sets.setdefault(frozenset(owners[channel]), []).append(channel)
    named = frozenset(owners)
    return [_Group(structures, tuple(channels), named) for structures, channels in sets.items()]


def _codes(count: int) -> list[int]:
    """A number for each structure, so that a sum tells which were added."""
    if count <= _CODES:
        return [1 << place for place in range(count)]
    digests = (hashlib.sha256(str(place).encode()).digest() for place in range(count))
    return [
        int.from_bytes(digest[:8], "little") >> 10 for digest in digests
    ]  # 54 bits: a thousand of them fit an int64


def _log(probabilities: torch.Tensor) -> torch.Tensor:
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def _log_mean(logs: list[torch.Tensor]) -> torch.Tensor:
    """The logarithm of the mean of what the logarithms are of."""
    return logs[0] if len(logs) == 1 else torch.stack(logs).logsumexp(0) - math.log(len(logs))


@contextmanager
def _drawing(seed: int, key: str, call: int, draw: int, device: torch.device) -> Iterator[None]:
    """Random draws of a stochastic network that depend on the seed, the case, the call and the draw alone."""
    digest = hashlib.sha256(f"{seed}\0{key}\0{call}\0{draw}".encode()).digest()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int.from_bytes(digest[:7], "little"))
        yield
