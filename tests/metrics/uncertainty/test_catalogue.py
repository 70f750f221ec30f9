"""The list of measures names functions that exist, and is read without numpy."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
import sys
from typing import get_type_hints

import pytest

from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES, UncertaintyMeasure
from pytest_segrobust.metrics.uncertainty.measured import Measured

ROOM = "pytest_segrobust.metrics.uncertainty"


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.key)
def test_the_function_returns_what_the_entry_says(measure: UncertaintyMeasure) -> None:
    module, name = measure.function.split(".")
    function = getattr(importlib.import_module(f"{ROOM}.{module}"), name)
    returned = get_type_hints(function, vars(sys.modules[function.__module__]) | named_types())["return"]
    if not measure.field:
        assert returned is Measured
        return
    assert dataclasses.is_dataclass(returned)
    found = getattr(returned, measure.field, None)
    if isinstance(found, property):
        assert found.fget is not None
        assert get_type_hints(found.fget)["return"] is Measured
    else:
        assert {field.name: field.type for field in dataclasses.fields(returned)}[measure.field] == "Measured"


def named_types() -> dict[str, object]:
    """What the modules import for types alone."""
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    return {"Iterable": Iterable, "Sequence": Sequence, "npt": npt}


def test_ranges_hold_what_a_map_without_information_scores() -> None:
    for measure in MEASURES.values():
        if measure.no_information is not None:
            assert measure.lowest is None or measure.lowest <= measure.no_information
            assert measure.highest is None or measure.no_information <= measure.highest
        assert measure.source
        assert measure.undefined


def test_collecting_reads_it_without_numpy() -> None:
    code = f"import sys, {ROOM}.catalogue; print(*({{'numpy', 'scipy', 'torch'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
