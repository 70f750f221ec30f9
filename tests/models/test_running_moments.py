"""Maps of passes that come one by one, against all passes stacked and against the reference in numpy."""

from __future__ import annotations

import typing

import numpy as np
import pytest
import torch

from pytest_segrobust.metrics.uncertainty import maps as reference
from pytest_segrobust.models.closed_forms import of_evidence, of_mean_and_variance
from pytest_segrobust.models.running_moments import RunningMoments
from pytest_segrobust.requirements.uncertainty_settings import Map

ALL = typing.get_args(Map)
PASSES, CLASSES, GRID = 7, 4, (5, 6)


def passes(seed=0, spread=2.0):
    """Softmax probabilities (passes, N, classes, *spatial) of random logits."""
    generator = torch.Generator().manual_seed(seed)
    return (spread * torch.randn((PASSES, 2, CLASSES, *GRID), generator=generator)).softmax(2)


def mapped(shown, stack, structures=None):
    moments = RunningMoments(shown, structures)
    for one in stack:
        moments.add(one)
    return moments.map()


@pytest.mark.parametrize("spread", [0.01, 2.0, 30.0])
@pytest.mark.parametrize("shown", ALL)
def test_every_map_is_that_of_the_numpy_reference(shown, spread):
    stack = passes(spread=spread)
    found = mapped(shown, stack)
    assert found.shape == (2, 1, *GRID)
    for image in range(2):
        moments = reference.RunningMoments()
        for one in stack[:, image]:
            moments.add(one.numpy())
        np.testing.assert_allclose(found[image, 0], getattr(moments.maps(), shown), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shown", ALL)
def test_every_map_is_that_of_all_passes_stacked(shown):
    stack = passes().double().numpy()
    mean = stack.mean(0)
    winner = mean.argmax(1, keepdims=True)
    h = lambda p: -(p * np.log(p)).sum(-3, keepdims=True)  # noqa: E731
    expected = {
        "variance": np.take_along_axis(stack.var(0), winner, 1),
        "summed_variance": stack.var(0).sum(1, keepdims=True),
        "predictive_entropy": h(mean),
        "expected_entropy": h(stack).mean(0),
        "mutual_information": h(mean) - h(stack).mean(0),
        "least_confidence": 1 - mean.max(1, keepdims=True),
    }[shown]
    np.testing.assert_allclose(mapped(shown, passes()), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shown", ALL)
def test_a_sigmoid_network_has_a_map_for_each_structure_of_its_own_two_classes(shown):
    stack = passes()
    structures = [(1,), (0, 2)]
    found = mapped(shown, stack, structures)
    assert found.shape == (2, 2, *GRID)
    for place, channels in enumerate(structures):
        p = stack[:, :, list(channels)].amax(2)
        for image in range(2):
            moments = reference.RunningMoments()
            for one in p[:, image].double():
                moments.add(torch.stack([1 - one, one]).numpy())
            np.testing.assert_allclose(found[image, place], getattr(moments.maps(), shown), rtol=0, atol=1e-6)


def test_passes_that_are_equal_vary_by_exactly_nothing():
    one = passes()[0]
    for shown in ("variance", "summed_variance"):
        assert not mapped(shown, [one] * 9).any()
    assert mapped("mutual_information", [one] * 9).abs().max() < 1e-6


def test_the_mean_has_the_same_bits_whatever_map_is_kept():
    means = []
    for shown in (None, *ALL):
        moments = RunningMoments(shown)
        for one in passes():
            moments.add(one)
        means.append(moments.mean)
    assert all(torch.equal(mean, means[0]) for mean in means)


def test_a_pass_that_was_given_is_not_changed():
    stack = passes()
    before = stack.clone()
    for shown in ALL:
        mapped(shown, stack)
    assert torch.equal(stack, before)


def test_ties_go_to_the_lowest_channel_as_in_the_masks():
    first = torch.tensor([0.5, 0.5]).reshape(1, 2, 1)
    for a, b in ((0.1, 0.2), (0.2, 0.1)):
        moments = RunningMoments("variance")
        moments.add(first, torch.tensor([a, b]).reshape(1, 2, 1))
        assert moments.map().item() == pytest.approx(a)


def test_no_map_is_none():
    moments = RunningMoments(None)
    moments.add(passes()[0])
    with pytest.raises(ValueError, match="no map"):
        moments.map()


@pytest.mark.parametrize("shown", ALL)
@pytest.mark.parametrize("largest", [3.0, 1e4])
def test_evidence_is_that_of_the_numpy_reference(shown, largest):
    alpha = torch.rand((2, CLASSES, *GRID), generator=torch.Generator().manual_seed(1)) * largest + 1e-3
    moments = RunningMoments(shown)
    moments.add(*of_evidence(alpha, entropies=True))
    for image in range(2):
        expected = getattr(reference.maps_of_evidence(alpha[image].numpy()), shown)
        np.testing.assert_allclose(moments.map()[image, 0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shown", ALL)
def test_means_with_variances_are_those_of_the_numpy_reference(shown):
    mean = passes()[0]
    mean[:, 0, 0, 0], mean[:, 1:, 0, 0] = 1, 0
    variances = passes(1)[0] * 0.2
    moments = RunningMoments(shown)
    moments.add(*of_mean_and_variance(mean, variances, entropies=True))
    for image in range(2):
        found = reference.maps_of_mean_and_variance(mean[image].numpy(), variances[image].numpy())
        np.testing.assert_allclose(moments.map()[image, 0], getattr(found, shown), rtol=0, atol=1e-6)


def test_a_mixture_of_means_with_variances_follows_the_law_of_total_variance():
    means, variances = passes(), passes(1) * 0.2
    moments = RunningMoments("summed_variance")
    for mean, variance in zip(means, variances, strict=True):
        moments.add(*of_mean_and_variance(mean, variance, entropies=False))
    expected = variances.mean(0) + means.var(0, correction=0)
    torch.testing.assert_close(moments.map(), expected.sum(1, keepdim=True), rtol=0, atol=1e-6)


def test_a_mixture_of_evidence_has_the_entropies_of_draws_from_it():
    generator = torch.Generator().manual_seed(2)
    alphas = [torch.rand((1, 3, 2), generator=generator) * 4 + 0.5 for _ in range(2)]
    draws = 20_000
    torch.manual_seed(3)
    drawn = torch.cat(
        [
            torch.distributions.Dirichlet(alpha.movedim(1, -1).double()).sample((draws,)).movedim(-1, 2)
            for alpha in alphas
        ]
    )
    for shown in ("expected_entropy", "variance", "mutual_information"):
        closed = RunningMoments(shown)
        for alpha in alphas:
            closed.add(*of_evidence(alpha, entropies=True))
        torch.testing.assert_close(closed.map().double(), mapped(shown, drawn), rtol=0, atol=6 / draws**0.5 * 0.5)


@pytest.mark.parametrize("structures", [None, [(1,), (0, 2)]])
@pytest.mark.parametrize("shown", ["variance", "summed_variance", "mutual_information"])
def test_what_rounding_alone_makes_of_equal_passes_is_exactly_nothing(shown, structures):
    one = passes()[0]
    generator = torch.Generator().manual_seed(1)
    stack = [one * (1 + 2e-6 * (torch.rand(one.shape, generator=generator) - 0.5)) for _ in range(5)]
    assert (mapped(shown, stack, structures) == 0).all()


@pytest.mark.parametrize("shown", ["variance", "summed_variance"])
def test_small_variances_that_networks_have_are_no_rounding(shown):
    """Standard deviations of 5e-4 between passes, and variances of 1e-13 that a network returns by itself."""
    one = torch.tensor([0.7, 0.3]).reshape(1, 2, 1, 1)
    found = mapped(shown, [one, one + torch.tensor([1e-3, -1e-3]).reshape(1, 2, 1, 1)])
    assert found.item() == pytest.approx(2.5e-7 if shown == "variance" else 5e-7, rel=1e-2)
    moments = RunningMoments(shown)
    moments.add(one, torch.full_like(one, 1e-13))
    assert moments.map().item() == pytest.approx(1e-13 if shown == "variance" else 2e-13)
