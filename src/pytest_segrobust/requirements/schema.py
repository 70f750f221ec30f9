"""The JSON Schema of segrobust.toml, for editors that complete and check while one writes."""

from __future__ import annotations

import json
from typing import Any

from pytest_segrobust.requirements.settings import SpecFile


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12), made from the models that read the file."""
    made = SpecFile.model_json_schema(mode="validation")
    example = {
        "model": {"network": "my_package.models:build_unet", "classes": {"anterior": 1, "posterior": 2}},
        "data": {"images": "imagesTs/*.nii.gz", "labels": "labelsTs/{name}.nii.gz", "patient": "{name}"},
        "requirement": [
            {"id": "ROB-001", "statement": "DSC drop of anterior under gaussian noise with sigma <= 0.1 is below 5 %"}
        ],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "segrobust.toml: robustness requirements of a segmentation model",
        "examples": [example],
    }


def text() -> str:
    """The schema as the file that is published: schemas/segrobust.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
