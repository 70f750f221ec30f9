from __future__ import annotations

import hashlib
import sys

import pytest

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.functions import find_function, is_function_name, searching


@pytest.mark.parametrize("text", ["nets:build", "a.b.c:Net.build", "_x:_y"])
def test_module_and_function(text):
    assert is_function_name(text)


@pytest.mark.parametrize("text", ["ckpt.pt", "nets.py", "C:\\ckpt.pt", "nets:", ":build", "a/b:c", "nets.py:build:x"])
def test_paths_are_no_functions(text):
    assert not is_function_name(text)


def test_a_function_is_found_in_the_folder_of_the_spec_with_its_files_sha256(project):
    found = find_function("nets:build", project, "network")
    assert type(found()).__name__ == "Small"
    assert found.source == project / "nets.py"
    assert found.sha256 == hashlib.sha256((project / "nets.py").read_bytes()).hexdigest()


def test_the_hash_is_of_the_file_that_defines_the_function(project):
    (project / "outer.py").write_text("from nets import build\n", encoding="utf-8")
    assert find_function("outer:build", project, "network").source.name == "nets.py"


def test_the_search_path_is_as_before_afterwards(project):
    before = list(sys.path)
    find_function("nets:build", project, "network")()
    assert sys.path == before


def test_two_folders_may_hold_modules_of_one_name(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "blocks.py").write_text(f"NAME = {name!r}", encoding="utf-8")
        (tmp_path / name / "twin_net.py").write_text(
            "import blocks\ndef early(): return blocks.NAME\ndef late():\n    import blocks\n    return blocks.NAME\n",
            encoding="utf-8",
        )
    found = {
        (name, function): find_function(f"twin_net:{function}", tmp_path / name, "network")
        for name in ("one", "two", "one")
        for function in ("early", "late")
    }
    for (name, _), function in found.items():
        assert function() == name


def test_a_module_that_was_set_aside_is_back_afterwards(tmp_path):
    (tmp_path / "json.py").write_text("def build(): return 'mine'", encoding="utf-8")
    import json

    assert find_function("json:build", tmp_path, "network")() == "mine"
    assert sys.modules["json"] is json


def test_a_file_beside_the_spec_does_not_hide_an_installed_module_that_is_loaded(tmp_path):
    (tmp_path / "torch.py").write_text("raise RuntimeError('not torch')", encoding="utf-8")
    (tmp_path / "uses_torch.py").write_text("import torch\ndef build(): return torch.nn.Identity()", encoding="utf-8")
    assert type(find_function("uses_torch:build", tmp_path, "network")()).__name__ == "Identity"


def test_the_path_is_restored_when_the_body_raises(project):
    before = list(sys.path)
    with pytest.raises(ValueError, match="x"), searching(project):
        raise ValueError("x")
    assert sys.path == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nets", 'write it as "module:function"'),
        ("nets.py:build()", 'write it as "module:function"'),
        ("nowhere_at_all:build", "no module nowhere_at_all; searched .*project and the installed packages"),
        ("nets.inner:build", "no module nets.inner|imports"),
        ("nets:biuld", "has no biuld; did you mean build"),
        ("wants_more:build", "wants_more imports not_installed_anywhere, which is not installed"),
        ("failing:build", r"importing failing failed: ZeroDivisionError: division by zero \(failing.py, line 2\)"),
        ("unreadable:build", "importing unreadable failed: SyntaxError"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(project, name, words):
    (project / "wants_more.py").write_text("import not_installed_anywhere", encoding="utf-8")
    (project / "failing.py").write_text("\n1 / 0", encoding="utf-8")
    (project / "unreadable.py").write_text("def build(:", encoding="utf-8")
    with pytest.raises(ModelError, match=words) as caught:
        find_function(name, project, "network")
    assert "\n" not in str(caught.value)
