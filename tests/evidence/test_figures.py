"""Curve, forest plot and overlays: what is drawn is what was measured."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_segrobust.evidence.html.colour_map import STOPS, palette
from pytest_segrobust.evidence.html.curve import degradation_curve
from pytest_segrobust.evidence.html.forest import forest_row, place
from pytest_segrobust.evidence.html.overlay import outline, panels, uncertainty_scale
from pytest_segrobust.evidence.html.paired import paired_plot
from pytest_segrobust.evidence.html.severity_axis import severity_axis
from pytest_segrobust.evidence.picture import Picture
from pytest_segrobust.evidence.records import CaseResult, CurvePoint, RequirementResult
from pytest_segrobust.evidence.worst_cases import case_measure, worst_first


def point(severity: float, structure: str = "s", estimate: float = 0.1, **parameters) -> CurvePoint:
    steps = [{"perturbation": "noise", "parameters": parameters, "on": None}] if parameters else []
    return CurvePoint(severity, "", steps, structure, estimate, (estimate - 0.1, estimate + 0.1), 5)


def result(comparison: str, limit: float, interval: tuple[float, float], **more) -> RequirementResult:
    return RequirementResult(
        "R",
        "s",
        "failed",
        measure="DSC",
        comparison=comparison,
        limit=limit,
        estimate=sum(interval) / 2,
        interval=interval,
        **more,
    )


def test_one_parameter_gives_an_axis_in_its_own_unit():
    axis = severity_axis([point(0), point(0.5, sigma=0.05), point(1, sigma=0.1)], {"sigma": "mm"})

    assert axis.label == "noise: sigma (mm)"
    assert axis.ticks is None
    assert [axis.at(s) for s in (0, 0.5, 1)] == pytest.approx([0, 0.05, 0.1])


def test_a_parameter_whose_identity_is_not_zero_starts_there():
    axis = severity_axis([point(0), point(0.5, gamma=0.85), point(1, gamma=0.7)])

    assert (axis.at(0), axis.step) == (pytest.approx(1), pytest.approx(-0.3))


def test_decibels_are_written_at_their_severities():
    axis = severity_axis([point(0, snr="inf"), point(0.5, snr=16.02), point(1, snr=10.0)])

    assert axis.ticks == ((0, "clean"), (0.5, "16"), (1, "10"))
    assert axis.at(0.5) == 0.5


def test_several_parameters_give_severity_itself():
    axis = severity_axis([point(0), point(1, sigma=0.1, blur=2.0)])

    assert axis.label.startswith("severity")
    assert axis.at(0.4) == 0.4


@pytest.mark.parametrize(
    ("comparison", "limit", "good", "bad"),
    [
        ("below", 0.05, 0.01, 0.09),
        ("at most", 3.0, 1.0, 4.0),
        ("at least", 0.8, 0.9, 0.7),
        ("above", 0.4, 0.6, 0.1),
        ("above", 12.0, 15.0, 9.0),
        ("below", 0.0, -0.1, 0.1),
        ("at least", 1.0, 1.2, 0.9),
        ("within", 0.05, -0.02, -0.08),
    ],
)
def test_the_good_side_of_the_forest_plot_is_the_left_one(comparison, limit, good, bad):
    assert forest_row(result(comparison, limit, (good, good))).bar[1] < place(1)
    assert forest_row(result(comparison, limit, (bad, bad))).bar[0] > place(1)
    assert forest_row(result(comparison, limit, (limit, limit))).bar[0] == place(1)


def test_within_counts_from_zero_where_the_interval_contains_it():
    row = forest_row(result("within", 0.1, (-0.05, 0.02)))

    assert row.bar == (place(0), place(0.5))


def test_what_lies_outside_of_the_forest_plot_is_drawn_as_an_arrow():
    row = forest_row(result("below", 0.01, (0.02, 0.5)))

    assert row.beyond_high
    assert row.estimate is None
    assert not row.beyond_low


@pytest.mark.parametrize(
    "unplottable",
    [
        result("below", 0.1, (math.nan, math.nan)),
        RequirementResult("R", "s", "not_run", limit=0.1),
        RequirementResult("R", "s", "invalid", interval=(0.1, 0.2)),
        result("within", 0.0, (0.1, 0.2)),
    ],
)
def test_a_requirement_without_numbers_has_a_row_that_says_so(unplottable):
    assert forest_row(unplottable).label == "no interval"
    assert forest_row(unplottable).bar is None


def test_the_curve_names_all_structures_and_its_limit():
    drawn = degradation_curve(
        result("below", 0.2, (0.1, 0.3), curve=[point(s, name, s) for s in (0, 1) for name in ("liver", "<i>$a_1$")]),
        prefix="p",
    )

    assert "liver" in drawn
    assert "&lt;i&gt;$a_1$" in drawn, "a name is escaped, and not read as a formula"
    assert "limit 0.2" in drawn
    assert "claimed range" in drawn
    assert "var(--series-2)" in drawn
    assert "#fe" not in drawn, "every placeholder colour became a variable of the page"


def test_a_curve_without_numbers_is_not_drawn():
    assert degradation_curve(result("below", 0.2, (0, 1)), prefix="p") is None
    assert degradation_curve(result("below", 0.2, (0, 1), curve=[point(0, "s", math.nan)]), prefix="p") is None


def test_an_infinite_bound_does_not_stop_the_curve():
    broken = CurvePoint(1.0, "", [], "s", 0.3, (0.1, math.inf), 5)

    assert degradation_curve(result("below", 0.2, (0, 1), curve=[point(0), broken]), prefix="p") is not None


def case(name: str, value: float | None, failure: str | None = None, structure: str = "s") -> CaseResult:
    return CaseResult(name, name, structure, 0.9, 0.5, value, failure)


@pytest.mark.parametrize(
    ("comparison", "order"),
    [
        ("below", ["failed", "b", "c", "a"]),
        ("at least", ["failed", "a", "c", "b"]),
        ("within", ["failed", "a", "b", "c"]),
    ],
)
def test_the_worst_cases_come_first_and_failures_before_all(comparison, order):
    cases = [
        case("a", -0.9),
        case("b", 0.5),
        case("c", 0.2),
        case("failed", 0.0, "missed"),
        case("x", 9, None, "other"),
    ]
    judged = result(comparison, 0.1, (0, 1), cases=cases, worst={"structure": "s"})

    assert [c.case for c in worst_first(judged)] == order


def test_a_share_of_patients_orders_its_cases_by_what_is_asked_of_each():
    share = RequirementResult(
        "R",
        "s",
        "failed",
        measure="share of patients with HD95 increase below 3 mm",
        comparison="at least",
        limit=0.95,
        cases=[case("a", 1.0), case("b", 7.0)],
    )

    assert [c.case for c in worst_first(share)] == ["b", "a"]
    measure = case_measure(share)
    assert (measure.name, measure.comparison, measure.limit, measure.unit) == ("HD95 increase", "below", 3.0, "mm")
    assert "HD95 (mm)" in paired_plot(share, prefix="p")


def test_cases_without_a_pair_are_drawn_by_their_value():
    singles = [CaseResult(f"c{n}", "p", "s", None, None, n / 10) for n in range(4)]

    assert "cases, the worst last" in paired_plot(result("at least", 0.2, (0, 1), cases=singles), prefix="p")
    assert paired_plot(result("at least", 0.2, (0, 1)), prefix="p") is None


def fill(path: str, shape: tuple[int, int]) -> np.ndarray:
    """The pixels inside a path by the even-odd rule, counted along each row: an oracle that knows nothing of edges."""
    filled = np.zeros(shape, dtype=bool)
    crossings = np.zeros((shape[0], shape[1] + 1), dtype=int)
    for loop in re.findall(r"M([^Z]*)Z", path):
        corners = [tuple(map(int, corner.split())) for corner in loop.split("L")]
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            assert x0 == x1 or y0 == y1, "outlines run along the edges of voxels"
            if x0 == x1:
                crossings[min(y0, y1) : max(y0, y1), x0] += 1
    filled[:] = np.cumsum(crossings, axis=1)[:, :-1] % 2 == 1
    return filled


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans()))
@settings(deadline=None, max_examples=60)
def test_an_outline_filled_again_is_the_mask(mask):
    np.testing.assert_array_equal(fill(outline(mask), mask.shape), mask)


def test_a_rectangle_has_four_corners():
    mask = np.zeros((5, 6), dtype=bool)
    mask[1:3, 2:5] = True

    assert sorted(re.findall(r"\d+ \d+", outline(mask))) == ["2 1", "2 3", "5 1", "5 3"]


def picture(size: int, **about) -> Picture:
    rows, columns = np.mgrid[:size, :size]
    mask = (rows - size / 2) ** 2 + (columns - size / 2) ** 2 < (size / 8) ** 2
    image = np.linspace(-1000, 400, size * size).reshape(size, size)
    return Picture(
        "R", "c", "s", {"clean": image, "perturbed": image + 1, "reference": mask, "clean_prediction": mask}, about
    )


def decoded(svg: str) -> np.ndarray:
    import base64
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", svg)[1]))))


def test_grey_values_keep_the_pixels_of_the_image_and_the_stated_range():
    clean, _ = panels(Picture("R", "c", "s", {"clean": np.array([[0.0, 5.0], [10.0, 20.0]])}, {"range": [0, 10]})), None

    np.testing.assert_array_equal(decoded(clean[0].svg), [[0, 128], [255, 255]])


def test_a_picture_is_cut_to_its_structures_and_reduced_to_its_budget():
    small, large = panels(picture(400))[0].svg, panels(picture(400), most_pixels=1000)[0].svg

    assert decoded(small).shape == (119, 119)  # a disc of 99 pixels across, with a margin of 10 on each side
    assert decoded(large).size <= 1000
    assert (
        re.search(r'class="reference" d="([^"]+)"', small)[1] == re.search(r'class="reference" d="([^"]+)"', large)[1]
    )


def test_pixels_that_are_not_square_are_drawn_in_their_proportions():
    svg = panels(picture(64, spacing=[10.0, 3.0]))[0].svg

    assert "aspect-ratio:0.3" in svg
    assert "mm</span>" in svg


def test_a_picture_without_spacing_has_no_scale():
    assert "mm</span>" not in panels(picture(64))[0].svg


def test_a_reference_is_not_drawn_on_a_clean_image_of_another_frame():
    image, mask = np.zeros((6, 9)), np.ones((9, 6), dtype=bool)
    flipped = Picture("R", "c", "s", {"clean": image, "perturbed": image.T, "reference": mask, "prediction": mask}, {})
    clean, perturbed = panels(flipped)

    assert "<path" not in clean.svg
    assert perturbed.svg.count('class="reference"') == perturbed.svg.count('class="prediction"') == 1


def test_both_pictures_show_the_same_part():
    whole = picture(200)
    arrays = {**whole.arrays, "clean_prediction": whole.arrays["reference"], "prediction": np.eye(200, dtype=bool)}
    clean, perturbed = panels(Picture("R", "c", "s", arrays, {}))

    assert decoded(clean.svg).shape == decoded(perturbed.svg).shape == (200, 200)


def test_a_failed_prediction_leaves_the_reference():
    whole = picture(64)
    clean, perturbed = panels(
        Picture("R", "c", "s", {**whole.arrays, "clean_prediction": whole.arrays["reference"]}, {})
    )

    assert 'class="prediction"' in clean.svg
    assert 'class="prediction"' not in perturbed.svg
    assert 'class="reference"' in perturbed.svg


def with_maps(uncertainty: np.ndarray, **about) -> Picture:
    """A picture whose prediction misses one row of its reference, with its uncertainty, clean and perturbed."""
    image = np.zeros(uncertainty.shape)
    reference = np.zeros(uncertainty.shape, dtype=bool)
    reference[1:3, 1:3] = True
    missed = reference.copy()
    missed[2] = False
    return Picture(
        "R",
        "c",
        "s",
        {
            "clean": image,
            "perturbed": image,
            "reference": reference,
            "clean_prediction": reference,
            "prediction": missed,
            "clean_uncertainty": uncertainty / 2,
            "uncertainty": uncertainty,
        },
        {"uncertainty_map": "predictive_entropy", **about},
    )


def test_uncertainty_has_the_same_colours_clean_and_perturbed_and_the_wrong_voxels_on_it():
    values = np.linspace(0, 0.8, 25).reshape(5, 5)
    drawn = panels(with_maps(values, uncertainty_range=[0.0, 0.8]))

    assert [panel.title for panel in drawn] == ["clean", "perturbed", "uncertainty, clean", "uncertainty, perturbed"]
    assert [panel.under for panel in drawn] == ["", "", "clean", "perturbed"]
    np.testing.assert_array_equal(decoded(drawn[3].svg), np.round(values / 0.8 * 255))
    np.testing.assert_array_equal(decoded(drawn[2].svg), np.round(values / 1.6 * 255))
    assert 'class="wrong"' not in drawn[2].svg
    assert fill(re.search(r'class="wrong" d="([^"]+)"', drawn[3].svg)[1], (5, 5)).sum() == 2
    assert 'class="reference"' not in drawn[3].svg
    assert "uncertainty of the perturbed image" in drawn[3].svg


def test_the_colour_bar_says_the_largest_value_and_the_name_of_the_map():
    picture = with_maps(np.full((5, 5), 0.25), uncertainty_range=[0.0, 0.8])

    assert uncertainty_scale(picture)["high"] == "0.800"
    assert uncertainty_scale(picture)["name"] == "predictive entropy"
    assert uncertainty_scale(with_maps(np.full((5, 5), 0.25)))["high"] == "0.250"
    assert uncertainty_scale(with_maps(np.zeros((5, 5))))["high"] == "0 everywhere"
    assert not decoded(panels(with_maps(np.zeros((5, 5))))[3].svg).any()
    assert uncertainty_scale(picture_without_maps()) is None


def picture_without_maps() -> Picture:
    return Picture("R", "c", "s", {"clean": np.zeros((5, 5))}, {})


def test_a_large_uncertainty_map_is_reduced_and_keeps_its_colours():
    from PIL import Image

    svg = panels(with_maps(np.full((300, 200), 0.5), uncertainty_range=[0, 0.5]), most_pixels=100)[3].svg
    import base64
    import io

    image = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", svg)[1])))
    assert image.width * image.height <= 100
    assert image.convert("RGB").getpixel((0, 0)) == tuple(palette()[255])


def test_a_failed_prediction_leaves_a_gap_under_its_picture():
    whole = with_maps(np.ones((5, 5)))
    arrays = {name: array for name, array in whole.arrays.items() if name not in ("uncertainty", "prediction")}

    assert [panel.under for panel in panels(Picture("R", "c", "s", arrays, {}))] == ["", "", "clean"]


def test_the_colours_of_uncertainty_rise_evenly_in_lightness():
    linear = palette() / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(luminance > (6 / 29) ** 3, 116 * np.cbrt(luminance) - 16, luminance * (29 / 3) ** 3)  # CIE L*
    steps = np.diff(lightness[::15])  # fine enough to see a dip, coarse enough for colours of 8 bits

    assert lightness[0] < 20
    assert lightness[-1] > 85
    assert 3 < steps.min() < steps.max() < 1.5 * steps.min()
    assert tuple(palette()[0]) == tuple(int(STOPS[0][at : at + 2], 16) for at in (1, 3, 5))


def test_the_stops_are_those_of_viridis():
    import matplotlib as mpl

    stops = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in STOPS])
    expected = mpl.colormaps["viridis"](np.linspace(0, 1, len(STOPS)))[:, :3] * 255

    assert np.abs(stops - expected).max() < 2


def test_of_a_correlation_the_uncertainty_of_each_case_is_drawn_and_not_called_a_correlation(uncertain):
    pairs = [CaseResult(name, name, "anterior", 0.01, 0.02, 0.3) for name in ("a", "b")]
    drawn = paired_plot(uncertain.result(cases=pairs), prefix="p")

    assert "uncertainty of the case" in drawn
    assert "orrelation" not in drawn
    assert "error detection AUROC" in paired_plot(
        uncertain.result(cases=pairs, measure="error detection AUROC"), prefix="p"
    )
    alone = [CaseResult("a", "a", "anterior", None, None, 0.3)]
    assert paired_plot(uncertain.result(cases=alone), prefix="p") is None
