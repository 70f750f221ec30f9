"""Sentences on uncertainty: what they mean, their one canonical form, and what they may not say."""

from __future__ import annotations

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.catalogue import METRICS
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.requirements import measure, uncertainty_words
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.requirements.sentence import parse, render
from pytest_segrobust.requirements.vocabulary import fold

NOISE = "under gaussian noise with sigma <= 0.1"

# Each line says the same in several ways; the first is canonical.
SAME = [
    (
        "uncertainty correlates with error above 0.4 under gaussian noise with sigma <= 0.2",
        "The uncertainty correlates with errors by Spearman above 0.4 under gaussian noise with sigma <= 0.2",
        "Spearman correlation of uncertainty with error under gaussian noise with sigma <= 0.2 is above 0.4",
        "correlation of uncertainty with error under gaussian noise with sigma <= 0.2 is greater than 0.40",
        "rank correlation of uncertainty with error under gaussian noise with sigma <= 0.2 is above 2/5",
    ),
    (
        "uncertainty of anterior correlates with error by Pearson at least 0.4 with 90 % confidence",
        "Pearson correlation with error of anterior is at least 0.4 with 90 % confidence",
        'uncertainty of "anterior" correlates with the error by Pearson\'s r >= 0.4 at 0.9 confidence',
    ),
    (
        f"uncertainty correlates with error across severities by Kendall above 0.3 {NOISE}",
        f"uncertainty correlates with error by Kendall's tau across severities above 0.3 {NOISE}",
        f"Kendall correlation of uncertainty with error across severities {NOISE} is above 0.3",
    ),
    (
        f"uncertainty correlates with error within patients above 0 {NOISE}",
        f"Spearman correlation with error within patients {NOISE} is above 0",
        f"uncertainty correlates with error within each patient above 0 {NOISE}",
    ),
    (
        "uncertainty rises with severity under gaussian noise with snr >= 10 dB",
        "uncertainty increases with severity under gaussian noise with snr >= 10 dB",
        "uncertainty rises with severity with tau above 0 under gaussian noise with snr >= 10 dB",
        "rise of uncertainty with severity under gaussian noise with snr >= 10 dB is above 0",
    ),
    (
        f"uncertainty of posterior rises with severity with tau above 0.5 {NOISE}",
        f"uncertainty of posterior grows with severity with a Kendall's tau > 0.5 {NOISE}",
    ),
    (
        f"uncertainty separates errors with AUROC above 0.8 {NOISE} for 90 % of patients",
        f"uncertainty detects the errors with an AUC above 0.8 {NOISE} for 90 % of patients",
        f"error detection AUROC {NOISE} is above 0.8 for 90 % of patients",
    ),
    ("uncertainty separates errors with AUPR at least 0.3", "error detection AUPR is at least 30 %"),
    (f"mean error detection AUROC {NOISE} is above 0.8",),
    (f"error detection AUROC drop {NOISE} is below 5 %", f"error detection AUROC decrease {NOISE} is below 5 points"),
    (
        f"removing uncertain voxels raises DSC {NOISE}",
        f"removal of uncertain voxels increases Dice by more than 0 {NOISE}",
        f"DSC gained by removing uncertain voxels {NOISE} is above 0",
    ),
    (
        f"removing uncertain voxels raises DSC of anterior by more than 1 % {NOISE}",
        f"removing the uncertain voxels of anterior improves the DSC by more than 0.01 {NOISE}",
        f"removing uncertain voxels raises DSC of anterior by more than 1 point {NOISE}",
    ),
    (
        f"removing uncertain voxels raises DSC by at least 1 % {NOISE}",
        f"ΔDSC {NOISE} is at least 0.01",
    ),
    (
        f"wrong voxels are more uncertain than right ones {NOISE}",
        f"wrong voxels are more uncertain than the correct voxels by more than 0 {NOISE}",
        f"uncertainty of wrong less right voxels {NOISE} is above 0",
    ),
    (
        "wrong voxels of anterior are more uncertain than right ones by at least 0.01",
        "uncertainty gap of anterior is at least 0.01",
    ),
    (
        f"ECE {NOISE} is below 0.05",
        f"expected calibration error {NOISE} is below 5 %",
        f"calibration error {NOISE} is < 0.05",
    ),
    (f"ECE increase of anterior {NOISE} is below 2 %", f"ECE rise of anterior {NOISE} is below 0.02"),
    ("mean ECE is below 0.05 for 95 % of patients", "average ECE is below 5 % for 95 % of patients"),
    (f"ACE {NOISE} is below 0.1", f"average calibration error {NOISE} is below 0.1"),
    (f"Brier score {NOISE} is below 0.2", f"Brier {NOISE} is below 0.2"),
    (
        f"NLL {NOISE} is at most 1.5",
        f"negative log-likelihood {NOISE} is at most 1.5",
        f"log loss {NOISE} is at most 1.5",
    ),
    (f"AURC {NOISE} is below 0.2", f"area under the risk-coverage curve {NOISE} is below 20 %"),
    ("E-AURC is below 0.05", "excess AURC is below 0.05"),
    ("nAURC is above 0.3", "normalized AURC is above 0.3"),
    ("AUSE is below 0.1", "area under the sparsification error curve is below 0.1"),
    ("PAvPU is at least 0.8", "patch accuracy vs patch uncertainty is at least 0.8"),
    ("UE-Dice is above 0.4", "uncertainty-error overlap is above 0.4", "U-E overlap is above 0.4"),
    ("QU-BraTS score is above 0.8", "QU-BraTS is above 80 %"),
    (
        f"failure detection AUROC for DSC below 0.7 of anterior {NOISE} is above 0.8",
        f"failure detection AUROC of anterior for DSC below 0.7 {NOISE} is above 0.8",
        f"AUROC of failure detection for Dice < 70 % of anterior {NOISE} is above 0.8",
    ),
    (
        f"recall of failures for DSC below 0.7 at 20 % referral {NOISE} is at least 0.9",
        f"recall of failures at 20 % referral for DSC below 0.7 {NOISE} is at least 90 %",
        f"recall of failures at a referral rate for DSC below 0.7 at 0.2 referral rate {NOISE} is at least 0.9",
        f"referring 20 % of cases finds at least 90 % of failures for DSC below 0.7 {NOISE}",
    ),
    (
        f"silent failure rate for DSC below 0.7 {NOISE} is below 5 %",
        f"rate of silent failures for DSC below 0.7 {NOISE} is below 0.05",
    ),
    (
        f"early warning rate for a DSC drop above 0.1 {NOISE} is above 80 %",
        f"early warning rate for DSC drop of more than 10 % {NOISE} is above 0.8",
        f"rate of early warnings for a Dice decrease > 0.1 {NOISE} is above 80 %",
    ),
    (
        'uncertainty of "error" correlates with error above 0.4',
        "uncertainty of error correlates with error above 0.4",
    ),
    (
        'uncertainty of "uncertainty" rises with severity under gamma with gamma <= 1.5',
        "uncertainty of uncertainty rises with severity under gamma with gamma <= 1.5",
    ),
    ('ECE of "severity" is below 0.05', "ECE of severity is below 0.05"),
]


@pytest.mark.parametrize("sentences", SAME, ids=lambda sentences: sentences[0][:50])
def test_what_means_the_same_has_one_canonical_form(perturbations, sentences):
    for sentence in sentences:
        assert parse(sentence, perturbations).claim == parse(sentences[0], perturbations).claim, sentence
        assert render(parse(sentence, perturbations), perturbations) == sentences[0]


@pytest.mark.parametrize(
    "sentence",
    [
        "uncertainty correlates with error above 0.4 under gaussian noise with sigma <= 0.2",
        "uncertainty rises with severity under gaussian noise with snr >= 8 dB",
        "uncertainty separates errors with AUROC above 0.8 under speckle noise with snr >= 14 dB",
        "removing uncertain voxels raises DSC under gaussian noise with snr >= 20 dB",
        "ECE under gaussian noise with sigma <= 0.1 is below 0.05",
    ],
)
def test_the_sentences_of_the_design_are_canonical_with_the_perturbations_there_are(sentence):
    assert render(parse(sentence)) == sentence


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (f"uncertainty correlates with error above 0.4 {NOISE}", (Measure("spearman"), "above", 0.4)),
        (f"uncertainty correlates with error across severities above 0.4 {NOISE}", (Measure("spearman_across"), "above", 0.4)),
        (f"uncertainty correlates with error within patients by Kendall above 0 {NOISE}", (Measure("kendall_within"), "above", 0.0)),
        (f"uncertainty rises with severity {NOISE}", (Measure("severity_tau"), "above", 0.0)),
        (f"removing uncertain voxels raises DSC by at least 1 % {NOISE}", (Measure("delta_dsc"), "at least", 0.01)),
        ("wrong voxels are more uncertain than right ones", (Measure("gap"), "above", 0.0)),
        (f"ECE increase {NOISE} is below 0.02", (Measure("ece", "increase"), "below", 0.02)),
        (f"referring 20 % of cases finds more than 90 % of failures for DSC below 0.7 {NOISE}", (Measure("failure_recall", dsc_below=0.7, referral=0.2), "above", 0.9)),
        (f"early warning rate for a DSC drop above 0.1 {NOISE} is above 80 %", (Measure("early_warning", fall=0.1), "above", 0.8)),
        ("silent failure rate for DSC below 0.7 is below 5 %", (Measure("silent_failure_rate", dsc_below=0.7), "below", 0.05)),
    ],
)  # fmt: skip
def test_a_sentence_is_the_measure_and_the_limit_that_it_says(perturbations, sentence, expected):
    found = parse(sentence, perturbations)
    assert (found.measure, found.comparison, found.limit) == expected


def test_every_measure_can_be_said_by_its_name_and_by_each_synonym(perturbations):
    needs = {"dsc_below": " for DSC below 0.7", "referral": " at 20 % referral", "fall": " for a DSC drop above 0.1"}
    for key, known in MEASURES.items():
        limit = "above 0.6" if known.better == "higher" else "below 0.3"
        stated = "".join(needs[need] for need in known.needs)
        for word in uncertainty_words.spellings(key):
            assert parse(f"{word}{stated} {NOISE} is {limit}", perturbations).measure.metric == key, word


def test_no_word_means_two_measures():
    meant: dict[str, set[str]] = {}
    for key in MEASURES:
        for word in uncertainty_words.spellings(key):
            meant.setdefault(fold(word), set()).add(key)
    for metric in METRICS.values():
        for word in (metric.key, metric.name, *metric.synonyms):
            meant.setdefault(fold(word), set()).add(metric.key)
    assert {word: keys for word, keys in meant.items() if len(keys) > 1} == {}


BAD = [
    # the limit or a word is missing, or misspelt
    ("uncertainty correlates with error under gaussian noise with sigma <= 0.1", "'under': expected", "'above'"),
    ("uncertainty corelates with eror above 0.4", "'corelates with eror'", "did you mean 'correlates with error'?"),
    ("uncertanty correlates with error above 0.4", "did you mean 'uncertainty'?"),
    ("uncertainty rises with severtiy under gamma with gamma <= 2", "did you mean 'rises with severity'?"),
    ("uncertainty separates errors with AUROG above 0.8", "expected 'AUROC' or 'AUPR'; did you mean 'AUROC'?"),
    ("uncertainty separates errors with AUROC 0.8", "'0.8': expected 'above' or 'at least'"),
    ("uncertainty correlates with error by Kendal above 0.4", "expected Spearman, Pearson or Kendall; did you mean 'Kendall'?"),
    ("uncertainty is below 0.4", "expected 'correlates with error'"),
    ("removing uncertain voxels raises HD95", "what removal of uncertain voxels raises is the DSC"),
    ("removing uncertain voxels of a raises DSC of b", "a structure is named twice"),
    ("uncertainty correlates with error by Kendall by Pearson above 0.4", "this is two correlations"),
    (f"uncertainty correlates with error across severities within patients above 0.4 {NOISE}", "this is two correlations"),
    # what a measure needs beside its limit
    (f"silent failure rate {NOISE} is below 5 %", "'silent failure rate': silent failure rate needs the DSC below which a case is a failure", "'silent failure rate for DSC below 0.7'", "(long form: dsc_below = 0.7)"),
    ("recall of failures for DSC below 0.7 is above 0.9", "recall of failures needs the share of cases that may be referred", "'recall of failures for DSC below 0.7 at 20 % referral'"),
    (f"early warning rate {NOISE} is above 80 %", "needs the drop of the DSC", "'early warning rate for a DSC drop above 0.1'"),
    ("failure detection AUROC for DSC above 0.7 is above 0.8", "'for DSC above 0.7': write 'below' here, not 'above'"),
    ("failure detection AUROC for HD95 below 0.7 is above 0.8", "failures and falls are of the DSC"),
    ("failure detection AUROC for DSC below 70 is above 0.8", "did you mean 70 % or 0.7?"),
    ("failure detection AUROC for DSC below 0 is above 0.8", "0 means nothing as the DSC below which a case is a failure"),
    ("failure detection AUROC for DSC below 0.7 for DSC below 0.6 is above 0.8", "stands twice"),
    ("ECE for DSC below 0.7 is below 0.05", "ECE takes no 'for DSC below ...'; leave dsc_below out"),
    ("DSC for DSC below 0.7 is at least 0.8", "DSC takes no 'for DSC below ...'"),
    # where it can be asked
    ("uncertainty rises with severity", "is about growing severity, and clean images have none; name a perturbation"),
    ("uncertainty correlates with error across severities above 0.4", "clean images have none"),
    ("early warning rate for a DSC drop above 0.1 is above 80 %", "clean images have none"),
    ("uncertainty rises with severity under flip", "flip has a single strength here"),
    ("uncertainty rises with severity under gaussian noise with sigma = 0.1", "gaussian noise has a single strength here; write a range"),
    ("ECE increase is below 0.02", "ECE increase on clean images is always 0"),
    ("mean AURC is below 0.2", "AURC is one number of all patients and has no mean over structures"),
    ("mean ECE of anterior is below 0.2", "cannot be of 'anterior' alone"),
    ("uncertainty correlates with error above 0.4 for 95 % of patients", "is one number of all patients already"),
    (f"AURC increase {NOISE} is below 5 %", "AURC has no increase: it is one number of all patients; write 'AURC'"),
    (f"ECE drop {NOISE} is below 5 %", "ECE has no drop", "'ECE increase'"),
    (f"relative error detection AUROC drop {NOISE} is below 5 %", "has no relative drop"),
    # the wrong direction, and limits that claim nothing
    ("uncertainty correlates with error below 0.4", "'below 0.4': Spearman correlation with error is better higher"),
    ("uncertainty correlates with error at least 0", "an uncertainty that knows nothing has a Spearman correlation with error of 0", "write 'above 0'"),
    ("uncertainty correlates with error above -0.2", "claims nothing; write 'above 0'"),
    ("uncertainty correlates with error above 1", "no Spearman correlation with error is above 1; it ends at 1"),
    ("uncertainty correlates with error above 40", "did you mean 0.4?"),
    ("uncertainty correlates with error above 40 %", "has no unit, so not %; write a number"),
    ("uncertainty separates errors with AUROC above 0.4", "has a error detection AUROC of 0.5", "write a limit above 0.5"),
    ("uncertainty separates errors with AUROC above 0.5", "claims nothing"),
    ("uncertainty separates errors with AUROC above 80", "did you mean 80 % or 0.8?"),
    ("uncertainty separates errors with AUROC within 0.1", "not 'within'"),
    ("uncertainty separates errors with AUPR above 0", "a limit of 0 is met by every error detection AUPR"),
    ("failure detection AUROC for DSC below 0.7 is above 0.5", "claims nothing"),
    ("removing uncertain voxels raises DSC by less than 1 %", "not 'below'"),
    ("removing uncertain voxels raises DSC by at least 0", "claims nothing"),
    ("wrong voxels are more uncertain than right ones by more than 5 %", "has no unit, so not %"),
    ("ECE is above 0.05", "ECE is better lower"),
    ("ECE is below 0", "no ECE is below 0"),
    ("ECE is below 5", "did you mean 5 % or 0.05?"),
    ("ECE is at most 1", "a failed case's ECE could meet a limit of 1"),
    ("ECE is below 3 mm", "ECE has no unit, so not mm"),
    ("Brier score is below 2", "a failed case's Brier score could meet"),
    ("NLL is below 17", "a failed case's NLL could meet a limit of 17"),
    (f"NLL increase {NOISE} is below 17", "a failed case's NLL increase could meet"),
    (f"ECE increase {NOISE} is below -1 %", "below the range of ECE increase"),
    ("silent failure rate for DSC below 0.7 is at most 0 %", "no number of patients can show a silent failure rate for DSC below 0.7 of 0 %"),
    (f"early warning rate for a DSC drop above 0.1 {NOISE} is at least 100 %", "no number of patients can show"),
    ("nAURC is above -1", "claims nothing; write 'above 0'"),
    ("recall of failures for DSC below 0.7 at 20 % referral is above 0.1", "0.2, so 'above 0.1' claims nothing; write a limit above 0.2"),
    ("recall of failures for DSC below 0.7 at 99 % referral is at least 0.99", "claims nothing; write a limit above 0.99"),
    (f"error detection AUROC drop {NOISE} is below 0.5", "a perfect error detection AUROC has lost 0.5", "write a limit below 0.5"),
    (f"error detection AUROC drop {NOISE} is below 0.99", "claims nothing"),
    ("E-AURC is below 0.4", "an uncertainty that knows nothing has a E-AURC of at most 0.368", "write a smaller limit"),
    ("AUSE is at most 0.5", "an uncertainty that knows nothing has a AUSE of at most 0.368"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "parts"), [(s, parts) for s, *parts in BAD], ids=[s[:60] for s, *_ in BAD])
def test_a_claim_that_means_nothing_is_an_error_that_says_what_could_stand_there(perturbations, sentence, parts):
    with pytest.raises(SpecError) as caught:
        parse(sentence, perturbations)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("what", "unit", "better", "needs_labels"),
    [
        (Measure("spearman"), "", "higher", True),
        (Measure("severity_tau"), "", "higher", False),
        (Measure("ece"), "", "lower", True),
        (Measure("ece", "increase"), "points", "lower", True),
        (Measure("nll", "increase"), "", "lower", True),
        (Measure("delta_dsc"), "points", "higher", True),
        (Measure("gap", "drop"), "", "lower", True),
        (Measure("silent_failure_rate", dsc_below=0.7), "%", "lower", True),
        (Measure("early_warning", fall=0.1), "%", "higher", True),
    ],
)
def test_units_directions_and_labels_of_measures_of_uncertainty(what, unit, better, needs_labels):
    found = measure.unit(what), measure.better(what), measure.needs_reference(what)
    assert found == (unit, better, needs_labels)
    assert measure.score_key(what) == "uncertainty"


def test_changes_are_of_what_each_case_has():
    for key, known in MEASURES.items():
        change = "drop" if known.better == "higher" else "increase"
        assert measure.forms(key) == (("value", change) if known.level == "voxels" else ("value",))


@pytest.mark.parametrize(
    "sentence",
    [
        "recall of failures for DSC below 0.7 at 20 % referral is above 0.21",
        f"error detection AUROC drop {NOISE} is below 0.4",
        "AUSE is below 0.3",
        "E-AURC is below 0.3",
    ],
)
def test_a_limit_beyond_what_knowing_nothing_gives_is_a_claim(perturbations, sentence):
    parse(sentence, perturbations)
