"""Words that a test cannot keep: nothing that this tool writes calls a model safe, or says that it complies or was proven."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import pytest_segrobust
from pytest_segrobust.evidence.html import render_html

PACKAGE = Path(pytest_segrobust.__file__).parent
AVOIDED = re.compile(
    r"complian|compli(es|ed)\b|certif|\bprove[sn]?\b|\bproof\b|\bsafe(ly)?\b|validated model|guaranteed",
    re.IGNORECASE,
)


def said(path: Path) -> list[str]:
    """The texts of a module that may reach a reader: its string literals without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def test_no_text_of_the_package_says_more_than_a_test_can_show():
    found = [
        (path.relative_to(PACKAGE).as_posix(), text)
        for path in PACKAGE.rglob("*.py")
        for text in said(path)
        if AVOIDED.search(text)
    ]
    assert found == []


@pytest.mark.parametrize("kind", ["*.jinja", "*.toml", "*.js", "*.typ"])
def test_no_template_says_more_than_a_test_can_show(kind):
    found = [
        (path.relative_to(PACKAGE).as_posix(), line)
        for path in PACKAGE.rglob(kind)
        for line in path.read_text(encoding="utf-8").splitlines()
        if AVOIDED.search(line)
    ]
    assert found == []


def test_the_whole_page_says_no_more_than_a_test_can_show(whole_report):
    text = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]*>", " ", render_html(*whole_report), flags=re.DOTALL)

    assert AVOIDED.findall(text) == []


def test_the_rule_finds_what_it_should():
    for word in ("compliant", "Complies", "certified", "proves", "safe", "a validated model"):
        assert AVOIDED.search(word)
    for word in ("safetensors", "supports", "improves", "compile"):
        assert not AVOIDED.search(word)
