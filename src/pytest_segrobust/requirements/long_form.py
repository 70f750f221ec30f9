"""A requirement spelt out in keys instead of a sentence, checked by the same rules."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.perturbations.catalogue import Choice, StructureName
from pytest_segrobust.requirements import claim
from pytest_segrobust.requirements.measure import from_key, keys
from pytest_segrobust.requirements.requirement import Comparison, Domain, Options, Range, Requirement
from pytest_segrobust.requirements.strata import check_strata
from pytest_segrobust.requirements.vocabulary import Catalogue, Vocabulary, catalogue_or, fold, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_segrobust.perturbations.catalogue import Perturbation
    from pytest_segrobust.requirements.requirement_table import RequirementTable

    Stated = float | str | list[float] | list[str]

_LIMITS: dict[str, Comparison] = {
    "below": "below",
    "at_most": "at most",
    "above": "above",
    "at_least": "at least",
    "within": "within",
}
NEEDS = ("dsc_below", "referral", "fall")
KEYS = ("measure", "structure", "average", "tolerance", *NEEDS, "perturbation", *_LIMITS, "patients", "for_each")


def stated(table: RequirementTable) -> list[str]:
    """The keys of the long form that the table states."""
    return [key for key in KEYS if key in table.model_fields_set]


def read(table: RequirementTable, catalogue: Catalogue | None = None) -> Requirement:
    """The requirement that the keys state, its id "" as that of a parsed sentence.

    Raises SpecError, one line that starts with the key.
    """
    if table.measure is None:
        raise SpecError(f"measure is missing; write a statement, or measure = one of {', '.join(keys())}")
    with _at("measure"):
        measure = from_key(table.measure)
    needs = {key: getattr(table, key) for key in NEEDS}
    with _at("tolerance" if measure.metric not in MEASURES else "measure"):
        measure = from_key(table.measure, table.tolerance, **needs)
        claim.check_measure(measure)
    domains = tuple(_domain(name, values, catalogue_or(catalogue)) for name, values in table.perturbation.items())
    if len({domain.perturbation for domain in domains}) < len(domains):
        raise SpecError("perturbation: one perturbation stands twice, under two names; state each once")
    claim.check_scope(measure, domains=domains, structure=table.structure, average=table.average)
    limits = {key: value for key in _LIMITS if (value := getattr(table, key)) is not None}
    if len(limits) != 1:
        raise SpecError(f"state exactly one limit, not {' and '.join(limits) or 'none'} (one of {', '.join(_LIMITS)})")
    [(key, limit)] = limits.items()
    with _at(key):
        claim.check_comparison(measure, _LIMITS[key])
        claim.check_limit(measure, _LIMITS[key], limit)
    if table.patients is not None:
        with _at("patients"):
            claim.check_patients(measure, table.patients)
    if table.for_each is not None:
        with _at("for_each"):
            check_strata(measure, table.for_each)
    return Requirement(
        id="",
        measure=measure,
        comparison=_LIMITS[key],
        limit=limit,
        domains=domains,
        structure=table.structure,
        average=table.average,
        patients=table.patients,
        for_each=table.for_each,
        confidence=0.95 if table.confidence is None else table.confidence,
        confidence_stated=table.confidence is not None,
    )


@contextmanager
def _at(key: str) -> Iterator[None]:
    try:
        yield
    except SpecError as error:
        raise SpecError(f"{key}: {error}") from None


def _domain(name: str, values: dict[str, Stated], catalogue: Catalogue) -> Domain:
    with _at(f"perturbation.{name}"):
        perturbation = Vocabulary.of(catalogue.values()).perturbations.get(fold(name))
        if perturbation is None:
            known = [known.identifier for known in catalogue.values()]
            raise SpecError(f"no such perturbation; {suggestion(name, known)}")
        parameters = dict(values)
        on = parameters.pop("on", None) if "on" not in perturbation.parameters else None
        if on is not None and not isinstance(on, str):
            raise SpecError("on names one structure")
        ranges = {key: _range(perturbation, key, value) for key, value in parameters.items()}
        return claim.domain(perturbation, ranges, on)


def _range(perturbation: Perturbation, key: str, value: Stated) -> Range | Options:
    with _at(key):
        parameter = claim.parameter_of(perturbation, key)
        if isinstance(parameter, Choice):
            words = value if isinstance(value, list) else [value]
            known = {fold(option): option for option in parameter.options}
            return claim.choice(perturbation, key, [known.get(fold(str(word)), str(word)) for word in words])
        if isinstance(parameter, StructureName):
            if not isinstance(value, str):
                raise SpecError(f"{key} names one structure")
            return Options(key, (value,))
        ends = value if isinstance(value, list) else [value, value]
        if len(ends) != 2 or any(isinstance(end, str) for end in ends):
            raise SpecError("write [low, high], or one number for exactly that value")
        low, high = (float(end) for end in ends)
        return claim.bound(perturbation, key, low, high)
