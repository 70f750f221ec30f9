"""The networks of the study: six families with weights, and how they were trained."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from scipy.stats import spearmanr

from pytest_segrobust.models.padding import stacked
from pytest_segrobust.models.weights import load_into, read_safetensors

FOLDER = Path(__file__).parents[2] / "examples" / "testing_the_trust"
DATA = Path(os.environ.get("SEGROBUST_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")) / "hippocampus"
MODULES = ("network", "slices", "validation", "train", "families")
FAMILIES = ("deterministic", "mc_dropout", "ensemble", "super_unet", "mean_field", "swag")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the hippocampus volumes are not here: {DATA}")


@pytest.fixture
def networks(example):
    """The networks of a family with their weights, in evaluation mode, through the plugin's own reader."""

    def opened(family):
        build = getattr(example("network"), example("families").FAMILIES[family].build)
        found = []
        for path in example("families").FAMILIES[family].files():
            network = build()
            load_into(network, read_safetensors(path), path, build.__name__)
            found.append(network.eval())
        return found

    return opened


@pytest.fixture
def volume(example):
    """A test volume by its place in the list, as slices."""

    def read(place):
        slices = example("slices")
        name = sorted(path.name for path in (DATA / "imagesTs").glob("*.nii.gz"))[place]
        return slices.volume(*(slices.read(DATA / folder / name) for folder in ("imagesTs", "labelsTs")))

    return read


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_small_fit_their_network_and_run_in_float32(family, example, networks):
    assert all(path.stat().st_size < 3_000_000 for path in example("families").FAMILIES[family].files())
    for network in networks(family):
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
        assert all(value.isfinite().all() for value in network.state_dict().values())


def test_members_of_the_ensemble_are_different_networks_and_the_first_is_the_deterministic_one(example, networks):
    families = example("families").FAMILIES
    assert families["deterministic"].files() == families["ensemble"].files()[:1]
    members = [torch.nn.utils.parameters_to_vector(network.parameters()) for network in networks("ensemble")]
    assert len(members) == 5
    assert all((a - b).abs().mean() > 0.01 for place, a in enumerate(members) for b in members[:place])


def image():
    return torch.randn(2, 1, 44, 60, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("family", ["mean_field", "swag"])
def test_two_passes_of_networks_that_are_random_by_themselves_differ_and_a_seed_repeats_them(family, networks):
    (network,) = networks(family)
    with torch.inference_mode():
        torch.manual_seed(1)
        first, second = network(image()), network(image())
        torch.manual_seed(1)
        assert torch.equal(first, network(image()))
    assert (first.softmax(1) - second.softmax(1)).abs().max() > 1e-3


def test_monte_carlo_dropout_is_random_where_dropout_alone_is_switched_on(example, networks):
    (network,) = networks("mc_dropout")
    with torch.inference_mode():
        assert torch.equal(network(image()), network(image()))
        drawn = example("validation").with_dropout(network)
        assert not torch.equal(drawn(image()), drawn(image()))
    assert [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)] == [0.5]


def test_super_net_returns_probabilities_and_their_variances_the_same_in_every_pass(networks):
    (network,) = networks("super_unet")
    with torch.inference_mode():
        probabilities, variances = network(image())
        assert torch.equal(variances, network(image())[1])
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, 44, 60))
    assert variances.min() >= 0


@needs_data
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_segments_test_volumes(family, example, networks, volume):
    """A few volumes, not the claim itself: that is the table in the README."""
    validation = example("validation")
    members = networks(family)
    if family == "mc_dropout":
        members = [validation.with_dropout(network) for network in members]
    passes = 5 if family in ("mc_dropout", "mean_field", "swag") else 1
    torch.manual_seed(0)
    overlaps = []
    with torch.inference_mode():
        for place in (0, 20, 40):
            images, labels = volume(place)
            probabilities, _ = validation.predicted(members, images, passes)
            overlaps.append(validation.overlap(probabilities.argmax(1), labels))
    assert torch.tensor(overlaps).mean(0).min() > 0.75


@needs_data
def test_super_net_s_variances_rank_as_those_of_sampling_its_own_weights(networks, volume):
    """On the slice of a test volume with most of the structures. Their size is a fraction of it, as the README says."""
    (network,) = networks("super_unet")
    images, labels = volume(0)
    busiest = int((labels > 0).flatten(1).sum(1).argmax())
    one = images[busiest : busiest + 1]
    plain = network.deterministic()
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        probabilities, variances = network(one)
        drawn = torch.stack(
            [
                torch.func.functional_call(plain, network.sampled_weights(generator), (one,)).softmax(1)
                for _ in range(200)
            ]
        )
    chosen = probabilities.argmax(1, keepdim=True)
    of_propagation, of_draws = (every.gather(1, chosen).flatten() for every in (variances, drawn.var(0)))
    assert spearmanr(of_propagation, of_draws).statistic > 0.75
    assert 0.04 < (of_propagation.sum() / of_draws.sum()).item() < 0.4
    assert (drawn.mean(0).argmax(1) != chosen[:, 0]).float().mean() < 0.05  # draws segment as the mean does


@needs_data
def test_training_uses_none_of_the_test_volumes():
    names = [{path.name for path in (DATA / folder).glob("*.nii.gz")} for folder in ("imagesTr", "imagesTs")]
    assert [len(part) for part in names] == [100, 60]
    assert not names[0] & names[1]


def test_validation_volumes_are_not_trained_on(example):
    training, held_out = example("slices").split(list(range(100)))
    assert (len(training), len(held_out)) == (85, 15)
    assert sorted(training + held_out) == list(range(100))


def test_slices_are_those_that_the_plugin_feeds(example):
    """The last axis is cut, the whole volume z-scored, the window padded round the middle as the plugin does it."""
    generator = torch.Generator().manual_seed(0)
    volume = 100 * torch.rand(35, 51, 4, generator=generator)
    label = torch.randint(3, (35, 51, 4), generator=generator).float()
    images, labels = example("slices").volume(volume, label)
    scored = (volume - volume.mean()) / volume.std(correction=0)
    expected, boxes = stacked([scored[None, :, :, z] for z in range(4)], (44, 60), torch.float32)
    torch.testing.assert_close(images, expected)
    assert torch.equal(labels[:, *boxes[0]], label.permute(2, 0, 1).long())


def test_random_changes_move_image_and_label_together(example):
    """The image is 3 inside its label: after any turn and shift it must still be, up to its jitter."""
    labels = torch.zeros(8, 44, 60, dtype=torch.long)
    labels[:, 14:30, 20:44] = 1
    moved, reference = example("slices").changed(3.0 * labels[:, None], labels, torch.Generator().manual_seed(0))
    inside = reference[:, None] > 0
    assert (reference != labels).any()
    assert (moved[inside] > 1.2).float().mean() > 0.99
    assert (moved[~inside] > 1.8).float().mean() < 0.005


def test_random_changes_turn_without_shearing(example):
    axes = torch.meshgrid(torch.arange(44), torch.arange(60), indexing="ij")
    disc = ((axes[0] - 21.5) ** 2 + (axes[1] - 29.5) ** 2 <= 15**2).long().repeat(4, 1, 1)
    _, reference = example("slices").changed(disc[:, None].float(), disc, torch.Generator().manual_seed(1))
    for sample in reference:
        spread = torch.linalg.eigvalsh(torch.cov(torch.nonzero(sample).float().T)).sqrt() / 7.5  # 1 for the disc
        assert (spread > 0.88).all()
        assert (spread < 1.13).all()


def test_batches_repeat_with_their_seed_and_use_no_slice_twice_before_all_were_there(example):
    slices = example("slices")
    values = torch.arange(32.0).reshape(4, 8)  # each slice says by its label which it is
    training = [
        slices.Volume(torch.zeros(8, 1, 44, 60), each[:, None, None].expand(8, 44, 60).long()) for each in values
    ]

    def first_epoch(seed):
        stream = slices.batches(training, seed)
        return [next(stream)[1] for _ in range(2)]

    one, again, other = first_epoch(0), first_epoch(0), first_epoch(1)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])
    assert sorted(label[22, 30].item() for batch in one for label in batch) == list(range(32))


def test_error_detection_of_the_validation_is_the_area_by_pairs(example):
    generator = torch.Generator().manual_seed(0)
    variance = torch.randint(6, (60,), generator=generator).float()
    wrong = torch.rand(60, generator=generator) < 0.3
    pairs = variance[wrong][:, None] - variance[~wrong][None]
    expected = ((pairs > 0).double() + 0.5 * (pairs == 0)).mean().item()
    assert example("validation").separation(variance, wrong) == pytest.approx(expected)
