"""The JSON Schema of segrobust.toml, for editors that complete and check while one writes."""

from __future__ import annotations

import json
from typing import Any

from pytest_segrobust.requirements.settings import SpecFile

_EXAMPLE = {
    "model": {"network": "my_package.models:build_unet", "classes": {"anterior": 1, "posterior": 2}},
    "data": {"images": "imagesTs/*.nii.gz", "labels": "labelsTs/{name}.nii.gz", "patient": "{name}"},
    "requirement": [
        {"id": "ROB-001", "statement": "DSC drop of anterior under gaussian noise with sigma <= 0.1 is below 5 %"},
        {"id": "ROB-002", "statement": "DSC of anterior is at least 0.8", "rationale": "see RMF-12", "risks": ["H-3"]},
    ],
}


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12), made from the models that read the file."""
    made = _for_toml(SpecFile.model_json_schema(mode="validation"))
    tables = made["$defs"]
    # What the models leave to the reader of the whole file, as far as a schema can say it.
    tables["RequirementTable"]["anyOf"] = [{"required": ["statement"]}, {"required": ["measure"]}]
    tables["DataSettings"]["oneOf"] = [
        {"required": ["images", "patient"]},
        {"required": ["cases"]},
        {"required": ["decathlon", "patient"]},
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "segrobust.toml: robustness requirements of a segmentation model",
        "examples": [_EXAMPLE],
    }


def text() -> str:
    """The schema as the file that is published: schemas/segrobust.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _for_toml(node: Any) -> Any:
    """The schema without null, which TOML does not have, and without titles that repeat the key."""
    if isinstance(node, list):
        return [_for_toml(part) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _for_toml(value)
        for key, value in node.items()
        if value is not None and not (key == "title" and isinstance(value, str))
    }
    members = kept.get("anyOf", [])
    if {"type": "null"} in members:
        rest = [member for member in members if member != {"type": "null"}]
        del kept["anyOf"]
        kept |= rest[0] if len(rest) == 1 else {"anyOf": rest}
    return kept
