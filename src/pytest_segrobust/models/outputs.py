"""Reading what a network returned: one tensor out of it, its faults, and the masks it means."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.errors import ModelError

if TYPE_CHECKING:
    from pytest_segrobust.requirements.settings import ModelSettings

KEYS = ("logits", "out", "pred")
PAIR_KEYS = (("probabilities", "mean", "out"), ("variances", "variance", "var"))


class Misshapen(Exception):  # noqa: N818 - it is a finding about one case, not an error for the user
    """An output on another grid than its image, or with other channels than the first; its text is the failure."""

    def __init__(self, got: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
        alike = len(got) > 1 and got[0] == expected[0]  # then only what belongs to one image is said
        wanted = ", ".join("channels" if length is None else str(length) for length in expected[1 if alike else 0 :])
        super().__init__(f"shape {got[1:] if alike else got} instead of ({wanted})")


def tensor_of(output: Any) -> torch.Tensor:
    """The tensor that counts: of a dictionary "logits", "out" or "pred" (or its only entry), of a tuple the first.

    The first of a tuple is the finest level of a network with deep supervision. Raises ModelError for anything else.
    """
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        for key in KEYS:
            if key in output:
                return tensor_of(output[key])
        if len(output) == 1:
            return tensor_of(next(iter(output.values())))
        keys = ", ".join(str(key) for key in output)
        raise ModelError(f"the network returned a dictionary without {', '.join(KEYS)} (its keys: {keys})")
    if isinstance(output, (tuple, list)) and output:
        return tensor_of(output[0])
    raise ModelError(f"the network returned {type(output).__name__}, not a tensor")


def pair_of(output: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities and their variances: a tuple or list of two, or a dictionary with a name of each.

    Raises ModelError for anything else.
    """
    if isinstance(output, Mapping):
        first, second = (next((key for key in keys if key in output), None) for keys in PAIR_KEYS)
        if first is None or second is None:
            keys = ", ".join(str(key) for key in output)
            raise ModelError(
                f'outputs = "mean_variance", but the network returned a dictionary of {keys}: name the two '
                f"{PAIR_KEYS[0][0]} and {PAIR_KEYS[1][0]}"
            )
        output = (output[first], output[second])
    if (
        not isinstance(output, (tuple, list))
        or len(output) != 2
        or not all(isinstance(o, torch.Tensor) for o in output)
    ):
        kind = f"{len(output)} outputs" if isinstance(output, (tuple, list)) else type(output).__name__
        raise ModelError(
            f'outputs = "mean_variance", but the network returned {kind}: return (probabilities, variances), two tensors'
        )
    return output[0], output[1]


def channels_needed(settings: ModelSettings) -> int:
    """The least number of output channels with which every structure has its own."""
    return max(index for channels in channels_of(settings) for index in channels) + 1


def channels_of(settings: ModelSettings) -> list[tuple[int, ...]]:
    """The channels of each structure, in the order of [model] classes."""
    return [(entry,) if isinstance(entry, int) else tuple(entry) for entry in settings.classes.values()]


def votes(labels: torch.Tensor, count: int) -> torch.Tensor:
    """A label map (N, *spatial) as (N, count + 1, *spatial): 1 in the label's own channel, the last for all others.

    As votes, label maps of overlapping windows or of an ensemble can be averaged. NaN and infinity stay NaN.
    """
    values = torch.arange(count, device=labels.device).reshape(1, -1, *(1,) * (labels.ndim - 1))
    named = (labels.unsqueeze(1) == values).float()
    result = torch.cat([named, 1 - named.sum(1, keepdim=True)], 1)
    return result + (labels - labels).unsqueeze(1) if labels.is_floating_point() else result


def not_finite(scores: torch.Tensor) -> tuple[int, int]:
    """How many voxels of (channels, *spatial) are NaN in some channel, and how many infinite."""
    low, high = torch.aminmax(scores)  # NaN goes through: one pass over the memory, where isfinite takes ten times that
    if bool(torch.isfinite(low) & torch.isfinite(high)):
        return 0, 0
    return int(scores.isnan().any(0).sum()), int(scores.isinf().any(0).sum())


def fault_of(counts: Mapping[str, int], voxels: int) -> str | None:
    """The words of a failure, as "NaN in 12 % of voxels", from counts by name; None where there is nothing to say."""
    parts = [
        f"{name} in {100 * count / voxels:.2g} % of voxels" if count < voxels else f"{name} in all voxels"
        for name, count in counts.items()
        if count
    ]
    return " and ".join(parts) or None


def winners(scores: torch.Tensor) -> torch.Tensor:
    """The channel of the largest score per voxel of (channels, *spatial); the lowest channel where several are equal.

    Comparing channel by channel is 80 times as fast as `argmax` over the first axis on a CPU (0.2 ms for 11 ms).
    """
    best = scores[0]
    labels = torch.zeros(best.shape, dtype=torch.uint8 if len(scores) <= 256 else torch.int32, device=scores.device)
    for channel in range(1, len(scores)):
        later = (scores[channel] > best).to(labels.dtype).mul_(channel)
        labels = torch.maximum(labels, later)
        best = torch.maximum(best, scores[channel])
    return labels


def masks_of(scores: torch.Tensor, channels: list[tuple[int, ...]], threshold: float | None) -> torch.Tensor:
    """Bool masks (structures, *spatial) of scores (channels, *spatial).

    Channels compete where `threshold` is None (softmax, votes); else each is on its own, above the threshold.
    """
    chosen = winners(scores) if threshold is None else scores > threshold
    masks = torch.empty((len(channels), *scores.shape[1:]), dtype=torch.bool, device=scores.device)
    for place, indices in enumerate(channels):
        parts = [chosen == index if threshold is None else chosen[index] for index in indices]
        masks[place] = functools.reduce(torch.logical_or, parts)  # `any` over a stack takes ten times as long
    return masks
