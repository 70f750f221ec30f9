"""The six families of this example: one small 2-D U-Net, made uncertain of itself in five ways and in none.

Each takes slices (N, 1, X, Y), X and Y multiples of 4, to logits (N, 3, X, Y); SUPER-Net to probabilities and their
variances. Filters are half of what Carannante et al. (MIDL 2026) use on the hippocampus: 16-32-64 / 32-16. Norms are
instance norms: batch norms are worse with so few volumes, and their statistics would not belong to SWAG's draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_segrobust.reference_networks.bayes_by_backprop import MeanFieldUNet
    from pytest_segrobust.reference_networks.super_unet import SuperUNet
    from pytest_segrobust.reference_networks.swag import Swag
    from pytest_segrobust.reference_networks.unet import UNet

STRUCTURES = ("background", "anterior", "posterior")
WINDOW = (44, 60)  # every slice is padded to it with 0, the mean of the z-scored volume
SNAPSHOTS = 5  # of SWAG's low-rank covariance

FORM: dict[str, Any] = {
    "classes": len(STRUCTURES),
    "filters": (8, 16, 32),
    "convolutions": 1,
    "norm": "instance",
}


def build_unet() -> UNet:
    """Deterministic; five of them with different seeds are the ensemble."""
    from pytest_segrobust.reference_networks.unet import UNet

    return UNet(2, **FORM)


def build_dropout_unet() -> UNet:
    """Dropout of 0.5 at the bottleneck, for Monte Carlo dropout (Bayesian SegNet's place for it)."""
    from pytest_segrobust.reference_networks.unet import UNet

    return UNet(2, dropout=0.5, **FORM)


def build_super_unet() -> SuperUNet:
    """SUPER-Net: means and variances of random kernels are passed on from layer to layer."""
    from pytest_segrobust.reference_networks.super_unet import SuperUNet

    return SuperUNet(2, **FORM)


def build_mean_field() -> MeanFieldUNet:
    """Bayes by backprop: every weight has a Gaussian of its own, drawn at each pass."""
    from pytest_segrobust.reference_networks.bayes_by_backprop import MeanFieldUNet

    return MeanFieldUNet(2, **FORM)


def build_swag() -> Swag:
    """SWAG: weights are drawn at each pass from a Gaussian round the end of training."""
    from pytest_segrobust.reference_networks.swag import Swag

    return Swag(build_unet(), rank=SNAPSHOTS)
