"""What pytest pays for the plugin, and what it refuses."""

from __future__ import annotations

import pytest


def test_unused_plugin_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys

        def test_light():
            heavy = {"torch", "monai", "numpy", "scipy", "matplotlib", "nibabel", "lark", "pydantic", "hypothesis", "rich"}
            ours = {name for name in sys.modules if name.startswith("pytest_segrobust.")}
            assert not heavy & set(sys.modules)
            assert ours <= {f"pytest_segrobust.{name}" for name in (
                "plugin", "options", "collection", "python_requirements", "opening", "recording", "progress", "signals", "errors")}
    """)

    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest")

    result.assert_outcomes(passed=1)


def test_collecting_a_spec_imports_neither_torch_nor_matplotlib(project) -> None:
    (project.path / "conftest.py").write_text("""
import sys

def pytest_collection_finish(session):
    print("heavy:", sorted({"torch", "monai", "scipy", "matplotlib", "nibabel"} & set(sys.modules)))
""")

    result = project.run("--collect-only", "-q", "-s")

    result.stdout.fnmatch_lines(["*heavy: []*"])


def test_collect_only_leaves_no_report_behind(project) -> None:
    project.run("--collect-only", "-q")

    assert not (project.path / "segrobust-report").exists()


def test_markers_and_options_are_explained(pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--markers").stdout.fnmatch_lines(["*@pytest.mark.requirement(id*"])
    pytester.runpytest_subprocess("--help").stdout.fnmatch_lines(["*--segrobust-model=*", "*--segrobust-profile=*"])
