"""The user's own modules that were loaded, by names that tell no place, and nothing that is installed."""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path

import pytest

from pytest_segrobust.models.loaded_code import loaded_code


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "top_of_user.py",
        "pack_of_user/__init__.py",
        "pack_of_user/inner.py",
        "venv/installed_of_user.py",
        "unused_of_user.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("import pack_of_user.inner\n" if name.startswith("top") else "x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "venv"))
    for module in ("top_of_user", "installed_of_user"):
        importlib.import_module(module)
    yield tmp_path
    for module in [name for name in sys.modules if "of_user" in name]:
        del sys.modules[module]


def test_what_was_imported_is_listed_and_what_was_not_is_not(loaded: Path) -> None:
    found = loaded_code([loaded])

    assert list(found) == ["pack_of_user/__init__.py", "pack_of_user/inner.py", "top_of_user.py"]
    assert found["pack_of_user/inner.py"] == hashlib.sha256(b"x = 1\n").hexdigest()


def test_a_name_is_relative_to_the_innermost_folder(loaded: Path) -> None:
    assert "inner.py" in loaded_code([loaded, loaded / "pack_of_user"])
    assert loaded_code([loaded / "elsewhere"]) == {}
