"""What pytest's JUnit XML does not say by itself: the verdict as a failure's type, and what is wrong with the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from . import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .evidence.store import Store


class JunitTypes:
    """Completes what pytest's own writer of JUnit XML makes of our items; on the controller, or in the only process.

    `faults` are what the run as a whole is, and why, where that is no requirement's: complete when the session ends.
    """

    def __init__(self, config: pytest.Config, store: Store, faults: Sequence[tuple[str, str]]) -> None:
        self.config = config
        self.store = store
        self.faults = faults
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
        """Before the file is written: what stands once, above all tests, and a case that the run itself has failed.

        A reader of test cases alone would take a run for green whose requirements passed on data that were trained on.
        """
        from .evidence.junit_profiles import suite_properties
        from .evidence.report import ending_of

        writer = _writer(self.config)
        if writer is None:
            return
        ending = ending_of(self.store)
        writer.add_global_property("segrobust.run_verdict", ending["verdict"])
        writer.add_global_property("segrobust.record", ending["record"]["state"])
        for name, value in suite_properties(self.store.run(), options.junit_profile(self.config)):
            writer.add_global_property(name, value)
        if self.faults:
            from _pytest.junitxml import bin_xml_escape

            case = writer.node_reporter("segrobust::run")
            case.attrs = {"classname": "segrobust", "name": "run"}
            for verdict, why in self.faults:
                case.append(ET.Element("error", type=verdict, message=bin_xml_escape(why)))
            writer.stats["error"] -= len(self.faults) - 1  # it counts elements, and this is one case


def _writer(config: pytest.Config) -> Any:
    """Pytest's writer of JUnit XML; None where none was asked for."""
    try:
        from _pytest.junitxml import xml_key
    except ImportError:
        return None
    return config.stash.get(xml_key, None)
