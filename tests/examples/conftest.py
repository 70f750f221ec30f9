"""What the tests of all examples share."""

from __future__ import annotations

import importlib
import sys

import pytest


@pytest.fixture
def example(request, monkeypatch):
    """Import one of the test file's MODULES in its FOLDER as the example's own scripts do, and forget it afterwards.

    Other examples use the same names.
    """
    monkeypatch.syspath_prepend(str(request.module.FOLDER))
    for name in request.module.MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module
    for name in request.module.MODULES:
        sys.modules.pop(name, None)
