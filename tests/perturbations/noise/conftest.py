"""Flat images, on which a law can be seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust.perturbations.application import Frame


@pytest.fixture
def flat_image():
    """Images of one value, of which the first slice may have another, with their frames."""

    def make(value, *, low=0.0, high=1.0, shape=(1, 1, 64, 64, 48), minimum=None):
        image = torch.full(shape, float(value))
        if minimum is not None:
            image[..., 0] = minimum
        spatial, channels = len(shape) - 2, shape[1]
        frames = [
            Frame(f"flat-{i}", np.full(channels, low), np.full(channels, high), (1.0,) * spatial, ("?",) * spatial)
            for i in range(shape[0])
        ]
        return image, frames

    return make


@pytest.fixture
def measured_snr():
    """The SNR in dB of an image (C, *spatial) on the unit scale, from its definition, over the voxels of a mask."""

    def measure(before, after, mask):
        signal, noise = before[:, mask], (after - before)[:, mask]
        return 10 * np.log10((signal**2).mean() / (noise**2).mean())

    return measure
