"""Imports point down, and nothing below the pytest layer knows pytest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_segrobust

PACKAGE = Path(pytest_segrobust.__file__).parent

LAYERS = (
    {"errors", "reference_networks"},
    {"perturbations", "metrics"},
    {"requirements", "evidence"},
    {"datasets", "models", "traceability"},
    {"evaluation"},
    {"verification", "origin", "dossier"},
    {"run"},
    {
        "bundling",
        "ci",
        "freezing",
        "replay",
        "preview",
        "comparison",
        "python_requirements",
        "options",
        "progress",
        "signals",
        "strategies",
        "workers",
    },
    {"estimate", "planning", "release", "qualification", "junit_types"},
    {"assertions", "opening", "cli_records", "cli_dossier"},
    {"recording", "cli"},
    {"collection"},
    {"plugin"},
)
PYTEST_LAYER = {
    "plugin", "options", "collection", "opening", "recording", "workers", "python_requirements", "progress", "junit_types",
}  # fmt: skip


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def level(name: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if name in layer)


def imports(path: Path, *, typing_only: bool) -> Iterator[str]:
    """Absolute names of all imported modules; those under TYPE_CHECKING only where asked for."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    if not typing_only:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                skipped |= set(map(id, ast.walk(node)))
    parts = ("pytest_segrobust", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) - node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            if module == "pytest_segrobust":
                yield from (f"{module}.{alias.name}" for alias in node.names)
            yield module


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    upwards = [
        name
        for name in imports(path, typing_only=False)
        if name.startswith("pytest_segrobust.")
        and (there := name.split(".")[1]) != here
        and there != "__version__"
        and level(there) >= level(here)
    ]
    assert not upwards, f"{here} imports {upwards}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_the_pytest_layer_knows_pytest(path: Path) -> None:
    if room(path) not in PYTEST_LAYER:
        assert not {"pytest", "_pytest"} & {name.split(".")[0] for name in imports(path, typing_only=True)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_are_small_rooms(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 320
