"""Networks that return how sure they are: means with variances, and Dirichlet concentrations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pytest_segrobust.errors import ModelError
from pytest_segrobust.reference_networks.super_unet import SuperUNet

FLAT, SOLID = (1.0, 1.0), (1.0, 1.0, 1.0)
KEEP = {"keep_probabilities": True, "keep_uncertainty": True}


def image(*shape, seed=0):
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed)) * 2


def ill(x):
    return x[:, :1, :1, :1] > 90


class Two(nn.Module):
    """Probabilities and variances, in whatever form."""

    def __init__(self, network, form=lambda p, v: (p, v), change=lambda p, v, x: (p, v)):
        super().__init__()
        self.network, self.form, self.change = network, form, change

    def forward(self, x):
        p = self.network(x).softmax(1)
        return self.form(*self.change(p, 0.3 * p * (1 - p), x))


FORMS = {
    "tuple": lambda p, v: (p, v),
    "list": lambda p, v: [p, v],
    "dictionary": lambda p, v: {"variance": v, "mean": p},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_network_of_means_and_variances_shows_the_variance_of_the_predicted_class(segmenter, small, form):
    network, picture = small(), image(9, 9)
    ready = segmenter(Two(network, FORMS[form]), outputs="mean_variance", pad_multiple=4)
    (prediction,) = ready.predict([picture], [FLAT], **KEEP)
    padded = torch.nn.functional.pad(picture, (1, 2, 1, 2))
    p = network(padded[None])[0].softmax(0).detach()[:, 1:-2, 1:-2]
    torch.testing.assert_close(prediction.probabilities, p, rtol=0, atol=1e-6)
    chosen = (0.3 * p * (1 - p)).gather(0, p.argmax(0, keepdim=True))
    torch.testing.assert_close(prediction.uncertainty, chosen, rtol=0, atol=1e-6)
    assert torch.equal(prediction.masks, torch.stack([p.argmax(0) == 1, p.argmax(0) == 2]))


def test_windows_average_variances_as_they_average_means(segmenter, small):
    class Constant(nn.Module):
        def forward(self, x):
            place = x.mean((1, 2, 3), keepdim=True).expand(-1, 1, *x.shape[2:])
            p = torch.cat([place, 1 - place], 1)
            return p, p.flip(1) / 4

    picture = image(12, 6) / 2
    ready = segmenter(Constant(), outputs="mean_variance", window=[6, 6], classes={"a": 1})
    (prediction,) = ready.predict([picture], [FLAT], **KEEP)
    p = prediction.probabilities
    assert p.std() > 0
    winner = p.argmax(0, keepdim=True)
    torch.testing.assert_close(prediction.uncertainty, (p.flip(0) / 4).gather(0, winner), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_super_net_and_a_mixture_of_two(segmenter, dimensions):
    torch.manual_seed(0)
    networks = [SuperUNet(dimensions, filters=(2, 4)).eval() for _ in range(2)]
    picture = image(*(8,) * dimensions)
    ready = segmenter(*networks, outputs="mean_variance")
    (prediction,) = ready.predict([picture], [(1.0,) * dimensions], **KEEP)
    with torch.no_grad():
        pairs = [network(picture[None]) for network in networks]
    p, v = torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])
    mean, total = p.mean(0), v.mean(0) + p.var(0, correction=0)
    torch.testing.assert_close(prediction.probabilities, mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(prediction.uncertainty, total.gather(0, mean.argmax(0, keepdim=True)), rtol=0, atol=1e-6)
    assert ready.uncertainty.passes == ready.forward_passes == 2


@pytest.mark.parametrize("solid", [False, True])
def test_an_evidential_network_shows_the_variance_of_its_dirichlet(segmenter, small, solid):
    class Evidence(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = small()

        def forward(self, x):
            return self.network(x).exp() + 1

    network, picture = Evidence(), image(8, 8, 3) if solid else image(8, 8)
    ready = segmenter(network, outputs="dirichlet", dimensions=2)
    (prediction,) = ready.predict([picture], [SOLID if solid else FLAT], **KEEP)
    parts = picture.unbind(-1) if solid else [picture]
    alpha = torch.stack([network(part[None])[0] for part in parts], -1).detach()
    alpha = alpha if solid else alpha[..., 0]
    total = alpha.sum(0, keepdim=True)
    p = alpha / total
    torch.testing.assert_close(prediction.probabilities, p, rtol=0, atol=1e-6)
    variance = (p * (1 - p) / (total + 1)).gather(0, p.argmax(0, keepdim=True))
    torch.testing.assert_close(prediction.uncertainty, variance, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shown", ["mutual_information", "predictive_entropy", "expected_entropy"])
def test_any_map_of_an_evidential_network_may_be_shown(segmenter, steps, shown):
    class Evidence(nn.Module):
        def forward(self, x):
            return steps(x).exp() + 1

    ready = segmenter(Evidence(), outputs="dirichlet", uncertainty={"method": "evidential", "map": shown})
    (prediction,) = ready.predict([image(8, 8)], [FLAT], **KEEP)
    assert prediction.uncertainty.isfinite().all()
    assert prediction.uncertainty.min() >= 0
    assert prediction.uncertainty.max() > 0


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (lambda p, v: p, "returned Tensor: return .probabilities, variances., two tensors"),
        (lambda p, v: (p,), "returned 1 outputs"),
        (lambda p, v: (p, v, v), "returned 3 outputs"),
        (lambda p, v: {"mean": p, "other": v}, "a dictionary of mean, other"),
        (lambda p, v: (3 * p, v), "for probabilities, which sum to 1"),
        (lambda p, v: (p.flip(1) * p, v), "for probabilities, which sum to 1"),
        (lambda p, v: (p, v.log()), r"returned variances down to -.*: return exp\(\)"),
    ],
)
def test_a_wrong_pair_is_the_set_ups_fault(segmenter, small, form, words):
    with pytest.raises(ModelError, match=words) as caught:
        segmenter(Two(small(), form), outputs="mean_variance").predict([image(8, 8)], [FLAT])
    assert "\n" not in str(caught.value)


def test_concentrations_that_are_not_above_0_are_the_set_ups_fault(segmenter, steps):
    with pytest.raises(ModelError, match=r"concentrations are above 0, return evidence \+ 1"):
        segmenter(steps, outputs="dirichlet").predict([image(8, 8)], [FLAT])


@pytest.mark.parametrize(
    ("value", "failure"),
    [
        (torch.nan, "NaN in 1 % of voxels"),
        (torch.inf, "NaN in 1 % of voxels"),
        (-1.0, "a negative variance in 1 % of voxels"),
    ],
)
@pytest.mark.parametrize("solid", [False, True])
def test_a_variance_that_cannot_be_fails_its_case_alone(segmenter, small, value, failure, solid):
    def change(p, v, x):
        v = v.clone()
        v[:, 1, 0, 0] = torch.where(ill(x)[:, 0, 0, 0], value, v[:, 1, 0, 0])
        return p, v

    network = small()
    network.first = nn.Conv2d(1, 4, 1)
    ready = segmenter(Two(network, change=change), outputs="mean_variance", dimensions=2)
    shape, spacing = ((10, 10, 1), SOLID) if solid else ((10, 10), FLAT)
    good, bad = image(*shape), image(*shape, seed=1)
    bad[0, 0, 0] = 100
    ready.predict([good], [spacing])  # what is wrong with the first output is wrong with the set-up
    one, other = ready.predict([good, bad], [spacing] * 2, **KEEP)
    assert one.failure is None
    assert other.failure == failure
    assert other.masks is other.uncertainty is other.probabilities is None
