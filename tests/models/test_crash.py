from __future__ import annotations

import pytest
import torch

from pytest_segrobust.models.crash import crash, has_poisoned_device, is_out_of_memory, setup_fault


def test_a_crash_is_its_type_and_first_line_within_200_characters():
    assert crash(RuntimeError("one\ntwo")) == "crashed: RuntimeError: one"
    assert crash(ValueError()) == "crashed: ValueError"
    assert len(crash(RuntimeError("x" * 500))) == len("crashed: ") + 200


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory, said the parser"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) is expected


def test_a_device_side_assertion_poisons_the_device_and_too_little_memory_does_not():
    assert has_poisoned_device(RuntimeError("CUDA error: device-side assert triggered"))
    assert not has_poisoned_device(RuntimeError("CUDA error: out of memory"))
    assert not has_poisoned_device(RuntimeError("shape mismatch"))


@pytest.mark.parametrize(
    ("network", "image", "words"),
    [
        (torch.nn.Conv2d(2, 3, 1), torch.zeros(1, 1, 8, 8), "takes 2 input channels and was given 1"),
        (torch.nn.Conv3d(2, 3, 1), torch.zeros(1, 4, 8, 8, 8), "takes 2 input channels and was given 4"),
        (torch.nn.Conv2d(1, 3, 1), torch.zeros(1, 1, 8, 8, 8), "set dimensions = 2"),
        (torch.nn.Conv3d(1, 3, 1), torch.zeros(2, 1, 8, 8), "the network is 3-D"),
    ],
)
def test_torchs_own_words_for_a_wrong_set_up_are_understood(network, image, words):
    with pytest.raises(RuntimeError) as caught:
        network(image)
    fault = setup_fault(caught.value, image.ndim)
    assert fault is not None
    assert words in fault


def test_other_errors_are_no_fault_of_the_set_up():
    assert setup_fault(RuntimeError("shape mismatch"), 5) is None
