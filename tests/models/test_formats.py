from __future__ import annotations

import zipfile

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.formats import recognise


def test_the_ending_does_not_matter(tmp_path):
    weights, script = tmp_path / "a.bin", tmp_path / "b.pth"
    torch.save({"w": torch.zeros(1)}, weights)
    torch.jit.script(torch.nn.Conv2d(1, 1, 1)).save(str(script))
    assert (recognise(weights), recognise(script)) == ("weights", "torchscript")


def test_weights_of_torch_before_1_6_are_recognised(tmp_path):
    torch.save({"w": torch.zeros(1)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert recognise(tmp_path / "old.pt") == "weights"


def test_safetensors_are_recognised(tmp_path):
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(3)}, tmp_path / "model.pt")
    assert recognise(tmp_path / "model.pt") == "safetensors"


def test_a_folder_with_configs_is_a_bundle(tmp_path):
    (tmp_path / "configs").mkdir()
    assert recognise(tmp_path) == "monai bundle"


def test_a_file_that_is_not_there_comes_with_the_nearest_names(tmp_path):
    for name in ("unet_best.pt", "unet_last.pt", "readme.txt"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelError, match=r"no such file: .*unet_bst\.pt; did you mean unet_best\.pt"):
        recognise(tmp_path / "unet_bst.pt")
    with pytest.raises(ModelError, match="there is no folder"):
        recognise(tmp_path / "models" / "unet.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"hello, this is a text", "is not a checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS pointer"),
        (b"PK\x03\x04 and then nothing", "cut off or damaged"),
    ],
)
def test_what_is_no_model_is_said_in_one_line(tmp_path, content, words):
    (tmp_path / "ckpt.pt").write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        recognise(tmp_path / "ckpt.pt")
    assert "\n" not in str(caught.value)


def test_a_zip_of_something_else_is_no_model(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/readme.txt", "x")
    with pytest.raises(ModelError, match="zip file without a model"):
        recognise(tmp_path / "a.zip")


@pytest.mark.parametrize("marker", ["plans.json", "fold_0/", "nnUNetTrainer__nnUNetPlans__3d_fullres/plans.json"])
def test_an_nnu_net_folder_is_named_as_such(tmp_path, marker):
    path = tmp_path / marker
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if marker.endswith("/") else path.write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="nnU-Net results folder"):
        recognise(tmp_path)


def test_another_folder_is_no_bundle(tmp_path):
    with pytest.raises(ModelError, match="no MONAI bundle"):
        recognise(tmp_path)
