"""[model] uncertainty: what may be written, what is used where nothing is, and requirements that have none."""

from __future__ import annotations

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements.spec import load
from pytest_segrobust.requirements.uncertainty_settings import UncertaintySettings, source_words

BASE = """\
[model]
classes = {{ anterior = 1, posterior = 2 }}
{model}

[data]
images = "imagesTs/*.nii.gz"
{labels}
patient = "{{name}}"

[[requirement]]
id = "UNC-1"
statement = "{statement}"
"""
LABELS = 'labels = "labelsTs/{name}.nii.gz"'
ECE = "ECE of anterior is below 0.05"


@pytest.fixture
def spec(spec_file, perturbations):
    def read(model: str = "", statement: str = ECE, labels: str = LABELS):
        return load(spec_file(base=BASE.format(model=model, statement=statement, labels=labels)), perturbations)

    return read


@pytest.mark.parametrize(
    ("written", "method", "passes", "shown"),
    [
        ("'softmax'", "softmax", 20, "predictive_entropy"),
        ("{ method = 'mc_dropout', passes = 30 }", "mc_dropout", 30, "variance"),
        ("{ method = 'ensemble', map = 'mutual_information' }", "ensemble", 20, "mutual_information"),
        ("{ method = 'tta', flips = [0] }", "tta", 20, "variance"),
    ],
)
def test_a_word_or_a_table_says_where_uncertainty_comes_from(spec, written, method, passes, shown):
    found = spec(f"uncertainty = {written}").model.uncertainty
    assert (found.method, found.passes, found.shown_map, found.aggregation) == (method, passes, shown, "boundary")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("'mcdropout'", "must be"),
        ("{ method = 'softmax', map = 'variance' }", "map = 'variance' says how passes differ, and softmax has one"),
        ("{ method = 'tta', passes = 8 }", "passes is of mc_dropout and sampling"),
        ("{ method = 'softmax', patch = 3.0 }", "patch is for aggregation = 'patch'"),
        ("{ method = 'softmax', flips = [0] }", "flips is for method = 'tta'"),
        ("{ method = 'mc_dropout', passes = 1 }", "must be at least 2"),
        ("{ method = 'mc_dropout', pases = 5 }", "did you mean 'passes'?"),
        ("'evidential'", "do not go together"),
    ],
)
def test_what_makes_no_sense_together_is_told(spec, written, told):
    with pytest.raises(SpecError, match=r"segrobust\.toml:") as caught:
        spec(f"uncertainty = {written}")
    assert told in str(caught.value)


def test_another_source_is_another_claim(spec):
    sums = [spec(model).sha256 for model in ("", "uncertainty = 'softmax'", "uncertainty = 'tta'")]
    assert len(set(sums)) == 3


@pytest.mark.parametrize("model", ["outputs = 'labels'", "outputs = 'labels'\nuncertainty = 'softmax'"])
def test_labels_alone_have_no_uncertainty(spec, model):
    with pytest.raises(SpecError) as caught:
        spec(model)
    assert "requirement UNC-1, statement: ECE needs an uncertainty, and [model] outputs = 'labels' has none" in str(
        caught.value
    )


@pytest.mark.parametrize("method", ["ensemble", "mc_dropout", "tta"])
def test_votes_of_several_have_one(spec, method):
    assert spec(f"outputs = 'labels'\nuncertainty = '{method}'").requirements[0].measure.metric == "ece"


def test_labels_are_enough_for_what_needs_no_uncertainty(spec):
    assert spec("outputs = 'labels'", "DSC is at least 0.8").requirements[0].measure.metric == "dsc"


def test_without_reference_labels_uncertainty_can_only_rise(spec):
    rises = "uncertainty rises with severity under gaussian noise with sigma <= 0.1"
    assert spec(statement=rises, labels="").requirements[0].measure.metric == "severity_tau"
    with pytest.raises(SpecError, match="Spearman correlation with error needs labels"):
        spec(statement="uncertainty correlates with error above 0.4", labels="")


@pytest.mark.parametrize(
    ("stated", "outputs", "words"),
    [
        (UncertaintySettings(method="mc_dropout", passes=30), "logits", "mc_dropout, 30 passes; map variance; aggregation boundary of 4 voxels on both sides"),
        (UncertaintySettings(method="softmax", aggregation="patch", patch=8.0), "logits", "softmax; map predictive_entropy; aggregation patch of 8 mm"),
        (UncertaintySettings(method="tta", aggregation="foreground"), "logits", "tta; map variance; aggregation foreground"),
        (UncertaintySettings(method="tta", band=6.0), "logits", "tta; map variance; aggregation boundary of 6 mm on both sides"),
        (None, "mean_variance", "mean_variance; map variance; aggregation boundary of 4 voxels on both sides (outputs = 'mean_variance')"),
        (None, "logits", "softmax; map predictive_entropy; aggregation boundary of 4 voxels on both sides; with several checkpoints ensemble, map variance (no [model] uncertainty)"),
    ],
)  # fmt: skip
def test_defaults_are_said_before_anything_runs(stated, outputs, words):
    assert source_words(stated, outputs) == words
