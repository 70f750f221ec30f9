from __future__ import annotations

import json

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.bundle import open_bundle

UNET = {
    "_target_": "UNet",
    "_desc_": "a small one",
    "spatial_dims": "@dimensions",
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [2],
    "norm": "batch",
}


@pytest.fixture
def bundle(tmp_path):
    """A bundle folder with this network_def (and other settings), and the weights of a MONAI UNet."""
    from monai.networks.nets import UNet

    def make(network_def, **others):
        for name in ("configs", "models"):
            (tmp_path / name).mkdir(exist_ok=True)
        config = {"network_def": network_def, "dimensions": 2, **others}
        (tmp_path / "configs" / "inference.json").write_text(json.dumps(config), encoding="utf-8")
        torch.manual_seed(5)
        network = UNet(spatial_dims=2, in_channels=1, out_channels=3, channels=(4, 8), strides=(2,), norm="batch")
        torch.save(network.state_dict(), tmp_path / "models" / "model.pt")
        return tmp_path, network.eval()

    return make


@pytest.mark.parametrize("target", ["UNet", "monai.networks.nets.UNet", "monai.networks.nets.unet.UNet"])
def test_a_bundle_is_its_network_with_its_weights(bundle, target):
    folder, expected = bundle({**UNET, "_target_": target})
    image = torch.randn(1, 1, 16, 16)
    torch.testing.assert_close(open_bundle(folder).eval()(image), expected(image), rtol=0, atol=0)


def test_expressions_elsewhere_in_the_configuration_are_never_looked_at(bundle, hostile):
    folder, _ = bundle(UNET, inferer=f"$__import__('os').mkdir('{hostile.trace}')", imports=["$import os"])
    open_bundle(folder)
    assert not hostile.ran


@pytest.mark.parametrize(
    ("network_def", "words"),
    [
        ({"_target_": "os.mkdir", "path": "TRACE"}, "_target_ 'os.mkdir' is no network"),
        ({**UNET, "norm": "$__import__('os').mkdir('TRACE')"}, "would run code"),
        ({**UNET, "norm": "%other.json::norm"}, "would run code"),
        ({**UNET, "norm": "@bad"}, "would run code"),
        ({**UNET, "norm": {"_target_": "subprocess.run"}}, "subprocess.run"),
        ({**UNET, "_mode_": "debug"}, "_mode_"),
        ({**UNET, "_requires_": "$1"}, "_requires_"),
        ({"_target_": "monai.networks.utils.convert_to_onnx"}, "is no network"),
        ({"_target_": "monai.networks.nets.torch.hub.load"}, "is no network"),
        ({"_target_": "torch.nn.Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": 1}, "is no network"),
        ({"_target_": "FlexibleUNet", "in_channels": 1, "out_channels": 3, "pretrained": True}, "would download"),
    ],
)
def test_what_could_run_code_is_refused_and_does_not_run(bundle, hostile, network_def, words):
    network_def = json.loads(json.dumps(network_def).replace("TRACE", str(hostile.trace)))
    folder, _ = bundle(network_def, bad=f"$__import__('os').mkdir('{hostile.trace}')")
    with pytest.raises(ModelError, match=r"^refused: ") as caught:
        open_bundle(folder)
    assert words in str(caught.value)
    assert not hostile.ran


@pytest.mark.parametrize(
    ("network_def", "words"),
    [
        ({**UNET, "channels": "@nowhere"}, "@nowhere, which is not there"),
        ({**UNET, "channels": "@loop"}, "refers to itself"),
        ({**UNET, "channels": "@a + 1"}, "no plain name"),
        ({**UNET, "chanels": [1]}, "UNet of network_def cannot be built"),
        ({**UNET, "out_channels": 7}, "does not fit network_def"),
        ("UNet", "is str, not a network"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(bundle, network_def, words):
    folder, _ = bundle(network_def, loop="@loop")
    with pytest.raises(ModelError, match=words) as caught:
        open_bundle(folder)
    assert "\n" not in str(caught.value)


def test_a_bundle_without_weights_or_network_or_configuration_is_said_to_be(bundle):
    folder, _ = bundle(UNET)
    (folder / "models" / "model.pt").unlink()
    with pytest.raises(ModelError, match=r"no weights in models/model\.pt"):
        open_bundle(folder)
    (folder / "configs" / "inference.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="no network_def"):
        open_bundle(folder)
    (folder / "configs" / "inference.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        open_bundle(folder)
    (folder / "configs" / "inference.json").unlink()
    with pytest.raises(ModelError, match=r"no configs/inference\.json"):
        open_bundle(folder)
