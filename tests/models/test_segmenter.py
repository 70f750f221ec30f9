from __future__ import annotations

import json

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.segmenter import open_segmenter

FLAT, SOLID = (1.0, 1.0), (1.0, 1.0, 1.0)


def image(*shape, seed=0):
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed)) * 2


class Wrapped(torch.nn.Module):
    """A pointwise network whose output is passed through a function; it counts its batches."""

    def __init__(self, network, change=lambda scores, batch: scores):
        super().__init__()
        self.network, self.change, self.batches = network, change, []

    def forward(self, batch):
        self.batches.append(tuple(batch.shape))
        return self.change(self.network(batch), batch)


@pytest.mark.parametrize("shape", [(7, 9), (16, 16), (5, 6, 7), (1, 30, 2)])
@pytest.mark.parametrize("values", [{}, {"pad_multiple": 16}, {"window": "larger"}, {"window": "smaller"}])
def test_masks_come_back_on_the_images_own_grid_whatever_the_padding(segmenter, steps, shape, values):
    if "window" in values:
        values = {"window": [40 if values["window"] == "larger" else 6] * len(shape)}
    picture = image(*shape)
    spacing = (1.0,) * len(shape)
    (prediction,) = segmenter(steps, **values).predict([picture], [spacing], keep_probabilities=True)
    expected = steps(picture[None])[0].softmax(0)
    assert prediction.failure is None
    torch.testing.assert_close(prediction.probabilities, expected, rtol=0, atol=1e-5)
    near = (expected.topk(2, 0).values.diff(dim=0).abs() < 1e-5)[0]
    assert ((prediction.masks == steps.masks(picture)) | near).all()
    assert prediction.masks.dtype == torch.bool


def test_images_of_different_shapes_keep_their_order_and_share_batches_by_padded_shape(segmenter, steps):
    network = Wrapped(steps)
    pictures = [image(*shape, seed=i) for i, shape in enumerate([(9, 9), (20, 9), (10, 12), (9, 9), (20, 16)])]
    segmenters = segmenter(network, pad_multiple=16, batch_size=8)
    predictions = segmenters.predict(pictures, [FLAT] * 5)
    for picture, prediction in zip(pictures, predictions, strict=True):
        assert torch.equal(prediction.masks, steps.masks(picture))
    assert sorted(network.batches) == [(2, 1, 32, 16), (3, 1, 16, 16)]
    assert segmenters.forward_passes == 5
    assert segmenters.forward_seconds > 0


def test_batches_are_no_larger_than_asked(segmenter, steps):
    network = Wrapped(steps)
    segmenter(network, batch_size=2).predict([image(8, 8)] * 5, [FLAT] * 5)
    assert [shape[0] for shape in network.batches] == [2, 2, 1]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_an_images_prediction_does_not_depend_on_its_batch(segmenter, small, dimensions):
    network = small(dimensions)
    pictures = [image(*(8,) * dimensions, seed=i) for i in range(5)]
    spacings = [(1.0,) * dimensions] * 5
    alone = segmenter(network, batch_size=1, normalise="zscore").predict(pictures, spacings, keep_probabilities=True)
    together = segmenter(network, batch_size=5, normalise="zscore").predict(pictures, spacings, keep_probabilities=True)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one.probabilities, other.probabilities, rtol=0, atol=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_masks_are_the_same_with_and_without_kept_probabilities(segmenter, small, activation):
    ready = segmenter(small(), activation=activation)
    (one,), (other,) = (ready.predict([image(30, 30)], [FLAT], keep_probabilities=keep) for keep in (False, True))
    assert one.probabilities is None
    assert torch.equal(one.masks, other.masks)


def test_a_2d_network_is_fed_slices_along_the_last_axis(segmenter, steps):
    network = Wrapped(steps)
    picture = image(9, 10, 5)
    ready = segmenter(network, dimensions=2, batch_size=2, pad_multiple=8)
    (prediction,) = ready.predict([picture], [SOLID], keep_probabilities=True)
    assert torch.equal(prediction.masks, steps.masks(picture))
    assert prediction.probabilities.shape == (3, 9, 10, 5)
    assert network.batches == [(2, 1, 16, 16), (2, 1, 16, 16), (1, 1, 16, 16)]


def test_a_volume_for_a_2d_network_is_normalised_as_a_whole(segmenter, steps):
    picture = torch.stack([torch.full((4, 4), 0.0), torch.full((4, 4), 10.0)], -1)[None]
    (prediction,) = segmenter(steps, dimensions=2, normalise="zscore").predict([picture], [SOLID])
    assert prediction.masks[0, :, :, 0].sum() == 0  # -1 there, 1 in the other slice: per slice both would be 0
    assert prediction.masks[0, :, :, 1].all()


def test_normalisation_comes_before_padding_with_0(segmenter, steps):
    network = Wrapped(steps, lambda scores, batch: batch.repeat(1, 3, 1, 1))
    picture = image(4, 4) + 1000
    ready = segmenter(network, normalise="zscore", window=[8, 8], outputs="logits")
    (prediction,) = ready.predict([picture], [FLAT], keep_probabilities=True)
    assert prediction.failure is None
    assert steps.masks(picture)[1].all(), "without normalisation everything is the last structure"
    assert not prediction.masks.any(), "three equal channels: the lowest wins"


def test_preprocess_is_given_each_images_own_spacing(project, settings):
    (project / "scaled.py").write_text(
        "def scale(image, spacing):\n    return image * spacing[0]\n"
        "def build():\n    import torch\n"
        "    class Steps(torch.nn.Module):\n"
        "        def forward(self, x): return torch.cat([x * 0, x - 0.5, 2 * x - 2], 1)\n"
        "    return Steps()\n",
        encoding="utf-8",
    )
    ready = open_segmenter(["scaled:build"], settings(preprocess="scaled:scale"), root=project)
    one, other = ready.predict([torch.ones(1, 4, 4)] * 2, [(1.0, 1.0), (2.0, 1.0)])
    assert one.masks[0].all()
    assert other.masks[1].all()
    assert [entry["function"] for entry in ready.description()["code"]] == ["scaled:build", "scaled:scale"]


def test_structures_may_be_unions_of_channels(segmenter, steps):
    picture = image(8, 8)
    ready = segmenter(steps, classes={"core": 2, "whole": [1, 2]})
    (prediction,) = ready.predict([picture], [FLAT])
    assert ready.structures == ("core", "whole")
    assert torch.equal(prediction.masks, torch.stack([picture[0] > 1.5, picture[0] > 0.5]))


def test_sigmoid_structures_may_overlap(segmenter):
    class Levels(torch.nn.Module):
        def forward(self, x):
            return torch.cat([x - 0.5, x - 1.5], 1)

    picture = image(8, 8)
    ready = segmenter(Levels(), activation="sigmoid", classes={"low": 0, "high": 1})
    (prediction,) = ready.predict([picture], [FLAT], keep_probabilities=True)
    assert torch.equal(prediction.masks, torch.cat([picture > 0.5, picture > 1.5]))
    torch.testing.assert_close(prediction.probabilities, torch.cat([picture - 0.5, picture - 1.5]).sigmoid())


@pytest.mark.parametrize("values", [{}, {"window": [6, 6]}])
@pytest.mark.parametrize("channel_axis", [True, False])
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.float32])
def test_label_maps_are_read_as_they_are(segmenter, steps, values, channel_axis, dtype):
    network = Wrapped(steps, lambda scores, batch: scores.argmax(1, keepdim=channel_axis).to(dtype))
    picture = image(13, 8)
    (prediction,) = segmenter(network, outputs="labels", **values).predict([picture], [FLAT])
    assert torch.equal(prediction.masks, steps.masks(picture))


def test_probabilities_are_not_activated_again(segmenter, steps):
    network = Wrapped(steps, lambda scores, batch: scores.softmax(1))
    picture = image(8, 8)
    (prediction,) = segmenter(network, outputs="probabilities").predict([picture], [FLAT], keep_probabilities=True)
    torch.testing.assert_close(prediction.probabilities, steps(picture[None])[0].softmax(0))


def test_logits_called_probabilities_are_refused_every_time(segmenter, steps):
    ready = segmenter(steps, outputs="probabilities")
    picture = 100 * image(8, 8)
    for _ in range(3):
        with pytest.raises(ModelError, match='set outputs = "logits"'):
            ready.predict([picture], [FLAT])


def test_a_batch_that_crashed_while_its_images_do_not_leaves_a_trace(segmenter, steps):
    class Fickle(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, batch):
            self.calls += 1
            if self.calls == 2:
                raise RuntimeError("once only")
            return steps(batch)

    ready = segmenter(Fickle(), batch_size=2)
    assert all(p.failure is None for _ in range(2) for p in ready.predict([image(8, 8)] * 2, [FLAT] * 2))
    assert any("once only" in warning for warning in ready.warnings)


def test_an_ensemble_is_the_mean_of_its_members_probabilities(segmenter, small):
    networks = [small(seed=seed) for seed in range(3)]
    picture = image(12, 12)
    ready = segmenter(*networks)
    (prediction,) = ready.predict([picture], [FLAT], keep_probabilities=True)
    expected = torch.stack([network(picture[None])[0].softmax(0) for network in networks]).mean(0)
    torch.testing.assert_close(prediction.probabilities, expected, rtol=0, atol=1e-6)
    assert torch.equal(prediction.masks[0], expected.argmax(0) == 1)
    assert ready.forward_passes == 3


def test_an_ensemble_of_label_maps_votes(segmenter, steps):
    def says(value):
        return Wrapped(steps, lambda scores, batch: torch.full_like(scores[:, 0], value))

    (prediction,) = segmenter(says(1.0), says(2.0), says(2.0), outputs="labels").predict([image(4, 4)], [FLAT])
    assert not prediction.masks[0].any()
    assert prediction.masks[1].all()


def spoil(how):
    """A change of the scores of those images of a batch whose first voxel is above 90."""

    def change(scores, batch):
        ill = batch[:, 0].flatten(1)[:, 0] > 90
        if ill.any() and how == "raise":
            raise RuntimeError("cannot go on\nand details")
        if ill.any() and how == "shape":
            return scores[..., :-1]
        if ill.any() and how == "channels":
            return scores[:, :2]
        if ill.any() and how == "axes":
            return scores.mean((-1, -2))
        if ill.any() and how == "scalar":
            return scores.mean()
        if ill.any() and how == "batch":
            return torch.cat([scores, scores])
        scores = scores.clone()
        scores[ill, 1, 0, :2] = {"nan": torch.nan, "inf": torch.inf}.get(how, 0)
        return scores

    return change


@pytest.mark.parametrize(
    ("how", "failure"),
    [
        ("raise", "crashed: RuntimeError: cannot go on"),
        ("nan", "NaN in 2 % of voxels"),
        ("inf", "infinity in 2 % of voxels"),
        ("shape", "shape (3, 10, 9) instead of (3, 10, 10)"),
        ("channels", "shape (2, 10, 10) instead of (3, 10, 10)"),
        ("axes", "shape (3,) instead of (3, 10, 10)"),
        ("scalar", "shape () instead of (1, 3, 10, 10)"),
        ("batch", "shape (2, 3, 10, 10) instead of (1, 3, 10, 10)"),
    ],
)
@pytest.mark.parametrize("ill", [[0], [2], [1, 3], [4]])
def test_a_failed_case_is_named_and_the_others_are_as_without_it(segmenter, steps, how, failure, ill):
    pictures = [image(10, 10, seed=i) for i in range(5)]
    for index in ill:
        pictures[index][0, 0, 0] = 100
    ready = segmenter(Wrapped(steps, spoil(how)), batch_size=5)
    ready.predict([image(10, 10)], [FLAT])
    predictions = ready.predict(pictures, [FLAT] * 5)
    for index, (picture, prediction) in enumerate(zip(pictures, predictions, strict=True)):
        if index in ill:
            assert (prediction.failure, prediction.masks) == (failure, None)
        else:
            assert prediction.failure is None
            assert torch.equal(prediction.masks, steps.masks(picture))


def test_a_volume_fails_with_one_of_its_slices(segmenter, steps):
    picture = image(10, 10, 4)
    picture[0, 0, 0, 2] = 100
    for how, failure in (("nan", "NaN in 0.5 % of voxels"), ("raise", "crashed: RuntimeError: cannot go on (slice 2)")):
        (prediction,) = segmenter(Wrapped(steps, spoil(how)), dimensions=2).predict([picture], [SOLID])
        assert (prediction.failure, prediction.masks) == (failure, None)


def test_nan_in_one_window_fails_the_image(segmenter, steps):
    picture = image(12, 12)
    picture[0, 0, 0] = 100
    (prediction,) = segmenter(Wrapped(steps, spoil("nan")), window=[8, 8]).predict([picture], [FLAT])
    assert prediction.failure is not None
    assert prediction.failure.startswith("NaN in ")


def test_nan_of_one_member_fails_an_ensemble(segmenter, steps):
    picture = image(10, 10)
    picture[0, 0, 0] = 100
    (prediction,) = segmenter(steps, Wrapped(steps, spoil("nan"))).predict([picture], [FLAT])
    assert prediction.failure == "NaN in 2 % of voxels (pass 2)"


@pytest.mark.parametrize("order", [1, -1])
def test_a_misshapen_output_of_one_member_fails_an_ensemble_whichever_member_it_is(segmenter, steps, order):
    ready = segmenter(*[steps, Wrapped(steps, spoil("shape"))][::order])
    picture = image(10, 10)
    assert ready.predict([picture], [FLAT])[0].failure is None
    picture[0, 0, 0] = 100
    (prediction,) = ready.predict([picture], [FLAT])
    assert prediction.failure == "shape (3, 10, 9) instead of (3, 10, 10)"


def test_a_misshapen_window_fails_the_image_by_that_name(segmenter, steps):
    picture = image(20, 20)
    picture[0, 0, 0] = 100
    (prediction,) = segmenter(Wrapped(steps, spoil("shape")), window=[8, 8], batch_size=1).predict([picture], [FLAT])
    assert prediction.failure is not None
    assert prediction.failure.startswith("shape ")


def test_a_first_output_of_nan_does_not_excuse_the_next_from_being_probabilities(segmenter, steps):
    ready = segmenter(Wrapped(steps, spoil("nan")), outputs="probabilities")
    picture = image(10, 10)
    picture[0, 0, 0] = 100
    assert ready.predict([picture], [FLAT])[0].failure is not None
    with pytest.raises(ModelError, match='set outputs = "logits"'):
        ready.predict([image(10, 10)], [FLAT])


def test_an_image_of_nan_is_a_failure(segmenter, steps):
    (prediction,) = segmenter(steps, normalise="zscore").predict([torch.full((1, 4, 4), torch.nan)], [FLAT])
    assert prediction.failure == "NaN in all voxels"


def test_a_preprocess_that_raises_fails_the_case(project, settings):
    ready = open_segmenter(["nets:build"], settings(preprocess="nets:refusing"), root=project)
    bright = torch.full((1, 4, 4), 101.0)
    good, bad = ready.predict([torch.zeros(1, 4, 4), bright], [FLAT] * 2)
    assert good.failure is None
    assert bad.failure == "crashed in preprocess: ValueError: too bright"


class Memory(torch.nn.Module):
    """A device that holds so many images at once, and no more."""

    def __init__(self, network, holds):
        super().__init__()
        self.network, self.holds, self.sizes = network, holds, []

    def forward(self, batch):
        if len(batch) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self.sizes.append(len(batch))
        return self.network(batch)


def test_batches_are_halved_until_they_fit_and_stay_so(segmenter, steps):
    network = Memory(steps, 3)
    ready = segmenter(network, batch_size=8)
    pictures = [image(6, 6, seed=i) for i in range(8)]
    for picture, prediction in zip(pictures, ready.predict(pictures, [FLAT] * 8), strict=True):
        assert torch.equal(prediction.masks, steps.masks(picture))
    assert network.sizes == [2, 2, 2, 2]
    ready.predict(pictures, [FLAT] * 8)
    assert network.sizes == [2] * 8
    assert ready.batch_size == 8, "the nominal size stays: tiles of cases are made by it"


def test_windows_are_halved_too(segmenter, steps):
    network = Memory(steps, 2)
    picture = image(20, 20)
    (prediction,) = segmenter(network, window=[8, 8], batch_size=8).predict([picture], [FLAT])
    assert torch.equal(prediction.masks, steps.masks(picture))
    assert max(network.sizes) == 2


@pytest.mark.parametrize("window", [None, [4, 4]])
def test_one_image_that_does_not_fit_ends_the_run(segmenter, steps, window):
    with pytest.raises(ModelError, match="does not fit in the memory of cpu") as caught:
        segmenter(Memory(steps, 0), batch_size=4, window=window).predict([image(6, 6)] * 4, [FLAT] * 4)
    assert "\n" not in str(caught.value)


def test_a_dead_gpu_ends_the_run_instead_of_failing_every_case(segmenter, steps):
    def die(scores, batch):
        raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(ModelError, match="unusable after an error"):
        segmenter(Wrapped(steps, die)).predict([image(6, 6)], [FLAT])


@pytest.mark.parametrize(
    ("values", "picture", "words"),
    [
        ({"classes": {"a": 3}}, image(8, 8), r"returned 3 channels, but \[model\] classes names channel 3"),
        ({"channels": 2}, image(8, 8), r"an image has 1 channels, but \[model\] channels = 2"),
        ({"window": [8, 8, 8]}, image(8, 8), r"window = \[8, 8, 8\], but the network is given 2-D"),
        ({"dimensions": 3}, image(8, 8), "dimensions = 3 in .model., but an image has 2"),
        ({}, image(8), "2 or 3 axes"),
        ({"outputs": "labels"}, image(8, 8), 'outputs = "labels", but net returned 3 channels'),
        ({"outputs": "probabilities"}, image(8, 8), 'outputs = "probabilities", but net returned values from'),
    ],
)
def test_a_wrong_set_up_is_an_error_and_not_a_failed_case(segmenter, steps, values, picture, words):
    with pytest.raises(ModelError, match=words) as caught:
        segmenter(steps, **values).predict([picture], [(1.0,) * (picture.ndim - 1)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("network", "shape", "words"),
    [
        (torch.nn.Conv2d(2, 3, 1), (8, 8), "takes 2 input channels and was given 1"),
        (torch.nn.Conv2d(1, 3, 1), (8, 8, 8), "set dimensions = 2"),
        (torch.nn.Conv3d(1, 3, 1), (8, 8), "the network is 3-D"),
        (torch.nn.Conv2d(1, 1, 1), (8, 8), 'set activation = "sigmoid"'),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_a_network_of_other_channels_or_dimensions_is_an_error(segmenter, network, shape, words, count):
    with pytest.raises(ModelError, match=words):
        segmenter(network, classes={"a": 1}).predict([image(*shape)] * count, [(1.0,) * len(shape)] * count)


def test_fractions_are_no_labels(segmenter, steps):
    network = Wrapped(steps, lambda scores, batch: scores[:, 1])
    with pytest.raises(ModelError, match="returned fractions"):
        segmenter(network, outputs="labels").predict([image(8, 8)], [FLAT])


def test_a_network_that_returns_no_tensor_is_an_error(segmenter, steps):
    with pytest.raises(ModelError, match="returned NoneType"):
        segmenter(Wrapped(steps, lambda scores, batch: None)).predict([image(8, 8)], [FLAT])


def test_members_of_an_ensemble_with_different_channels_are_an_error(segmenter, steps):
    with pytest.raises(ModelError, match="4 channels and the ensemble's first network 3"):
        segmenter(steps, torch.nn.Conv2d(1, 4, 1)).predict([image(8, 8)], [FLAT])


def test_probabilities_read_as_logits_are_a_warning(segmenter, steps):
    ready = segmenter(Wrapped(steps, lambda scores, batch: scores.softmax(1)))
    ready.predict([image(8, 8)], [FLAT])
    assert "probabilities, read as logits" in ready.warnings[0]
    honest = segmenter(steps)
    honest.predict([image(8, 8)], [FLAT])
    assert honest.warnings == ()


@pytest.mark.parametrize("wrap", [lambda y: (y, y * 0), lambda y: {"out": y, "aux": y * 0}, lambda y: [y]])
@pytest.mark.parametrize("window", [None, [5, 5]])
def test_the_first_or_named_output_counts_in_windows_too(segmenter, steps, wrap, window):
    picture = image(8, 8)
    ready = segmenter(Wrapped(steps, lambda scores, batch: wrap(scores)), window=window)
    (prediction,) = ready.predict([picture], [FLAT])
    assert torch.equal(prediction.masks, steps.masks(picture))


def test_double_networks_are_fed_doubles(segmenter, small):
    ready = segmenter(small().double())
    (prediction,) = ready.predict([image(8, 8)], [FLAT])
    assert ready.dtype == torch.float64
    assert prediction.failure is None


def test_mixed_precision_runs_the_network_in_half(segmenter, small):
    seen = []
    network = small()
    network.last.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    (prediction,) = segmenter(network, precision="mixed").predict([image(8, 8)], [FLAT], keep_probabilities=True)
    assert seen == [torch.bfloat16]
    assert prediction.probabilities.dtype == torch.float32


def test_no_images_are_no_predictions(segmenter, steps):
    assert segmenter(steps).predict([], []) == []


def test_the_description_is_plain_data_that_does_not_change_as_the_model_is_used(project, settings):
    ready = open_segmenter(["nets:build"], settings(normalise="zscore"), root=project)
    before = json.dumps(ready.description())
    ready.predict([image(8, 8)], [FLAT])
    assert json.dumps(ready.description()) == before
    plain = json.loads(before)
    assert plain["paths"] == ["nets:build"]
    assert plain["parameters"] == [55]
    assert plain["code"][0]["file"] == "nets.py"
    assert plain["normalise"] == "zscore"


@pytest.mark.parametrize(("name", "words"), [("number", "is no function"), ("doubled", "returned 2 channels")])
def test_a_preprocess_that_cannot_work_is_refused(project, settings, name, words):
    with pytest.raises(ModelError, match=words):
        open_segmenter(["nets:build"], settings(preprocess=f"nets:{name}"), root=project).predict([image(8, 8)], [FLAT])


def test_no_model_is_refused(project, settings):
    with pytest.raises(ModelError, match="no model"):
        open_segmenter([], settings(), root=project)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_masks_of_a_cpu(project, settings):
    pictures = [image(24, 24, seed=i) for i in range(3)]
    cpu, gpu = (
        open_segmenter(["nets:build"], settings(), root=project, device=device).predict(pictures, [FLAT] * 3)
        for device in ("cpu", "cuda")
    )
    for one, other in zip(cpu, gpu, strict=True):
        assert other.masks.device.type == "cuda"
        assert (one.masks == other.masks.cpu()).float().mean() > 0.999
