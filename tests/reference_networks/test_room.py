"""The reference networks are subjects of verification: the package itself does without them."""

from __future__ import annotations

from pathlib import Path

import pytest_segrobust

PACKAGE = Path(pytest_segrobust.__file__).parent


def test_nothing_of_the_package_imports_the_reference_networks() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if "reference_networks" not in path.parts]
    assert len(files) > 50
    assert not [path for path in files if "reference_networks" in path.read_text(encoding="utf-8")]
