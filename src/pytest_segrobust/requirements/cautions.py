"""What a set of requirements leaves open, said before anything is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.perturbations.catalogue import Parameter
from pytest_segrobust.requirements import measure as measures
from pytest_segrobust.requirements import tiers
from pytest_segrobust.requirements.quantity import plain
from pytest_segrobust.requirements.requirement import Range
from pytest_segrobust.requirements.settings import Window
from pytest_segrobust.requirements.vocabulary import GROSS_FAILURE_RATE, Catalogue, catalogue_or
from pytest_segrobust.requirements.wording import structure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_segrobust.requirements.requirement import Requirement
    from pytest_segrobust.requirements.settings import DataSettings

# Good values of these are within reach of a mask that is otherwise wrong, such as an empty one or one elsewhere.
_ONE_SIDED = frozenset(
    {"over_segmentation", "under_segmentation", "volume_bias", "volume_error", "agreement", GROSS_FAILURE_RATE}
)


def cautions(
    requirements: Iterable[Requirement], structures: tuple[str, ...], catalogue: Catalogue | None = None
) -> tuple[str, ...]:
    """Warnings for the terminal and the report, each one line."""
    known = tuple(requirements)
    return (
        *_drops_alone(known, structures),
        *_uncertainty_alone(known, structures),
        *_one_way(known, catalogue),
        *_stress(known, catalogue),
    )


def not_in_hounsfield_units(requirements: Iterable[Requirement], data: DataSettings) -> tuple[str, ...]:
    """A warning where CT artefacts, which read the images' values as HU, are asked of images that may be none."""
    if isinstance(data.intensity, Window):
        return ()
    known = catalogue_or(None)
    asked = {domain.perturbation for requirement in requirements for domain in requirement.domains}
    named = sorted(name for name in asked if name in known and known[name].modalities == ("CT",))
    if not named:
        return ()
    words = (
        f"{', '.join(named)}: takes the images' values as HU, but [data] intensity is by percentiles; is this CT? "
        "Then say so with a window in HU, such as intensity = { window = [-1000, 400] }"
    )
    return (words,)


def _drops_alone(requirements: tuple[Requirement, ...], structures: tuple[str, ...]) -> Iterable[str]:
    relative = [r for r in requirements if r.measure.form != "value" and r.measure.metric not in MEASURES]
    absolute = _absolute(requirements)
    held = _held(absolute, structures)
    bare = [name for name in structures if name not in held and any(_is_of(r, name) for r in relative)]
    if bare:
        example = structure(bare[0])
        yield (
            f"{', '.join(bare)}: only drops or increases are limited, which says nothing about a model that is bad "
            f"already; add an absolute requirement, such as 'DSC of {example} is at least ...'"
        )
    if any(r.average for r in relative) and not any(r.average for r in absolute) and not set(structures) <= held:
        yield (
            "only the drop of the mean over structures is limited, which says nothing about a model that is bad "
            "already; add an absolute requirement, such as 'mean DSC is at least ...'"
        )


def _uncertainty_alone(requirements: tuple[Requirement, ...], structures: tuple[str, ...]) -> Iterable[str]:
    """Structures of which nothing but uncertainty is limited: who knows all of many errors still makes them."""
    asked = [r for r in requirements if r.measure.metric in MEASURES]
    others = [r for r in requirements if r.measure.metric not in MEASURES]
    held = _held(_absolute(requirements), structures)
    bare = [
        name
        for name in structures
        if name not in held
        and any(r.average or _is_of(r, name) for r in asked)
        and not any(_is_of(r, name) for r in others if r.measure.form != "value")  # told already
    ]
    if bare:
        yield (
            f"{', '.join(bare)}: only uncertainty is limited, and a model that is wrong everywhere may know that it is; "
            f"add a requirement on the segmentation, such as 'DSC of {structure(bare[0])} is at least ...'"
        )


def _absolute(requirements: tuple[Requirement, ...]) -> list[Requirement]:
    """Those that a bad segmentation cannot meet."""
    values = [r for r in requirements if r.measure.form == "value" and r.measure.metric not in MEASURES]
    return [r for r in values if r.measure.metric not in _ONE_SIDED]


def _held(absolute: Iterable[Requirement], structures: tuple[str, ...]) -> set[str]:
    return {name for r in absolute if not r.average for name in _named(r, structures)}


def _named(requirement: Requirement, structures: tuple[str, ...]) -> tuple[str, ...]:
    return structures if requirement.structure is None else (requirement.structure,)


def _is_of(requirement: Requirement, name: str) -> bool:
    return not requirement.average and requirement.structure in (None, name)


def _one_way(requirements: tuple[Requirement, ...], catalogue: Catalogue | None) -> Iterable[str]:
    """Ranges that end where nothing changes, of parameters that go both ways: "angle <= 15 deg" says nothing of -15."""
    perturbations = catalogue_or(catalogue)
    for requirement in requirements:
        for domain in requirement.domains:
            for spread in domain.ranges:
                parameter = perturbations[domain.perturbation].parameters[spread.parameter]
                if not isinstance(spread, Range) or not isinstance(parameter, Parameter):
                    continue
                both_ways = parameter.lowest < parameter.identity < parameter.highest
                if both_ways and spread.low != spread.high and parameter.identity in (spread.low, spread.high):
                    other = "below" if spread.low == parameter.identity else "above"
                    yield (
                        f"{requirement.id} ({measures.words(requirement.measure)}): {spread.parameter} of {domain.perturbation} "
                        f"{other} {plain(parameter.identity)} is not claimed; write both ends if it is meant, "
                        f"such as '... <= {spread.parameter} <= ...'"
                    )


def _stress(requirements: tuple[Requirement, ...], catalogue: Catalogue | None) -> Iterable[str]:
    for requirement in requirements:
        unless = "that does not gate, unless it is not met within the plausible range (gate = true makes it)"
        gates = "that gates, as asked" if requirement.gates else unless
        for unusual in tiers.beyond(requirement, catalogue):
            yield f"{requirement.id} ({measures.words(requirement.measure)}): {unusual} {gates}"
