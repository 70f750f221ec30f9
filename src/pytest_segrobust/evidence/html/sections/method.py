"""Method: what was done to the images, what was measured, and how it was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.metrics.catalogue import METRICS
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.perturbations import description
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, catalogue

from ..thumbnails import thumbnails
from .ranges import perturbations_of, range_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture
    from pytest_segrobust.evidence.records import RequirementResult
    from pytest_segrobust.perturbations.catalogue import StructureName

_SHOWN_IDS = 12


def method(
    results: Sequence[RequirementResult], pictures: Sequence[Picture], anchors: Mapping[str, str]
) -> dict[str, Any]:
    """The catalogue's entries that were used, the metrics with their sources, and the plan of the analysis."""
    users: dict[str, list[RequirementResult]] = {}
    for result in results:
        for name in perturbations_of(result):
            users.setdefault(name, []).append(result)
    return {
        "perturbations": [_entry(name, users[name], pictures, anchors) for name in sorted(users)],
        "metrics": _metrics(results),
        "intervals": _counted(result.method for result in results if result.method),
        "confidences": [words.level(share) for share in sorted({r.confidence for r in results if r.interval})],
    }


def _entry(
    name: str, users: Sequence[RequirementResult], pictures: Sequence[Picture], anchors: Mapping[str, str]
) -> dict[str, Any]:
    known = catalogue().get(name)
    claimed = dict.fromkeys(
        range_text(domain) for result in users for domain in result.domains if domain.get("perturbation") == name
    )
    ids = [{"id": result.id, "anchor": anchors[result.id]} for result in users]
    return {
        "name": name,
        "summary": "" if known is None else f"{known.summary.rstrip('.')}.",
        "source": "" if known is None else known.source,
        "flags": [] if known is None else [w for w in description.flags(known) if w != "differentiable"],
        "modalities": "" if known is None or known.modalities == ("any",) else ", ".join(known.modalities),
        "parameters": [] if known is None else [_parameter(key, p) for key, p in _used(known.parameters, users, name)],
        "claimed": list(claimed),
        "requirements": ids[:_SHOWN_IDS],
        "more": max(0, len(ids) - _SHOWN_IDS),
        "thumbnails": thumbnails(users, pictures, name),
    }


def _used(
    parameters: Mapping[str, Parameter | Choice | StructureName], users: Sequence[RequirementResult], name: str
) -> list[tuple[str, Parameter | Choice | StructureName]]:
    """The parameters that the requirements name; of reports that do not say, all."""
    named = {
        str(each.get("name"))
        for result in users
        for domain in result.domains
        if domain.get("perturbation") == name
        for each in domain.get("parameters") or []
    }
    return [(key, parameter) for key, parameter in parameters.items() if not named or key in named]


def _parameter(name: str, parameter: Parameter | Choice | StructureName) -> dict[str, str]:
    if not isinstance(parameter, Parameter):
        options = ", ".join(parameter.options) if isinstance(parameter, Choice) else "a structure"
        return {"name": name, "unit": "", "meaning": parameter.meaning, "plausible": options, "source": ""}
    _, _, plausible = description.ranges(parameter)
    return {
        "name": name,
        "unit": parameter.unit,
        "meaning": parameter.meaning,
        "plausible": words.with_unit(plausible if parameter.plausible else "–", parameter.unit),
        "source": parameter.source,
    }


def _metrics(results: Sequence[RequirementResult]) -> list[tuple[str, str]]:
    """The metrics that the measures name, longest names first, each with its source."""
    sources = {metric.name: metric.source for metric in METRICS.values()}
    sources |= {measure.name: measure.source for measure in MEASURES.values()}
    names = sorted(sources, key=len, reverse=True)
    used = (next((name for name in names if name in result.measure), "") for result in results)
    return sorted((name, sources[name]) for name in set(filter(None, used)))


def _counted(texts: Any) -> list[tuple[str, int]]:
    """Each text and how often it stands there, the most frequent first."""
    found: dict[str, int] = {}
    for text in texts:
        found[text] = found.get(text, 0) + 1
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))
