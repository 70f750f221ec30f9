"""The catalogue of metrics: complete, unambiguous, and told in the docs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_segrobust.metrics.catalogue import METRICS, Metric, score_key
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_the_docs_explain_every_metric_with_name_key_and_unit(metric: Metric) -> None:
    best, worst = f"{metric.best:g}", metric.worst if isinstance(metric.worst, str) else f"{metric.worst:g}"
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{metric.key}` |")]
    assert len(rows) == 1
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", rows[0].strip("|"))]
    assert cells[1] == metric.name
    assert cells[3] == (metric.unit or "-")
    assert cells[4] == {"higher": "higher", "lower": "lower", "zero": "near 0"}[metric.better]
    assert cells[5].split(" ")[0] == best
    assert cells[6].split(" ")[0] == worst


def test_the_docs_explain_no_metric_that_is_not_there() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    keys = [row.split("`")[1] for row in rows]
    assert keys[: len(METRICS)] == list(METRICS)
    assert set(keys[len(METRICS) :]) <= set(MEASURES)
    assert len(keys) == len(set(keys))


def test_the_docs_explain_every_measure_of_uncertainty() -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    kinds = {key: key.replace("pearson", "spearman").replace("kendall", "spearman") for key in MEASURES}
    assert not [key for key, kind in kinds.items() if not any(f"`{kind}`" in row for row in rows)]


def test_no_name_or_synonym_means_two_metrics() -> None:
    names = [name.casefold() for metric in METRICS.values() for name in (metric.name, *metric.synonyms)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_the_worst_value_lies_on_the_worse_side_of_the_best(metric: Metric) -> None:
    worst = float("inf") if metric.worst == "diagonal" else float(metric.worst)
    if metric.better == "higher":
        assert worst < metric.best
    if metric.better == "lower":
        assert worst > metric.best
    if metric.better == "zero":
        assert abs(worst) > metric.best == 0


def test_a_score_s_key_names_the_tolerance_in_mm() -> None:
    assert [score_key("nsd", tolerance) for tolerance in (2, 2.0, 0.25, 1.5)] == [
        "nsd@2",
        "nsd@2",
        "nsd@0.25",
        "nsd@1.5",
    ]
    assert score_key("dsc") == "dsc"


def test_the_catalogue_needs_neither_numpy_nor_scipy() -> None:
    code = (
        "import sys, pytest_segrobust.metrics.catalogue; print(sorted({'numpy', 'scipy', 'torch'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_scoring_imports_scipy_only_when_a_surface_is_measured() -> None:
    code = "import sys, pytest_segrobust.metrics.scoring; print(sorted({'scipy', 'torch'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
