"""Pages that are written from the code say what the code says now."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from pytest_segrobust.perturbations import description

DOCS = Path(__file__).parents[1] / "docs"


def pages():
    specification = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["pages"] = module  # its dataclasses look themselves up
    specification.loader.exec_module(module)
    return module


def test_the_page_of_perturbations_is_that_of_the_catalogue():
    assert (DOCS / "perturbations.md").read_text(encoding="utf-8") == pages().page(), "run: python docs/pages.py"


def test_every_room_but_that_of_attacks_has_a_picture():
    names = {pages().file_name(title) for title in description.by_room()} - {"attacks"}
    assert {path.stem for path in (DOCS / "perturbations").iterdir()} == names


def test_severities_go_half_way_to_the_end_of_the_plausible_range_and_beyond():
    module = pages()
    catalogue = {p.name: p for found in description.by_room().values() for p in found}
    texts = [str(point) for point in module.severities(catalogue["gaussian noise"])]
    assert texts == [f"gaussian noise(sigma={sigma})" for sigma in (0.05, 0.1, 0.2)]
    assert [str(point) for point in module.severities(catalogue["flip"])] == ["flip(axis=left-right)"]
