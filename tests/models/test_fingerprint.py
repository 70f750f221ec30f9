from __future__ import annotations

import hashlib

import torch

from pytest_segrobust.models.fingerprint import sha256_of, sha256_of_weights


def test_a_files_sha256_is_that_of_its_bytes(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"weights")
    assert sha256_of(tmp_path / "a.pt") == hashlib.sha256(b"weights").hexdigest()


def test_a_folders_sha256_changes_with_names_and_contents_and_not_with_caches(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.pt").write_bytes(b"weights")
    before = sha256_of(tmp_path)
    (tmp_path / "models" / "__pycache__").mkdir()
    (tmp_path / "models" / "__pycache__" / "a.pyc").write_bytes(b"x")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    assert sha256_of(tmp_path) == before
    (tmp_path / "models" / "model.pt").write_bytes(b"other")
    changed = sha256_of(tmp_path)
    assert changed != before
    (tmp_path / "models" / "model.pt").write_bytes(b"weights")
    (tmp_path / "models" / "model.pt").rename(tmp_path / "models" / "model2.pt")
    assert sha256_of(tmp_path) not in (before, changed)


def test_weights_in_memory_have_one_sha256_that_changes_with_the_last_of_them():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
    before = sha256_of_weights(network)
    assert sha256_of_weights(network) == before
    network[1].running_var[1] += 1
    assert sha256_of_weights(network) != before
