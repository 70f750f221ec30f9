"""What a step may say: a perturbation that exists, exactly one of its sets of parameters, values that are possible."""

from __future__ import annotations

import difflib
import math
from functools import cache
from typing import TYPE_CHECKING

from ..errors import PerturbationError
from .catalogue import Choice, Parameter, Perturbation, StructureName, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .point import Step, Value


@cache
def checked(step: Step) -> Perturbation:
    """The perturbation that a step names.

    Raises:
        PerturbationError: the step cannot mean anything; the message says what could stand there.
    """
    perturbation = catalogue().get(step.name)
    if perturbation is None:
        raise PerturbationError(f"there is no perturbation {step.name!r}{nearest(step.name, catalogue())}")
    if step.on is not None and not perturbation.local:
        raise PerturbationError(f"{step}: {step.name} acts on whole images, leave out on={step.on!r}")
    _check_names(perturbation, [name for name, _ in step.parameters])
    for name, value in step.parameters:
        _check_value(perturbation, perturbation.parameters[name], value)
    return perturbation


def named(word: str) -> Perturbation:
    """The perturbation of a name or synonym, however its words are joined.

    Raises:
        PerturbationError: there is none; the message names the nearest.
    """
    known = {name: each for each in catalogue().values() for name in (each.name, *each.synonyms)}
    for name, perturbation in known.items():
        if _plain(name) == _plain(word):
            return perturbation
    raise PerturbationError(f"there is no perturbation {word!r}{nearest(word, known)}")


def _plain(words: str) -> str:
    return words.casefold().replace("_", " ").replace("-", " ")


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a message: the known word that was probably meant, or all of them."""
    known = sorted(words)
    close = difflib.get_close_matches(word, known, n=1)
    return f": did you mean {close[0]!r}?" if close else f": there are {', '.join(known)}"


def _check_names(perturbation: Perturbation, names: list[str]) -> None:
    for name in names:
        if name not in perturbation.parameters:
            raise PerturbationError(
                f"{perturbation.name} has no parameter {name!r}{nearest(name, perturbation.parameters)}"
            )
    groups = [[parameter.name for parameter in group] for group in perturbation.alternatives]
    if sorted(names) not in [sorted(group) for group in groups]:
        wanted = ", or ".join(" and ".join(group) for group in groups)
        stated = " and ".join(names) or "nothing"
        raise PerturbationError(f"{perturbation.name} needs exactly {wanted}; {stated} was stated")


def _check_value(perturbation: Perturbation, parameter: Parameter | Choice | StructureName, value: Value) -> None:
    if isinstance(parameter, StructureName):
        if not (isinstance(value, str) and value.strip()):
            raise PerturbationError(f"{perturbation.name}: {parameter.name} must name a structure, not {value!r}")
        return
    if isinstance(parameter, Choice):
        if value not in parameter.options:
            raise PerturbationError(
                f"{perturbation.name}: {parameter.name} cannot be {value!r}{nearest(str(value), parameter.options)}"
            )
        return
    if isinstance(value, str) or math.isnan(value):
        raise PerturbationError(f"{perturbation.name}: {parameter.name} must be a number, not {value!r}")
    if not parameter.lowest <= value <= parameter.highest:
        unit = f" {parameter.unit}" if parameter.unit else ""
        raise PerturbationError(
            f"{perturbation.name}: {parameter.name}={value:.9g}{unit} is impossible; "
            f"it lies between {parameter.lowest:.9g} and {parameter.highest:.9g}{unit}"
        )
