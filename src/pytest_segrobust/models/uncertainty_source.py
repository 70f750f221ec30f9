"""Where a model's uncertainty comes from: the method, how many passes it takes, and the words for a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_segrobust.errors import ModelError
from pytest_segrobust.requirements.uncertainty_settings import UncertaintySettings

if TYPE_CHECKING:
    from pytest_segrobust.requirements.settings import ModelSettings
    from pytest_segrobust.requirements.uncertainty_settings import Map, Method

RETURNED: dict[str, Method] = {"mean_variance": "mean_variance", "dirichlet": "evidential"}
DRAWING: tuple[Method, ...] = ("mc_dropout", "sampling")
"""Methods whose passes differ by random draws alone."""

MAPS: dict[Map, str] = {
    "variance": "variance of the predicted class's probability",
    "summed_variance": "variance summed over classes",
    "predictive_entropy": "entropy of the mean probabilities",
    "expected_entropy": "mean entropy of the passes",
    "mutual_information": "mutual information between class and pass",
    "least_confidence": "1 minus the largest mean probability",
}


@dataclass(frozen=True)
class UncertaintySource:
    """What a run's uncertainty is.

    `passes` are those of one image through all networks together. `reason` is empty, or says why there is no
    uncertainty at all.
    """

    method: Method
    passes: int
    map: Map
    words: str
    reason: str = ""


def settings_in_force(settings: ModelSettings, members: int) -> UncertaintySettings:
    """[model] uncertainty as stated, or what follows from the outputs and the number of checkpoints.

    Raises ModelError where the checkpoints given do not make what is stated.
    """
    stated = settings.uncertainty
    if stated is not None:
        if stated.method == "ensemble" and members < 2:
            raise ModelError(
                'uncertainty = "ensemble" needs at least 2 checkpoints and was given 1: '
                'give --segrobust-model once for each, or choose another [model] uncertainty, such as "softmax"'
            )
        return stated
    if settings.outputs in RETURNED:
        return UncertaintySettings(method=RETURNED[settings.outputs])
    return UncertaintySettings(method="ensemble" if members > 1 else "softmax")


def source_of(
    settings: ModelSettings, used: UncertaintySettings, members: int, passes: int, remark: str = ""
) -> UncertaintySource:
    """The source in words; `passes` of one image, `remark` a sentence that a method adds."""
    labels_of_one = settings.outputs == "labels" and members == 1 and used.method == "softmax"
    reason = (
        'outputs = "labels": one map of labels says nothing of how sure it is; give several checkpoints (their votes), '
        'or a network with outputs = "logits"'
        if labels_of_one
        else ""
    )
    words = f"{_words(used, members, passes)}; {MAPS[used.shown_map]}"
    return UncertaintySource(used.method, passes, used.shown_map, f"{words}. {remark}".strip(), reason)


def _words(used: UncertaintySettings, members: int, passes: int) -> str:
    several = f" of each of {members} checkpoints" if members > 1 else ""
    each = passes // members
    match used.method:
        case "softmax":
            return f"the mean of {members} checkpoints, one pass each" if members > 1 else "one pass"
        case "ensemble":
            return f"{members} checkpoints, one pass each"
        case "mc_dropout":
            return f"{each} passes{several} with dropout switched on and all else as in an ordinary prediction"
        case "tta":
            return f"{each} passes{several} over the image, mirrored and with small changes of intensity"
        case "sampling":
            kind = f"each of {members} networks that are" if members > 1 else "a network that is"
            return (
                f"{each} passes of {kind} stochastic by themselves"
                if members > 1
                else f"{each} passes of {kind} stochastic by itself"
            )
        case "mean_variance":
            mixed = f", mixed over {members} checkpoints" if members > 1 else ""
            return f"probabilities and their variances, which the network returns{mixed}"
        case "evidential":
            mixed = f", mixed over {members} checkpoints" if members > 1 else ""
            return f"the Dirichlet distribution that the network returns{mixed}"
