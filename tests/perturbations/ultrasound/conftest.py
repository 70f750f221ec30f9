"""Flat echoes, in which shadows, grains and gains can be measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import Frame


@pytest.fixture
def echo():
    """Images of one value with the frames of their spacing and axes."""

    def make(shape, *, value=0.5, spacing=None, axes=None, cases=1):
        n = len(shape)
        frames = [
            Frame(f"echo-{i}", np.zeros(1), np.ones(1), spacing or (1.0,) * n, axes or ("?",) * n) for i in range(cases)
        ]
        return torch.full((cases, 1, *shape), value, dtype=torch.float64), frames

    return make
