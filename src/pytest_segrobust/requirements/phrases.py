"""What uncertainty does, said by a verb: "uncertainty correlates with error above 0.4"; read, and written back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.requirements.reading import Node, is_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.requirements.requirement import Comparison, Requirement

PHRASES = ("correlates", "rises", "separates", "removing", "wrong", "referring")
_COEFFICIENTS = ("spearman", "pearson", "kendall")
_AREAS = {"AUROC": "error_auroc", "AUPR": "error_aupr"}
_SCOPES = {"ACROSS": "_across", "WITHIN_PATIENTS": "_within"}
_MORE: dict[Comparison, str] = {"above": "more than"}
_SCOPE_WORDS = {"_across": " across severities", "_within": " within patients"}


@dataclass(frozen=True)
class Phrase:
    """The parts of a phrase: the measure's key, and nodes of what else is said, None where it is not."""

    metric: str
    structure: Node | None = None
    limit: Node | None = None
    needs: tuple[Node, ...] = ()
    referral: Node | None = None
    improves: Node | None = None  # the measure that removal is said to raise


def read(node: Node) -> Phrase:
    """The parts of a phrase's tree; SpecError where something is said twice."""
    trees = {child.data: child for child in node.children if is_tree(child)}
    tokens = [child for child in node.children if not is_tree(child)]
    named = [child for child in node.children if is_tree(child) and child.data == "named"]
    if len(named) > 1:
        raise SpecError("a structure is named twice; name it once")
    return Phrase(
        _metric(str(node.data), tokens),
        named[0].children[-1] if named else None,
        trees.get("limit"),
        tuple(child for key, child in trees.items() if key == "failure"),
        trees.get("quantity"),
        next((token for token in tokens if token.type == "METRIC"), None),
    )


def _metric(phrase: str, tokens: Sequence[Node]) -> str:
    if phrase == "separates":
        return next(key for kind, key in _AREAS.items() if any(token.type == kind for token in tokens))
    if phrase != "correlates":
        return {"rises": "severity_tau", "removing": "delta_dsc", "wrong": "gap", "referring": "failure_recall"}[phrase]
    scopes = [_SCOPES[token.type] for token in tokens if token.type in _SCOPES]
    said = [str(token).lower() for token in tokens if token.type == "COEFFICIENT"]
    coefficients = [name for word in said for name in _COEFFICIENTS if word.startswith(name)]
    if len(scopes) > 1 or len(coefficients) > 1:
        raise SpecError("this is two correlations; write two requirements")
    return (coefficients or ["spearman"])[0] + (scopes or [""])[0]


def write(requirement: Requirement, structure: str, limit: str) -> str | None:
    """The canonical phrase of a requirement up to "under"; None where the measure is said by its name."""
    metric, said = requirement.measure.metric, f" of {structure}" if structure else ""
    if requirement.average or requirement.measure.form != "value" or metric not in MEASURES:
        return None
    against = f"{requirement.comparison} {limit}"
    at_all = requirement.comparison == "above" and requirement.limit == 0
    by = "" if at_all else f" by {_MORE.get(requirement.comparison, requirement.comparison)} {limit}"
    if metric in _AREAS.values():
        area = next(area for area, key in _AREAS.items() if key == metric)
        return f"uncertainty{said} separates errors with {area} {against}"
    if metric == "severity_tau":
        return f"uncertainty{said} rises with severity" + ("" if at_all else f" with tau {against}")
    if metric == "delta_dsc":
        return f"removing uncertain voxels raises DSC{said}{by}"
    if metric == "gap":
        return f"wrong voxels{said} are more uncertain than right ones{by}"
    coefficient, _, scope = metric.partition("_")
    if coefficient in _COEFFICIENTS:
        named = "" if coefficient == "spearman" else f" by {coefficient.title()}"
        return f"uncertainty{said} correlates with error{_SCOPE_WORDS.get(f'_{scope}', '')}{named} {against}"
    return None
