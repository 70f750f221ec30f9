from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_segrobust.requirements import schema
from pytest_segrobust.requirements.settings import SpecFile

PUBLISHED = Path(__file__).parents[2] / "schemas" / "segrobust.schema.json"


def test_the_published_schema_is_that_of_the_models():
    assert PUBLISHED.read_text(encoding="utf-8") == schema.text(), (
        "the tables of the file changed; write the schema anew: segrobust schema > schemas/segrobust.schema.json"
    )


def test_the_example_in_the_schema_can_be_read():
    [example] = schema.json_schema()["examples"]
    assert SpecFile.model_validate_json(json.dumps(example), strict=True).requirement[0].id == "ROB-001"


def test_every_key_says_what_it_is():
    tables = schema.json_schema()["$defs"]
    silent = [
        f"{name}.{key}"
        for name, table in tables.items()
        for key, what in table["properties"].items()
        if "description" not in what
    ]
    assert silent == []


def test_keys_that_are_not_known_are_refused():
    made = schema.json_schema()
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert all(table["additionalProperties"] is False for table in (made, *made["$defs"].values()))


def test_the_schema_knows_no_null_which_toml_has_not():
    def nodes(node: Any):
        yield node
        for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from nodes(part)

    assert not [node for node in nodes(schema.json_schema()) if isinstance(node, dict) and node.get("type") == "null"]
    assert None not in [node for node in nodes(schema.json_schema()) if not isinstance(node, dict | list)]
