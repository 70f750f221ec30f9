"""The canonical form of a requirement file, and its SHA-256: equal meanings have equal hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_segrobust.requirements.wording import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_segrobust.requirements.requirement import Requirement
    from pytest_segrobust.requirements.settings import SpecFile
    from pytest_segrobust.requirements.table import Table
    from pytest_segrobust.requirements.vocabulary import Catalogue


def canonical(
    tables: SpecFile,
    requirements: Iterable[Requirement],
    catalogue: Catalogue | None = None,
) -> str:
    """All that the file means as one JSON text.

    Defaults are written out, so that the text says what was decided even where a later version has other defaults.
    Requirements are sentences with their confidence, whether or not the file repeated it, in the order of their ids.
    """
    plain = {
        "model": {**tables.model.model_dump(mode="json"), "classes": _channels(tables.model.classes)},
        "data": {
            **_unless_usual(tables.data, "train", "train_patient", "overlap"),
            "label_values": _channels(tables.data.label_values),
        },
        "decision": _unless_usual(tables.decision, "curve_of_single_strengths"),
        "attack": _unless_usual(tables.attack, "surrogate_outputs"),
        "requirements": [_requirement(r, catalogue) for r in sorted(requirements, key=lambda r: r.id)],
    }
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)


def sha256(text: str) -> str:
    """The SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _unless_usual(table: Table, *later: str) -> dict[str, Any]:
    """A table without what later versions have added to it, where that stands at its default: as in files frozen before."""
    usual = type(table).model_fields
    return {k: v for k, v in table.model_dump(mode="json").items() if k not in later or v != usual[k].default}


def _channels(classes: dict[str, int | list[int]]) -> dict[str, list[int]]:
    # 1 and [1] are the same channel, [1, 2] and [2, 1] the same union.
    return {name: sorted(value) if isinstance(value, list) else [value] for name, value in classes.items()}


def _requirement(requirement: Requirement, catalogue: Catalogue | None) -> dict[str, Any]:
    return {
        "id": requirement.id,
        "statement": render(replace(requirement, confidence_stated=True), catalogue),
        "rationale": " ".join(requirement.rationale.split()),
        "risks": sorted(set(requirement.risks)),
        "tags": sorted(set(requirement.tags)),
        "gates": requirement.gates,
    }
