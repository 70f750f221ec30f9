from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.catalogue import METRICS
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, Perturbation, StructureName
from pytest_segrobust.requirements import claim, measure
from pytest_segrobust.requirements.requirement import Domain, Measure, Options, Range, Requirement
from pytest_segrobust.requirements.sentence import parse, render

SHARE = st.one_of(
    st.integers(1, 999).map(lambda n: n / 1000),
    st.integers(1, 254).map(lambda n: n / 255),
    st.floats(1e-6, 1, exclude_max=True),
)
NAME = st.one_of(
    st.sampled_from(["anterior", "left lung", "under", 'so "called"', "a\\b", "Läsion 2", "C3", "1st", "x-y"]),
    st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12).filter(
        lambda name: name.strip() and name.isprintable()
    ),
)


@st.composite
def measures(draw):
    found = draw(st.sampled_from(list(measure.keys().values())))
    if found.metric in METRICS and METRICS[found.metric].needs_tolerance:
        found = replace(found, tolerance=draw(st.sampled_from([0.5, 1.0, 2.0, 2.75]) | st.floats(1e-3, 50)))
    if found.metric in MEASURES:
        found = replace(found, **{key: draw(SHARE) for key in MEASURES[found.metric].needs})
    return found


@st.composite
def limits(draw, what, comparison):
    """A limit that says something of the measure; "above 0" is that uncertainty follows the error at all."""
    if what.metric not in MEASURES:
        return draw(SHARE | st.floats(1, 500)) if measure.unit(what) == "mm" else draw(SHARE)
    known = MEASURES[what.metric]
    if what.form == "value" and known.no_information == 0 and comparison == "above":
        return draw(st.just(0.0) | SHARE)
    if what.form == "value" and known.no_information == 0.5:
        return draw(st.floats(0.5, 1, exclude_min=True, exclude_max=True) | st.just(0.8))
    if measure.key(what) in ("nll", "nll_increase", "brier", "gap") and draw(st.booleans()):
        return draw(st.floats(1, 1.9))
    return draw(SHARE)


def says_something(what, comparison, limit):
    """Limits that claim nothing are refused, each with its reason; those refusals have tests of their own."""
    try:
        claim.check_limit(what, comparison, limit)
    except SpecError:
        return False
    return True


@st.composite
def ranges(draw, perturbation, parameter):
    if isinstance(parameter, Choice):
        words = draw(st.sets(st.sampled_from(parameter.options), min_size=1))
        return Options(parameter.name, tuple(word for word in parameter.options if word in words))
    if isinstance(parameter, StructureName):
        return Options(parameter.name, (draw(NAME),))
    inside = st.floats(parameter.lowest, min(parameter.highest, 1e6)) | st.floats(
        parameter.lowest, min(parameter.highest, 1e6)
    ).map(lambda x: round(x, 2))
    ends = [end + 0.0 for end in (draw(inside), draw(inside))]
    kind = draw(st.sampled_from(["both", "mild", "exactly"]))
    if kind == "mild":
        ends = [ends[0], float(parameter.identity)]
    elif kind == "exactly":
        ends = [ends[0], ends[0]]
    ends = [end if end == 0 or abs(end) > 1e-6 else 0.0 for end in ends]
    low, high = sorted(ends)
    if low == high == parameter.identity:
        low, high = (parameter.identity, parameter.highest) if parameter.identity == 0 else (parameter.lowest, low)
    return Range(parameter.name, float(low), float(high))


@st.composite
def domains(draw, catalogue):
    perturbation = draw(st.sampled_from(list(catalogue.values())))
    group = draw(st.sampled_from(perturbation.alternatives))
    spreads = tuple(draw(ranges(perturbation, parameter)) for parameter in group)
    named = [spread.words for spread in spreads if spread.parameter in ("source", "target")]
    assume(len(set(named)) == len(named))
    return Domain(perturbation.name, spreads, draw(st.none() | NAME) if perturbation.local else None)


@st.composite
def requirements(draw, catalogue):
    what = draw(measures())
    comparison = draw(st.sampled_from(claim.DIRECTIONS[measure.better(what)]))
    level = MEASURES[what.metric].level if what.metric in MEASURES else "voxels"
    relative = what.form != "value" or what.metric == "agreement" or level == "severities"
    under = draw(
        st.lists(domains(catalogue), min_size=int(relative), max_size=2, unique_by=lambda domain: domain.perturbation)
    )
    spreads = [spread for domain in under for spread in domain.ranges if isinstance(spread, Range)]
    assume(level != "severities" or any(spread.low < spread.high for spread in spreads))
    structure = draw(st.none() | NAME)
    rate = what.metric == "gross_failure_rate" or level != "voxels"
    limit = draw(limits(what, comparison))
    assume(says_something(what, comparison, limit))
    confidence = draw(st.none() | st.floats(0.5, 1, exclude_min=True, exclude_max=True) | st.just(0.975))
    return Requirement(
        id="",
        measure=what,
        comparison=comparison,
        limit=limit,
        domains=tuple(under),
        structure=structure,
        average=structure is None and not rate and draw(st.booleans()),
        patients=None if rate else draw(st.none() | SHARE),
        confidence=0.95 if confidence is None else confidence,
        confidence_stated=confidence is not None,
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "uncertainty correlates with error above 0.4 under flip with 75 % confidence",
        "uncertainty correlates with error above 0.4 under flip at 97.5 percent confidence",
        "uncertainty rises with severity under gaussian noise with sigma <= 0.1 followed by flip with 90 % confidence",
    ],
)
def test_a_confidence_may_follow_a_perturbation_without_parameters(sentence):
    found = parse(sentence)
    assert found.confidence_stated
    assert found.domains[-1].perturbation == "flip"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_parsing_what_was_rendered_gives_the_same_claim(perturbations, data):
    requirement = data.draw(requirements(perturbations))
    sentence = render(requirement, perturbations)
    again = parse(sentence, perturbations)
    assert again.claim == requirement.claim, sentence
    assert again.statement == sentence
    assert render(again, perturbations) == sentence
    assert parse(sentence.replace(" followed by ", " and "), perturbations).claim == requirement.claim


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), upper=st.booleans())
def test_letter_case_and_spaces_mean_nothing(perturbations, data, upper):
    requirement = replace(data.draw(requirements(perturbations)), structure=None)
    assume(not any(domain.perturbation == "targeted pgd" for domain in requirement.domains))
    requirement = replace(requirement, domains=tuple(replace(domain, on=None) for domain in requirement.domains))
    sentence = render(requirement, perturbations)
    spaced = sentence.upper().replace(" ", " \n\t") if upper else sentence.lower().replace("-", "‑")
    assert parse(spaced.replace("E-", "e-").replace("‑0", "-0"), perturbations).claim == requirement.claim


# Each line says the same in several ways; the first is canonical.
SAME = [
    (
        "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %",
        "Dice drop under Gaussian-noise with sigma ≤ 0.1 is < 5%",
        "dice similarity coefficient decrease under gaussian_noise with sigma up to 10 % stays less than 0.05",
        "absolute DSC drop under gaussian noise with 0 <= sigma <= 1e-1 shall be below 5 percent",
        "DSC drop under gaussian noise with sigma between 0 and .1 must be lower than 5 points",
        "F1 drop under gaussian noise with sigma at most 0.1 is below 5 percentage points",
        "DSC drop under gaussian noise with 0.1 >= sigma >= 0 is smaller than 0.05",
        "DSC drop under gaussian noise with sigma < 0.1 is below 5.0 %",
        "DSC drop under gaussian noise with sigma from 0 to 0.1 is below 5 %",
        "DSC drop under gaussian noise with 0 <= sigma and sigma <= 0.1 is below 5 %".replace("0 <= sigma", "sigma >= 0"),
    ),
    (
        "HD95 of posterior is at most 3 mm",
        "HD 95 of posterior is <= 3mm",
        "95 % Hausdorff distance of posterior is no more than 3 millimetres",
        "95% Hausdorff-distance of posterior is not above 3.0 mm",
        'hausdorff distance 95 of "posterior" is ≤ 3 mm',
    ),
    (
        "DSC drop under gaussian noise with snr >= 10 dB is below 5 %",
        "DSC drop under gaussian noise with SNR ≥ 10 db is below 5 %",
        "DSC drop under gaussian noise with snr at least 10 decibels is below 5 %",
    ),
    (
        "over-segmentation increase under gamma with 0.7 <= gamma <= 1.5 is below 10 %",
        "over segmentation increase under gamma with gamma between 0.7 and 1.5 is below 0.1",
        "oversegmentation rise under gamma with gamma >= 0.7 and gamma <= 1.5 is below 10 points",
        "Os increase under gamma with gamma <= 1.5 and gamma >= 0.7 is below 10 %",
    ),
    (
        'NSD drop at 2 mm of "left lung" under gaussian blur with sigma <= 1 mm is at most 5 %',
        'NSD at 2 mm drop of "left lung" under blur with sigma <= 1 mm is at most 5 %',
        "surface Dice drop of “left lung” at 2 mm under blur with sigma <= 1 mm is at most 5 %",
    ),
    (
        "volume bias under brightness with -0.05 <= shift <= 0.05 is within 5 %",
        "relative volume difference under brightness with shift = ±5 % is within ±5 %",
        "RVD under brightness with shift within ±0.05 is within 0.05",
        "RVD under brightness with −0.05 <= shift <= +0.05 is within +-5 %",
    ),
    (
        "mean relative DSC drop under flip with axis = left-right or anterior-posterior is below 10 %",
        "average relative DSC drop under flip with axis anterior posterior or left right is below 10 %",
        "mean relative DSC drop under flip with axis = left-right, anterior-posterior is below 10 %",
    ),
    ("prediction agreement under flip is at least 0.9", "agreement under flip with axis rows or left-right or anterior-posterior is >= 90 %"),
    (
        "DSC drop of anterior under gaussian noise on anterior with snr >= 20 dB is below 5 %",
        "DSC drop of anterior under gaussian noise with snr >= 20 dB on anterior is below 5 %",
    ),
    (
        "DSC is at least 0.85 for 95 % of patients with 97.5 % confidence",
        "DSC is at least 85 % in at least 95 % of the patients at 0.975 confidence",
        "DSC is not below 0.85 for 0.95 of patients with 97.5% confidence",
    ),
    (
        "HD95 increase under motion with rotation <= 5 deg and translation <= 5 mm is below 3 mm",
        "HD95 increase under motion with translation <= 5 mm and rotation <= 5° is below 3 mm",
        "HD95 increase under motion with rotation <= 5 degrees and translation <= 5 mm and kind = sudden or slow drift is below 3 mm",
    ),
    ("gross failure rate under flip followed by gamma with gamma >= 0.7 is below 5 %", "failure rate under flip then gamma with 0.7 <= gamma <= 1 is < 5 %"),
    ("DSC drop under gaussian noise with sigma <= 2/255 is below 5 %", "DSC drop under gaussian noise with sigma <= 2 / 255 is below 5 %"),
    (
        "DSC drop under gaussian noise with sigma <= 0.3 followed by gamma with gamma <= 1.5 is below 5 %",
        "DSC drop under gaussian noise with sigma <= 0.3 then gamma with gamma <= 1.5 is below 5 %",
        "DSC drop under gaussian noise with sigma <= 0.3 and gamma with gamma <= 1.5 is below 5 %",
        "DSC drop under gaussian noise with 0 <= sigma and sigma <= 0.3 and gamma with gamma between 1 and 1.5 is below 5 %".replace("0 <= sigma", "sigma >= 0"),
    ),
    (
        "DSC drop under motion with rotation <= 5 deg and translation <= 5 mm followed by salt and pepper noise with density <= 0.1 followed by flip is below 5 %",
        "DSC drop under motion with rotation <= 5 deg and translation <= 5 mm and salt and pepper noise with density <= 0.1 and flip is below 5 %",
        "DSC drop under motion with rotation <= 5 deg and translation <= 5 mm and kind sudden or slow drift and salt-and-pepper noise with density <= 0.1 then flip is below 5 %",
    ),
    (
        "DSC drop under targeted pgd from anterior to posterior with epsilon <= 2/255 is below 20 %",
        'DSC drop under Targeted-PGD from "anterior" to posterior with epsilon <= 2 / 255 is below 20 %',
    ),
    (
        'DSC drop under targeted pgd from "left lung" to "to" on "left lung" with radius <= 3 followed by gamma with gamma <= 2 is below 20 %',
        'DSC drop under targeted pgd from "left lung" to "to" with radius <= 3 on "left lung" and gamma with gamma <= 2 is below 20 %',
    ),
    (
        "DSC drop under pgd with epsilon <= 1/255 is below 5 %",
        "DSC drop under untargeted pgd with epsilon <= 1/255 is below 5 %",
    ),
    ("volume error is at most 20 %", "absolute relative volume difference is at most 0.2"),
    ("IoU of tumour is above 0.7", "Jaccard index of tumour is greater than 0.70", "intersection-over-union of tumour is > 7e-1"),
]  # fmt: skip


@pytest.mark.parametrize("sentences", SAME, ids=lambda sentences: sentences[0][:40])
def test_synonyms_mean_the_same_and_have_one_canonical_form(perturbations, sentences):
    for sentence in sentences:
        assert parse(sentence, perturbations).claim == parse(sentences[0], perturbations).claim, sentence
        assert render(parse(sentence, perturbations), perturbations) == sentences[0]


@pytest.mark.parametrize(
    ("bounds", "low", "high"),
    [
        ("gaussian noise with sigma <= 0.1", 0, 0.1),
        ("gaussian noise with snr >= 10 dB", 10, math.inf),
        ("gaussian noise with 30 dB >= snr >= 10 dB", 10, 30),
        ("gaussian noise with snr between 10 and 30 dB", 10, 30),
        ("gaussian noise with snr = 20 dB", 20, 20),
        ("gamma with gamma >= 0.7", 0.7, 1),
        ("gamma with gamma <= 1.5", 1, 1.5),
        ("gamma with gamma = 1.5", 1.5, 1.5),
        ("brightness with shift >= -0.2", -0.2, 0),
        ("gaussian noise with sigma <= 2/255", 0, 2 / 255),
    ],
)
def test_one_sided_bounds_run_from_the_identity(perturbations, bounds, low, high):
    [domain] = parse(f"DSC drop under {bounds} is below 5 %", perturbations).domains
    [spread] = domain.ranges
    assert (spread.low, spread.high) == (low, high)


def test_the_sentence_says_what_each_part_is(perturbations):
    requirement = parse(
        "relative DSC drop of anterior under gaussian noise on posterior with snr >= 10 dB is at most 5 % "
        "for 90 % of patients with 99 % confidence",
        perturbations,
    )
    assert requirement.measure == Measure("dsc", "relative drop")
    assert (requirement.structure, requirement.average) == ("anterior", False)
    assert requirement.domains == (Domain("gaussian noise", (Range("snr", 10, math.inf),), on="posterior"),)
    assert (requirement.comparison, requirement.limit) == ("at most", 0.05)
    assert (requirement.patients, requirement.confidence, requirement.confidence_stated) == (0.9, 0.99, True)


def test_a_choice_left_out_means_all_its_options(perturbations):
    [domain] = parse("DSC drop under flip is below 5 %", perturbations).domains
    assert domain.ranges == (Options("axis", ("left-right", "anterior-posterior", "rows")),)


def test_percent_is_read_exactly(perturbations):
    for hundredth in range(1, 100):
        assert parse(f"DSC is at least {hundredth} %", perturbations).limit == hundredth / 100


def test_the_package_catalogue_is_used_where_none_is_given():
    sentence = "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %"
    assert render(parse(sentence)) == sentence


def test_a_perturbation_can_be_written_as_soon_as_it_is_declared():
    new = Perturbation(
        "k-space spikes", "", ((Parameter("count", 0, 0, 9),),), apply=lambda: None, synonyms=("herringbone",)
    )
    sentence = "DSC drop under k-space spikes with count <= 3 is below 5 %"
    catalogue = {new.name: new}
    assert render(parse(sentence.replace("k-space spikes", "Herringbone"), catalogue), catalogue) == sentence
    with pytest.raises(SpecError, match=r"expected a perturbation \(k-space spikes\)"):
        parse("DSC drop under gamma with gamma = 2 is below 5 %", catalogue)


# sentence, what the message must say
BAD = [
    # unknown words, with the place and the nearest known word
    ("DSC drop under guassian noise with sigma <= 0.1 is below 5 %", "at column 16, 'guassian noise': expected a perturbation", "did you mean 'gaussian noise'?"),
    ("DSCC is at least 0.8", "at column 1, 'DSCC': expected a measure (DSC, IoU, HD95", "did you mean 'DSC'?"),
    ("DSC dorp under flip is below 5 %", "at column 5, 'dorp'", "did you mean 'drop'?"),
    ("DSC drop under gaussian noise with sigm <= 0.1 is below 5 %", "at column 36, 'sigm'", "(sigma, snr)", "did you mean 'sigma'?"),
    ("DSC drop under gaussian noise with gamma <= 0.1 is below 5 %", "at column 36, 'gamma': gaussian noise has no parameter 'gamma'"),
    ("DSC drop under flip with axis lft-right is below 5 %", "'lft-right'", "did you mean 'left-right'?"),
    ("DSC drop under flip with axis = rwos is below 5 %", "expected", "did you mean 'rows'?"),
    ("DSC drop under motion with rotation <= 5 degs and translation <= 1 mm is below 5 %", "'degs", "a unit"),
    ("DSC drop under ghosting with direction = weak is below 5 %", "direction of ghosting cannot be 'weak'", "rows, columns"),
    ("DSC of anterior is about 0.8", "'about': expected", "'above'"),
    ("hello", "at column 1, 'hello': expected a measure"),
    ("", "the sentence is empty"),
    ("   ", "the sentence is empty"),
    ("DSC is at least " + 100_000 * "9", "the sentence has 100016 characters"),
    ("DSC is at least", "stops too early: expected a number"),
    ("DSC of anterior", "stops too early: expected 'at' or 'is' or 'under'"),
    ("DSC is at least 0.8 or so", "at column 21, 'or': expected", "the end"),
    ('DSC of "left lung is at least 0.9', "the quotation mark is never closed"),
    ('DSC of "" is at least 0.9', "a structure's name"),
    # units
    ("DSC drop under gaussian noise with sigma <= 0.1 dB is below 5 %", "'sigma <= 0.1 dB': sigma of gaussian noise has no unit"),
    ("DSC drop under gaussian noise with snr >= 10 is below 5 %", "snr of gaussian noise is in dB; write '10 dB'"),
    ("DSC drop under gaussian noise with snr >= 10 % is below 5 %", "is in dB, not in %"),
    ("DSC drop under blur with sigma <= 1 is below 5 %", "sigma of gaussian blur is in mm; write '1 mm'"),
    ("DSC drop under blur with sigma <= 1 voxel is below 5 %", "is in mm, not in voxels"),
    ("DSC drop under blur with 1 cm <= sigma <= 20 mm is below 5 %", "is in mm, not in cm"),
    ("HD95 increase under flip is below 5 %", "'below 5 %': HD95 increase is in mm, not in %"),
    ("HD95 is at most 3", "HD95 is in mm; write '3 mm'"),
    ("DSC is at least 3 mm", "DSC has no unit, so not mm"),
    ("DSC is at least 85 points", "DSC has no unit, so not points"),
    ("relative DSC drop under flip is below 5 points", "relative DSC drop has no unit, so not points"),
    ("NSD at 2 is at least 0.9", "a tolerance is in mm; write '2 mm'"),
    ("DSC is at least 0.8 for 95 mm of patients", "a share has no unit"),
    # numbers
    ("DSC is at least 0,85", "decimal point, 0.85"),
    ("DSC is at least 1e999999999", "is not a number that can be used"),
    ("DSC is at least 1e-999999999", "is not a number that can be used"),
    ("DSC is at least 1/0", "divides by 0"),
    (f"DSC is at least 0.{'1' * 1000}", "is not a number that can be used"),
    # ranges
    ("DSC drop under gaussian noise with 0.3 <= sigma <= 0.1 is below 5 %", "'0.3 <= sigma <= 0.1': no sigma is at least 0.3 and at most 0.1"),
    ("DSC drop under gaussian noise with 0.1 <= sigma >= 0.05 is below 5 %", "both signs of a range point the same way"),
    ("DSC drop under gaussian noise with sigma <= -1 is below 5 %", "sigma of gaussian noise cannot be -1: it runs from 0 to 10"),
    ("DSC drop under gaussian noise with sigma <= 11 is below 5 %", "cannot be 11: it runs from 0 to 10"),
    ("DSC drop under gaussian noise with snr >= -30 dB is below 5 %", "cannot be -30 dB: it runs from -20 dB to inf dB"),
    ("DSC drop under gaussian noise with sigma >= 0.1 is below 5 %", "sigma = 0 changes nothing", "write 'sigma <= 0.1'"),
    ("DSC drop under gaussian noise with snr <= 10 dB is below 5 %", "snr = inf changes nothing", "write 'snr >= 10 dB'"),
    ("DSC drop under gamma with gamma <= 0.7 is below 5 %", "gamma = 1 changes nothing", "write 'gamma >= 0.7'"),
    ("DSC drop under gaussian noise with sigma <= 0 is below 5 %", "sigma = 0 changes nothing"),
    ("DSC drop under gaussian noise is below 5 %", "gaussian noise needs a range, such as 'sigma <= 0.2' or 'snr >= 10 dB'"),
    ("DSC drop under gamma is below 5 %", "such as '0.7 <= gamma <= 1.5'"),
    ("DSC drop under motion with rotation <= 5 deg is below 5 %", "motion needs a range, such as 'translation <= ...'"),
    ("DSC drop under gaussian noise with sigma <= 0.1 and snr >= 10 dB is below 5 %", "gaussian noise takes sigma or snr, not sigma together with snr"),
    ("DSC drop under gamma with gamma >= 0.7 and gamma >= 0.8 is below 5 %", "gamma is bounded twice"),
    ("DSC drop under brightness with factor within ±5 % is below 5 %", "'±' is around 0, but factor = 1"),
    ("DSC drop under flip with axis <= 3 is below 5 %", "axis of flip is a word", "left-right"),
    ("DSC drop under gamma with gamma = rows is below 5 %", "gamma of gamma is a number, such as '0.7 <= gamma <= 1.5'"),
    ("DSC drop under ghosting is below 5 %", "can be stated in several ways; name direction or strength"),
    ("DSC drop under flip on anterior is below 5 %", "flip acts on the whole image; leave out 'on anterior'"),
    ("DSC drop under flip followed by flip is below 5 %", "flip stands twice"),
    # several perturbations
    ("DSC drop under gaussian noise with sigma <= 0.1 and guassian noise with sigma <= 0.1 is below 5 %", "'guassian noise'", "a perturbation (", "did you mean 'gaussian noise'?"),
    ("DSC drop under gamma with gamma <= 2 and gamma with gamma <= 3 is below 5 %", "gamma stands twice"),
    ("DSC drop under gaussian noise with sigma <= 0.1 and gamma is below 5 %", "gamma needs a range"),
    ("DSC drop under gaussian noise with sigma <= 0.1 and gamma <= 2 is below 5 %", "gaussian noise has no parameter 'gamma'"),
    # targeted attacks
    ("DSC drop under targeted pgd with epsilon <= 0.1 is below 5 %", "targeted pgd needs two structures; write 'targeted pgd from A to B'", 'source = "A", target = "B"'),
    ("DSC drop under targeted pgd from a with epsilon <= 0.1 is below 5 %", "'with': expected 'to'"),
    ("DSC drop under targeted pgd from a to a with epsilon <= 0.1 is below 5 %", "from a to a changes nothing; name two structures"),
    ("DSC drop under targeted pgd from a to b is below 5 %", "targeted pgd needs a range, such as 'epsilon <= ...' or 'radius <= ...'"),
    ("DSC drop under targeted pgd from a to b with source = a is below 5 %", "'source': expected a number or a parameter (epsilon, radius)"),
    ("DSC drop under pgd from a to b with epsilon <= 0.1 is below 5 %", "pgd does not turn one structure into another; leave out 'from ... to ...'"),
    ("DSC drop under gamma from 0.7 to 1.5 is below 5 %", "'0.7': expected a structure"),
    # levels of published tables
    ("DSC drop under gaussian noise at level 3 of medmnist is below 5 %", "'medmnist': expected a table of severities (rood-mri, medmnist-c organ ct"),
    ("DSC drop under gaussian noise at level 6 of medmnist-c organ ct is below 5 %", "there is no level 6; levels run from 1 to 5"),
    ("DSC drop under gaussian noise at level 2.5 of medmnist-c organ ct is below 5 %", "there is no level 2.5"),
    ("DSC drop under flip at level 3 of rood-mri is below 5 %", "rood-mri has no levels of flip; one of"),
    ("DSC drop under gamma at level 3 of rood-mri is below 5 %", "two strengths of gamma, gamma = 0.58 and gamma = 2.2", "'gamma decrease at level 3'", "'up to level 3'"),
    ("DSC drop under gaussian noise increase at level 3 of imagenet-c is below 5 %", "imagenet-c has no increase of gaussian noise; leave out 'increase'"),
    ("DSC drop under gamma up to level 3 of medmnist-c organ ct is below 5 %", "level 3 of gamma increase in medmnist-c organ ct is not on record here; levels 1 and 5 are"),
    ("DSC drop under gaussian noise at level 3 is below 5 %", "expected 'of'"),
    ("DSC drop under each perturbation at level 3 of rood-mri is below 5 %", "rood-mri has levels of"),
    # measures that make no sense
    ("HD95 drop under flip is below 5 mm", "HD95 has no drop", "'HD95 increase'"),
    ("DSC increase under flip is below 5 %", "DSC has no increase", "'DSC drop'"),
    ("prediction agreement drop under flip is below 5 %", "prediction agreement has no drop: it compares with the clean prediction already"),
    ("volume bias increase under flip is within 5 %", "volume bias has no increase: it has a sign"),
    ("gross failure rate drop under flip is below 5 %", "gross failure rate has no drop"),
    ("relative DSC is at least 0.5", "'relative' goes with a drop"),
    ("NSD is at least 0.9", "NSD needs its tolerance in mm, such as 'NSD at 2 mm'"),
    ("NSD at 0 mm is at least 0.9", "a tolerance of 0 mm means nothing"),
    ("NSD at 2 mm drop at 2 mm under flip is at most 5 %", "expected"),
    ("NSD at 2 mm of anterior at 2 mm is at least 0.9", "a tolerance stands twice"),
    ("DSC at 2 mm is at least 0.9", "DSC has no tolerance"),
    ("DSC drop is below 5 %", "DSC drop on clean images is always 0"),
    ("prediction agreement is at least 0.9", "prediction agreement on clean images is always 1"),
    ("mean DSC of anterior is at least 0.9", "cannot be of 'anterior' alone"),
    ("mean gross failure rate is below 5 %", "no mean over structures"),
    # the wrong direction: worst values would pass
    ("DSC is below 85 %", "'below 85 %': DSC is better higher: write 'at least' or 'above', not 'below'"),
    ("DSC drop under flip is at least 5 %", "DSC drop is better lower: write 'below' or 'at most', not 'at least'"),
    ("DSC drop under flip is not below 5 %", "not 'at least'"),
    ("HD95 is above 3 mm", "HD95 is better lower"),
    ("volume bias is below 5 %", "volume bias has a sign, and 0 is best: write 'within', not 'below'"),
    ("DSC is within 5 %", "not 'within'"),
    ("gross failure rate is at least 5 %", "gross failure rate is better lower"),
    # limits that cannot be met, or that a failed case would meet
    ("DSC is at least 85", "85 is not a DSC", "did you mean 85 % or 0.85?"),
    ("DSC drop under flip is below 5", "did you mean 5 % or 0.05?"),
    ("DSC is at least 1.2", "no DSC is at least 1.2"),
    ("DSC is above 1", "no DSC is above 1"),
    ("DSC is at least 0", "a limit of 0 is met by every DSC"),
    ("DSC is above -1", "below the range of DSC"),
    ("DSC drop under flip is below -1 %", "a limit of -0.01 is below the range of DSC drop"),
    ("DSC drop under flip is below 120 %", "a failed case's DSC drop could meet a limit of 120 %"),
    ("over-segmentation is at most 1", "a failed case's over-segmentation could meet a limit of 100 %"),
    ("volume error is at most 150 %", "a failed case's volume error could meet"),
    ("volume bias is within 100 %", "a failed case's volume bias could meet"),
    ("HD95 is below 0 mm", "no HD95 is below 0"),
    ("gross failure rate is at most 0 %", "no number of patients can show"),
    # shares
    ("DSC is at least 0.8 for 100 % of patients", "'for 100 % of patients'", "cannot be shown with any number of patients"),
    ("DSC is at least 0.8 for 95 of patients", "95 is not a share; did you mean 95 % or 0.95?"),
    ("DSC is at least 0.8 for 0 % of patients", "0 % is no patients"),
    ("gross failure rate is below 5 % for 95 % of patients", "is a share of patients already"),
    ("DSC is at least 0.8 with 5 % confidence", "5 % is no confidence: it lies between 50 % and 100 %"),
    ("DSC is at least 0.8 with 100 % confidence", "cannot be shown"),
    ("DSC is at least 0.8 with 97.5 confidence", "did you mean 97.5 % or 0.975?"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "parts"), [(s, parts) for s, *parts in BAD], ids=[s[:60] for s, *_ in BAD])
def test_a_sentence_that_means_nothing_is_an_error_that_says_where_and_what_instead(perturbations, sentence, parts):
    with pytest.raises(SpecError) as caught:
        parse(sentence, perturbations)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_the_place_counts_columns_of_the_sentence_as_shown(perturbations):
    with pytest.raises(SpecError) as caught:
        parse("DSC drop\n   under  guassian   noise with sigma <= 0.1\nis below 5 %", perturbations)
    message = str(caught.value)
    shown = message.split("(in: ")[1].removesuffix(")")
    column = int(message.removeprefix("at column ").split(",")[0])
    assert shown[column - 1 :].startswith("guassian noise")


def test_an_error_cannot_move_the_cursor_of_a_terminal(perturbations):
    with pytest.raises(SpecError) as caught:
        parse('DSC of "a\x1b[2Jb\nc" is at least 85', perturbations)
    assert str(caught.value).isprintable()


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(
            [
                "DSC",
                "HD95",
                "NSD",
                "drop",
                "increase",
                "mean",
                "relative",
                "of",
                "anterior",
                "under",
                "gaussian",
                "noise",
                "flip",
                "gamma",
                "targeted pgd",
                "from",
                "to",
                "level",
                "up to",
                "rood-mri",
                "decrease",
                "each perturbation",
                "3",
                "with",
                "sigma",
                "axis",
                "snr",
                "<=",
                ">=",
                "=",
                "±",
                "between",
                "and",
                "or",
                "0.1",
                "2/255",
                "5",
                "%",
                "dB",
                "mm",
                "is",
                "below",
                "at",
                "least",
                "within",
                "for",
                "patients",
                "confidence",
                '"x"',
                "followed",
                "by",
                "on",
                "left-right",
                "\x00",
                ",",
                "(",
                "1e400",
                "uncertainty",
                "correlates with error",
                "rises with severity",
                "separates errors with AUROC",
                "removing uncertain voxels",
                "raises",
                "silent failure rate",
                "ECE",
                "across severities",
                "by",
                "Kendall",
                "above",
            ]
        ),
        max_size=14,
    )
)
def test_any_sequence_of_words_is_a_requirement_or_a_one_line_error(perturbations, words):
    try:
        requirement = parse(" ".join(words), perturbations)
    except SpecError as caught:
        message = str(caught)
    else:
        message = render(requirement, perturbations)
        assert parse(message, perturbations).claim == requirement.claim
    assert message.isprintable()
