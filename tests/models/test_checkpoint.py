"""One set of weights in every format must give the same predictions, and each format its own clear errors."""

from __future__ import annotations

import hashlib
import sys

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.checkpoint import open_checkpoint
from pytest_segrobust.models.segmenter import open_segmenter

CPU = torch.device("cpu")


def onnx_file(network, path):
    """The network of nets.py, written node by node: torch's own exporter needs a package that users need not have."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    tensors = [numpy_helper.from_array(value.numpy(), name) for name, value in network.state_dict().items()]
    nodes = [
        helper.make_node("Conv", ["x", "first.weight", "first.bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "last.weight", "last.bias"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


def write(kind, network, path):
    if kind == "weights":
        torch.save(network.state_dict(), path)
    elif kind == "wrapped":
        torch.save({"epoch": 3, "state_dict": {"module." + k: v for k, v in network.state_dict().items()}}, path)
    elif kind == "legacy":
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
    elif kind == "safetensors":
        from safetensors.torch import save_file

        save_file(network.state_dict(), path)
    elif kind == "scripted":
        torch.jit.script(network).save(str(path))
    elif kind == "traced":
        torch.jit.trace(network, torch.zeros(1, 1, 8, 8)).save(str(path))
    elif kind == "exported":
        auto = torch.export.Dim.AUTO
        program = torch.export.export(
            network, (torch.zeros(2, 1, 16, 16),), dynamic_shapes={"x": {0: auto, 2: auto, 3: auto}}
        )
        torch.export.save(program, path)
    else:
        onnx_file(network, path)


@pytest.mark.parametrize(
    "kind", ["weights", "wrapped", "legacy", "safetensors", "scripted", "traced", "exported", "onnx"]
)
def test_every_format_gives_the_networks_own_predictions(kind, project, small, settings, tmp_path):
    network = small(seed=3)
    path = tmp_path / ("model.onnx" if kind == "onnx" else "model.bin")
    write(kind, network, path)
    images = [
        torch.randn(1, *shape, generator=torch.Generator().manual_seed(1)) for shape in ((20, 18), (20, 18), (9, 31))
    ]
    segmenter = open_segmenter([str(path)], settings(network="nets:build"), root=project)
    predictions = segmenter.predict(images, [(1.0, 1.0)] * 3, keep_probabilities=True)
    for image, prediction in zip(images, predictions, strict=True):
        expected = network(image[None])[0].softmax(0)
        torch.testing.assert_close(prediction.probabilities, expected, rtol=0, atol=1e-6)
        assert torch.equal(prediction.masks, torch.stack([expected.argmax(0) == 1, expected.argmax(0) == 2]))
    assert segmenter.sha256 == (hashlib.sha256(path.read_bytes()).hexdigest(),)
    assert segmenter.forward_passes == 3


def test_a_ready_network_of_a_function_has_the_sha256_of_its_source_and_of_its_weights(project, settings):
    opened = open_checkpoint("nets:build", settings(), root=project, device=CPU)
    assert opened.sha256 == "source:" + hashlib.sha256((project / "nets.py").read_bytes()).hexdigest()
    again = open_checkpoint("nets:build", settings(), root=project, device=CPU)
    assert opened.weights_sha256 == again.weights_sha256
    other = open_checkpoint("nets:build", settings(), root=project, device=CPU, seed=1)
    assert opened.weights_sha256 != other.weights_sha256


def test_building_a_network_leaves_the_generator_where_it_was(project, settings):
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    open_checkpoint("nets:build", settings(), root=project, device=CPU)
    assert torch.rand(1) == expected


def test_a_module_may_hold_the_network_itself(project, settings):
    assert open_checkpoint("nets:ready", settings(), root=project, device=CPU).parameters == 55


def test_networks_are_in_eval_mode_without_gradients(project, settings):
    network = open_checkpoint("nets:build", settings(), root=project, device=CPU).network
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_sha256_is_taken_before_the_file_is_opened(project, settings, small, tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    torch.save(small().state_dict(), path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()

    def read_and_change(file):
        path.write_bytes(b"changed")
        return small().state_dict()

    monkeypatch.setattr("pytest_segrobust.models.checkpoint.read_weights", read_and_change)
    assert open_checkpoint(str(path), settings(network="nets:build"), root=project, device=CPU).sha256 == before


def test_an_exported_program_of_one_size_sets_window_and_batch_by_itself(small, settings, tmp_path):
    network = small()
    torch.export.save(torch.export.export(network, (torch.zeros(1, 1, 16, 16),)), tmp_path / "a.pt2")
    image = torch.randn(3, 1, 16, 16)
    segmenter = open_segmenter([str(tmp_path / "a.pt2")], settings(), root=tmp_path)
    predictions = segmenter.predict([*image, torch.randn(1, 20, 9)], [(1.0, 1.0)] * 4)
    assert [prediction.failure for prediction in predictions] == [None] * 4
    for one, prediction in zip(image, predictions, strict=False):
        assert torch.equal(prediction.masks[0], network(one[None])[0].argmax(0) == 1)
    assert segmenter.description()["window"] == [16, 16]
    with pytest.raises(ModelError, match=r"exported for images of \[16, 16\] alone"):
        open_segmenter([str(tmp_path / "a.pt2")], settings(window=[32, 32]), root=tmp_path)
    with pytest.raises(ModelError, match=r"takes 1 input channels, but \[model\] channels = 2"):
        open_segmenter([str(tmp_path / "a.pt2")], settings(channels=2), root=tmp_path)


def test_a_program_exported_in_training_mode_is_refused(small, tmp_path, settings):
    torch.export.save(torch.export.export(small().train(), (torch.zeros(1, 1, 16, 16),)), tmp_path / "a.pt2")
    with pytest.raises(ModelError, match="exported in training mode"):
        open_checkpoint(str(tmp_path / "a.pt2"), settings(), root=tmp_path, device=CPU)


def test_onnx_without_onnxruntime_says_what_to_install(small, tmp_path, settings, monkeypatch):
    onnx_file(small(), tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r'pip install "pytest-segrobust\[onnx\]"'):
        open_checkpoint(str(tmp_path / "a.onnx"), settings(), root=tmp_path, device=CPU)


def test_a_damaged_onnx_file_is_said_to_be(tmp_path, settings):
    pytest.importorskip("onnxruntime")
    (tmp_path / "a.onnx").write_bytes(b"\x08\x08 and nothing more")
    with pytest.raises(ModelError, match="not an ONNX network, or is damaged"):
        open_checkpoint(str(tmp_path / "a.onnx"), settings(), root=tmp_path, device=CPU)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (None, r'holds weights alone: say in \[model\] which network they belong to, as network = "my_package'),
        ("nets:biuld", "did you mean build"),
        ("nowhere_at_all:build", "no module nowhere_at_all"),
        ("nets:nothing", "nets:nothing returned NoneType, not a torch.nn.Module"),
        ("nets:broken", r"nets:broken raised ValueError: no such thing \(nets.py, line \d+\)"),
        ("nets:number", "nets:number is int, not a function"),
        ("nets:build_wide", r"does not fit nets:build_wide: .*first\.weight is \(4, 1, 3, 3\) in the file and \(5, 1"),
        ("nets:build_solid", "another net"),
    ],
)
def test_weights_with_a_network_that_is_wrong_end_in_one_line(project, settings, small, network, words):
    torch.save(small().state_dict(), project / "a.pt")
    with pytest.raises(ModelError, match=words) as caught:
        open_checkpoint(str(project / "a.pt"), settings(network=network), root=project, device=CPU)
    assert "\n" not in str(caught.value)


def test_a_hostile_checkpoint_is_refused_before_its_network_is_asked_for(tmp_path, settings, hostile):
    torch.save({"state_dict": hostile}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match="refused"):
        open_checkpoint(str(tmp_path / "a.pt"), settings(), root=tmp_path, device=CPU)
    assert not hostile.ran
