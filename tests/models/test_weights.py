from __future__ import annotations

import pickle

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.weights import load_into, read_safetensors, read_weights


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "network_weights", "network"])
def test_the_usual_wrappers_are_opened(tmp_path, small, key):
    state = small().state_dict()
    torch.save({key: state, "epoch": 3}, tmp_path / "a.pt")
    assert read_weights(tmp_path / "a.pt").keys() == state.keys()


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "model.", "net."])
def test_prefixes_of_wrapped_networks_are_taken_off(tmp_path, small, prefix):
    source, target = small(seed=1), small(seed=2)
    weights = {prefix + key: value for key, value in source.state_dict().items()}
    load_into(target, weights, tmp_path / "a.pt", "nets:build")
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


def test_a_hostile_pickle_does_not_run(tmp_path, small, hostile):
    torch.save({"state_dict": small().state_dict(), "extra": hostile}, tmp_path / "a.pt")
    with pytest.raises(
        ModelError, match=r"refused: .*a\.pt wants to run code while it is read \(\w+\.mkdir\)"
    ) as caught:
        read_weights(tmp_path / "a.pt")
    assert not hostile.ran
    assert "\n" not in str(caught.value)
    torch.load(tmp_path / "a.pt", weights_only=False)
    assert hostile.ran, "the file was not hostile at all"


def test_a_bare_hostile_pickle_does_not_run(tmp_path, hostile):
    (tmp_path / "a.pt").write_bytes(pickle.dumps(hostile))
    with pytest.raises(ModelError):
        read_weights(tmp_path / "a.pt")
    assert not hostile.ran


def test_a_whole_network_pickled_is_refused(tmp_path):
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / "a.pt")
    with pytest.raises(ModelError, match=r"refused: .*\(torch\.nn\.modules\.conv\.Conv2d\).*state_dict"):
        read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"epoch": 3, "loss": 0.1}, "its keys: epoch, loss"),
        (torch.zeros(3), "holds Tensor, no weights"),
        ({}, "holds nothing"),
        ({"state_dict": {}}, "holds nothing"),
    ],
)
def test_a_file_without_weights_is_refused(tmp_path, content, words):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(ModelError, match=words):
        read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_a_file_that_was_cut_off_is_said_to_be(tmp_path, small, ending):
    from safetensors.torch import save_file

    path = tmp_path / f"a.{ending}"
    torch.save(small().state_dict(), path) if ending == "pt" else save_file(small().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="cut off or damaged"):
        read_weights(path) if ending == "pt" else read_safetensors(path)


def test_the_checkpoint_of_another_net_is_named_weight_by_weight(tmp_path, small):
    weights = small().state_dict()
    weights["extra"] = torch.zeros(1)
    del weights["last.bias"]
    weights["first.weight"] = torch.zeros(5, 1, 3, 3)
    with pytest.raises(ModelError, match="another net") as caught:
        load_into(small(), weights, tmp_path / "a.pt", "nets:build")
    message = str(caught.value)
    assert "1 weights missing (last.bias)" in message
    assert "1 weights left over (extra)" in message
    assert "first.weight is (5, 1, 3, 3) in the file and (4, 1, 3, 3) in the network" in message
    assert "\n" not in message


def test_of_many_weights_the_first_three_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"4 weights missing \(0\.weight, 0\.bias, 1\.weight and 1 more\)"):
        load_into(
            torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Conv2d(1, 1, 1)),
            {"other": torch.zeros(1)},
            tmp_path / "a.pt",
            "nets:build",
        )
