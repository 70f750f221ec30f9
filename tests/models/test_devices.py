from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models import devices
from pytest_segrobust.models.devices import choose_device, default_batch_size, devices_for_workers


def test_cpu_is_there():
    assert choose_device("cpu") == torch.device("cpu")


def test_without_a_name_the_best_device_is_chosen():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device().type == expected


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "tpu:0", ""])
def test_a_name_that_means_nothing_is_refused(name):
    with pytest.raises(ModelError, match="no such device"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_where_there_is_none_is_refused():
    with pytest.raises(ModelError, match=r"--segrobust-device=cuda:1: torch .*(without CUDA|sees no GPU)"):
        choose_device("cuda:1")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ModelError, match="there are"):
        choose_device("cuda:99")


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that torch was built for CUDA, and what nvidia-smi and CUDA_VISIBLE_DEVICES say."""

    def pretend(count, visible=None):
        monkeypatch.setattr(devices, "_torch_build", lambda: "cuda")
        monkeypatch.setattr(devices, "_installed_gpus", lambda: count)
        monkeypatch.setattr(devices.sys, "platform", "linux")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return pretend


@pytest.mark.parametrize(
    ("count", "visible", "expected"),
    [
        (2, None, ["cuda:0", "cuda:1"]),
        (4, "2,3", ["cuda:0", "cuda:1"]),
        (4, "3", ["cuda:0"]),
        (2, "", ["cpu"]),
        (2, "-1", ["cpu"]),
        (4, "1,-1,2", ["cuda:0"]),
        (2, "0,7,1", ["cuda:0"]),
        (2, "GPU-11111111-aaaa", ["cuda:0"]),
        (0, None, ["cpu"]),
        (0, "0", ["cpu"]),
    ],
)
def test_workers_get_the_gpus_that_cuda_would_see(gpus, count, visible, expected):
    gpus(count, visible)
    assert devices_for_workers() == expected


def test_a_torch_without_cuda_gets_no_gpu_however_many_there_are(gpus, monkeypatch):
    gpus(4)
    monkeypatch.setattr(devices, "_torch_build", lambda: "cpu")
    assert devices_for_workers() == ["cpu"]


def test_the_build_is_read_from_the_version_file_as_torch_itself_says():
    assert devices._torch_build() == ("cpu" if torch.version.cuda is None else "cuda")


def test_counting_devices_does_not_import_torch():
    code = (
        "import sys; from pytest_segrobust.models.devices import devices_for_workers; devices_for_workers();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_batches_on_a_cpu_are_small_and_shrink_with_the_image():
    cpu = torch.device("cpu")
    assert default_batch_size(cpu, (64, 64)) == 16
    assert default_batch_size(cpu, (48, 64, 48)) == 4
    assert default_batch_size(cpu, (96, 96, 96)) == 2
    assert default_batch_size(cpu, (512, 512, 512)) == 1
