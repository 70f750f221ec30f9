"""The hooks pytest calls. Imports pytest and nothing heavier: everything else is imported when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from . import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .assertions import Segrobust
    from .collection import RequirementFile
    from .datasets.dataset import Dataset
    from .models.segmenter import Segmenter
    from .run import Run

pytest.register_assert_rewrite("pytest_segrobust.assertions")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The contract's options, each with an ini twin."""
    options.add(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; with a model or a spec on the command line, start recording."""
    config.addinivalue_line(
        "markers", "requirement(id, statement='', rationale='', risks=(), tags=()): a robustness requirement in Python"
    )
    config.addinivalue_line("markers", "segrobust(id): a requirement of a segrobust.toml, for -m \"segrobust(id='X')\"")
    options.refuse_comparison_of_nothing(config)
    if options.wanted(config):
        from .recording import start

        start(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> RequirementFile | None:
    """A requirement file is collected like a test file."""
    if not options.is_spec(file_path, parent.config):
        return None
    from .collection import RequirementFile

    return RequirementFile.at(file_path, parent)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before -k and -m deselect: every requirement collected is `not_run` until proven otherwise."""
    from . import collection

    collection.declare(config, items)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """The report says which requirements -k, -m, --lf or --deselect left out."""
    from . import collection

    collection.note_deselected(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """A requirement without a model is a usage error, never a green skip."""
    from . import collection

    collection.refuse_without_model(session)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """The same under xdist, where the controller collects nothing itself."""
    options.refuse_specs_without_model(node.config, ids)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Turn the outcome of a requirement, in TOML or in Python, into its result in the store."""
    report = yield
    if options.requirement_key in item.stash:
        from .collection import conclude

        conclude(item, call, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """A stress test that was not met has its own word: it is no failure of the run, and never a pass."""
    if not hasattr(report, "segrobust_stress"):
        return None
    from . import collection

    return collection.status(report)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say why an estimate is not on the right side of its limit."""
    if not hasattr(left, "explain_comparison"):
        return None
    return list(left.explain_comparison(op, right))


@pytest.fixture(scope="session")
def segrobust_run(request: pytest.FixtureRequest) -> Run:
    """The run: the spec, the options and the store."""
    from .opening import open_run

    return open_run(request.config)


@pytest.fixture(scope="session")
def segmenter(segrobust_run: Run) -> Segmenter:
    """The model under test; override this fixture to build it in another way."""
    return segrobust_run.open_segmenter()


@pytest.fixture(scope="session")
def cases(segrobust_run: Run) -> Dataset:
    """The cases of the spec's [data]; override this fixture to take them from elsewhere."""
    return segrobust_run.open_dataset()


@pytest.fixture(scope="session")
def segrobust(request: pytest.FixtureRequest, segrobust_run: Run, segmenter: Segmenter, cases: Dataset) -> Segrobust:
    """Measure drops and values at exact perturbations, and compare them with limits through their interval."""
    from .assertions import Segrobust
    from .python_requirements import comparisons_key

    evaluation = segrobust_run.evaluation(segmenter, cases)
    return Segrobust(evaluation, segrobust_run, request.config.stash.setdefault(comparisons_key, []))
