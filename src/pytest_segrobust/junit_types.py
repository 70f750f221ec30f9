"""The type of a failure in pytest's JUnit XML is its verdict, so that a dashboard can tell inconclusive from failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from . import options

if TYPE_CHECKING:
    from .evidence.store import Store


class JunitTypes:
    """Completes what pytest's own writer of JUnit XML makes of our items; on the controller, or in the only process."""

    def __init__(self, config: pytest.Config, store: Store) -> None:
        self.config = config
        self.store = store
        options.junit_profile(config)  # a wrong name in the ini file ends the run before it begins

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """When pytest's writer has the failure: `<failure type="inconclusive" ...>`.

        Where pytest keeps its elements in another way than today, the file stays as pytest writes it; the verdict is among
        the properties in any case.
        """
        verdict = getattr(report, "segrobust_verdict", None)
        writer = _writer(self.config)
        if verdict is None or writer is None or not report.failed or report.when != "call":
            return
        try:
            elements = list(writer.node_reporter(report).nodes)
        except (AttributeError, KeyError, TypeError):
            return
        for element in elements:
            if getattr(element, "tag", "") == "failure":
                element.set("type", str(verdict))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Before the file is written: what stands once, above all tests."""
        from .evidence.junit_profiles import suite_properties

        writer = _writer(self.config)
        if writer is not None:
            for name, value in suite_properties(self.store.run(), options.junit_profile(self.config)):
                writer.add_global_property(name, value)


def _writer(config: pytest.Config) -> Any:
    """Pytest's writer of JUnit XML; None where none was asked for."""
    try:
        from _pytest.junitxml import xml_key
    except ImportError:
        return None
    return config.stash.get(xml_key, None)
