"""The page: self-contained, escaped, the same every time, and careful with words."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html.parser
import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.html import render_html, view, write_html
from pytest_segrobust.evidence.html.contents import SECTIONS
from pytest_segrobust.evidence.html.page import MOST_PLAIN
from pytest_segrobust.evidence.html.sections.record import record
from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.evidence.report import build_report, write_report
from pytest_segrobust.evidence.store import Store
from pytest_segrobust.evidence.verdicts import WORDS

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "</script><script>alert(1)</script> $x_1$ & \"quoted\" 'single' <img src=x onerror=alert(1)>"


class Page(html.parser.HTMLParser):
    """What a browser would find: elements, ids, visible text, and the text of every script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def synthetic_store(tmp_path_factory, build_run):
    with build_run(tmp_path_factory.mktemp("run") / "run.sqlite") as store:
        yield store


@pytest.fixture(scope="module")
def text(synthetic_store: Store) -> str:
    return render_html(build_report(synthetic_store), synthetic_store.pictures())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_is_loaded_from_anywhere(text: str, page: Page):
    loaded = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset") and value is not None
    ]

    assert all(value.startswith(("#", "data:image/png;base64,")) for value in loaded)
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org/)", text)
    assert page.all("link") == []
    assert [script.get("type") for script in page.all("script")] == ["application/json", None]
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}';" in policy, "a browser runs this script and no other"


def test_the_report_stands_inside_as_json(synthetic_store: Store, page: Page):
    data, _ = page.scripts

    assert json.loads(data) == build_report(synthetic_store)


def test_ids_are_unique_and_every_link_leads_somewhere(page: Page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    links = [v[1:] for _, a in page.elements for n, v in a.items() if n.endswith("href") and v and v.startswith("#")]
    clips = [match for _, a in page.elements for v in a.values() for match in re.findall(r"url\(#([^)]+)\)", v or "")]

    assert len(ids) == len(set(ids))
    assert set(links) | set(clips) <= set(ids)
    assert len(clips) > 5, "figures clip their curves"


def test_hostile_texts_come_out_as_text(tmp_path: Path, whole):
    run = {
        "command": HOSTILE,
        "warnings": [HOSTILE],
        "environment": {HOSTILE: HOSTILE},
        "data": {"excluded": {HOSTILE: HOSTILE}},
    }
    with Store.create(tmp_path / "run.sqlite", run) as store:
        store.event(HOSTILE, HOSTILE)
        store.put_result(whole.hostile_result(HOSTILE))
        import numpy as np

        arrays = {"clean": np.zeros((9, 9)), "reference": np.eye(9, dtype=bool)}
        store.put_picture(HOSTILE, HOSTILE, HOSTILE, arrays, {"slice": HOSTILE, "point": HOSTILE, "note": HOSTILE})
        text = render_html(build_report(store), store.pictures())
    page = Page(text)

    assert [script.get("type") for script in page.all("script")] == ["application/json", None]
    assert page.all("img") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "alert(1)" not in page.scripts[1]
    assert "alert(1)" not in "".join(page.scripts).replace("\\u003cscript\\u003ealert(1)", "").replace(
        "onerror=alert(1)", ""
    )
    assert "".join(page.text).count("<script>alert(1)</script>") > 15
    assert json.loads(page.scripts[0])["requirements"][0]["id"] == HOSTILE


def test_the_same_report_gives_the_same_page(synthetic_store: Store, text: str):
    assert render_html(build_report(synthetic_store), synthetic_store.pictures()) == text


def test_a_users_plot_style_does_not_change_the_page(synthetic_store: Store, text: str):
    with mpl.rc_context({"font.size": 31, "lines.linewidth": 9, "axes.grid": False, "text.usetex": False}):
        assert render_html(build_report(synthetic_store), synthetic_store.pictures()) == text
        assert mpl.rcParams["font.size"] == 31, "and is left alone"


def test_the_page_claims_nothing_that_a_test_cannot_show(text: str):
    words = " ".join(Page(text).text).lower()

    assert not re.findall(r"complian|certif|\bprove[sn]?\b|\bproof\b|\bsafe|validated|guaranteed", words)


def test_no_window_or_global_figure_is_opened(text: str):
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_every_verdict_has_its_word_and_its_own_shape(page: Page):
    shapes = {a["id"] for a in page.all("symbol")}
    used = [a["href"] for a in page.all("use")]

    assert shapes == {f"shape-{verdict}" for verdict in WORDS}
    assert all(used.count(f"#shape-{verdict}") >= 2 for verdict in WORDS)
    for word in WORDS.values():
        assert any(word in part for part in page.text)


def test_pictures_and_figures_have_a_text_alternative(page: Page):
    drawings = [a for a in page.all("svg") if a.get("aria-hidden") != "true"]

    assert len(drawings) > 20
    assert all(a.get("role") == "img" and a.get("aria-label") for a in drawings)


def test_tables_have_headers_and_headings_do_not_skip_a_level(page: Page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))


def test_the_page_says_what_it_does_not_show(page: Page):
    text = " ".join(" ".join(page.text).split())

    assert "What this report does not show" in text
    assert "Perturbations are simulated" in text
    assert "A drop says nothing of a model that is bad already" in text
    assert "3 patients without a single failure leave open a failure rate of up to 63.2 %" in text  # 1 - 0.05^(1/3)


def test_the_page_tells_the_essentials_of_a_requirement(page: Page):
    text = " ".join(" ".join(page.text).split())

    for part in (
        "2 of 9 requirements failed",
        "DSC drop of posterior under rician noise with sigma <= 0.2",
        "0.0934 [0.0712, 0.122]",
        "2 of 24 patients (at most 24.1 % with 95 % confidence)",
        "breaks at sigma = 0.124 [0.110, 0.140]",
        "segrobust replay segrobust-report ROB-002",
        "hippocampus_004",
        "anterior has drop requirements but none on its absolute value.",
        "The run is incomplete: 1 of 9 requirements have no verdict.",
        "label cut off at the edge of the volume",
        "gw1 ended with signal 9",
        "aaaaaaaaaaaa",
    ):
        assert part in text.replace("\u00a0", " "), part


@pytest.mark.parametrize(
    ("verdicts", "status", "headline"),
    [
        (["passed", "passed"], "complete", "All 2 requirements passed"),
        (["passed"], "complete", "The requirement passed"),
        (["passed", "passed"], "interrupted", "The run is interrupted: no overall verdict"),
        (["passed", "failed", "inconclusive"], "complete", "1 of 3 requirements failed, 1 inconclusive"),
        (["passed", "inconclusive"], "complete", "1 of 2 requirements inconclusive"),
        (["not_run", "passed"], "running", "1 of 2 requirements not run"),
        ([], "complete", "No requirement was stated"),
    ],
)
def test_the_headline_says_the_overall_verdict(tmp_path: Path, verdicts, status, headline):
    with Store.create(tmp_path / "run.sqlite", {"status": status}) as store:
        for number, verdict in enumerate(verdicts):
            store.put_result(RequirementResult(f"R{number}", "s", verdict))
        text = render_html(build_report(store))

    assert re.findall(r"<h1>(.*)</h1>", text) == [headline]


@pytest.mark.parametrize("verdicts", [["passed", "passed"], ["passed", "inconclusive"]])
def test_the_headline_of_a_run_on_data_that_were_trained_on_blames_no_requirement(tmp_path: Path, verdicts):
    about = {"status": "complete", "independence": {"blocks": True, "state": "overlap", "words": "w"}}
    with Store.create(tmp_path / "run.sqlite", about) as store:
        for number, verdict in enumerate(verdicts):
            store.put_result(RequirementResult(f"R{number}", "s", verdict))
        text = render_html(build_report(store))

    assert re.findall(r"<h1>(.*)</h1>", text) == [
        "The run is invalid: test and training data were not shown to be apart"
    ]
    assert "an error of the run or of its inputs." not in text
    assert "What was measured counts for nothing" in text


@pytest.mark.parametrize(("failing", "more"), [(3, None), (5, "and 2 more that did not pass")])
def test_findings_say_how_many_more_there_are(tmp_path: Path, failing, more):
    with Store.create(tmp_path / "run.sqlite", {"status": "complete"}) as store:
        for number in range(failing + 1):
            store.put_result(RequirementResult(f"R{number}", "s", "failed" if number else "passed"))
        text = render_html(build_report(store))

    assert ("more that did not pass" in text) == bool(more)
    assert more is None or more in text


def test_twenty_requirements_on_sixty_patients_stay_below_five_megabytes(tmp_path: Path, build_run):
    with build_run(tmp_path / "run.sqlite", n_patients=60, picture_size=256) as store:
        results = list(store.results().values())[:3]
        pictures = store.pictures("ROB-001")
        for number in range(20):
            name = f"R{number}"
            store.put_result(replace(results[number % 3], id=name))
            for picture in pictures:
                store.put_picture(name, picture.case, picture.structure, picture.arrays, picture.about)
        text = render_html(build_report(store), store.pictures())

    assert len(text.encode()) < 5_000_000


def test_the_page_is_written_beside_the_report(synthetic_store: Store, text: str):
    folder = synthetic_store.path.parent
    write_report(synthetic_store, folder, status="complete")

    assert write_html(folder) == folder / "report.html"
    written = (folder / "report.html").read_text(encoding="utf-8")
    assert written == text
    assert "data:image/png;base64," in written
    assert hashlib.sha256((folder / "report.json").read_bytes()).hexdigest() in written


def test_a_report_without_its_store_has_a_page_without_pictures(synthetic_store: Store, tmp_path: Path):
    write_report(synthetic_store, tmp_path / "sent", status="complete")

    assert "data:image/png;base64," not in write_html(tmp_path / "sent").read_text(encoding="utf-8")


def test_no_report_and_a_broken_report_are_errors(tmp_path: Path):
    with pytest.raises(EvidenceError, match="there is no report here"):
        write_html(tmp_path)
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(EvidenceError, match="cannot be read as a report"):
        write_html(tmp_path)


@pytest.fixture(scope="module")
def uncertain_text(tmp_path_factory, synthetic_store: Store, uncertain) -> str:
    """The page of one requirement about uncertainty, with its pictures."""
    run = {"status": "complete", "model": {"uncertainty": uncertain.SOURCE["words"]}}
    with Store.create(tmp_path_factory.mktemp("uncertain") / "run.sqlite", run) as store:
        store.put_result(uncertain.result())
        for picture in synthetic_store.pictures("ROB-001"):
            arrays, about = uncertain.with_maps(picture)
            store.put_picture("UNC-007", picture.case, picture.structure, arrays, about)
        return render_html(build_report(store), store.pictures())


def test_a_requirement_about_uncertainty_has_its_figures_tables_and_maps(uncertain_text: str):
    page = Page(uncertain_text)
    said = " ".join(" ".join(page.text).split())

    assert uncertain_text.count("<h4>Uncertainty, anterior</h4>") == 1
    for name in (
        "Uncertainty and error.",
        "Risk and coverage.",
        "Reliability.",
        "Removing uncertain voxels.",
        "Uncertainty of wrong and right voxels.",
        "Uncertainty and error by severity.",
    ):
        assert name in said
    assert "+0.523 [+0.238, +0.742]" in said
    assert said.count("uncertainty, perturbed") == 3
    assert uncertain_text.count('class="ramp"') == 3
    assert "wrong voxels" in said
    assert re.search(r"Identification.* uncertainty 20 passes with dropout switched on", said)


def test_the_page_of_uncertainty_is_a_sound_page(uncertain_text: str):
    page = Page(uncertain_text)
    test_nothing_is_loaded_from_anywhere(uncertain_text, page)
    test_ids_are_unique_and_every_link_leads_somewhere(page)
    test_pictures_and_figures_have_a_text_alternative(page)
    test_tables_have_headers_and_headings_do_not_skip_a_level(page)
    test_the_page_claims_nothing_that_a_test_cannot_show(uncertain_text)

    described = [a["aria-describedby"] for a in page.all("svg") if a.get("aria-describedby")]
    assert len(described) == 6
    assert set(described) <= {a["id"] for _, a in page.elements if "id" in a}


def test_hostile_names_in_uncertainty_come_out_as_text(tmp_path: Path, uncertain):
    shown = uncertain.uncertainty()
    for key in ("scatter", "clean_scatter"):
        shown[key]["point"] = HOSTILE
        for case in shown[key]["cases"]:
            case |= {"case": HOSTILE + case["case"], "failure": HOSTILE}
    shown |= {"structure": HOSTILE, "alarm_rule": HOSTILE, "source": dict.fromkeys(uncertain.SOURCE, HOSTILE)}
    shown["risk_coverage"]["reason"] = HOSTILE
    for row in shown["by_severity"]:
        row["point"] = HOSTILE
    with Store.create(tmp_path / "run.sqlite", {"model": {"uncertainty": {"words": HOSTILE}}}) as store:
        store.put_result(uncertain.result(shown, measure=HOSTILE))
        import numpy as np

        maps = {"clean": np.zeros((9, 9)), "clean_uncertainty": np.ones((9, 9)), "reference": np.eye(9, dtype=bool)}
        store.put_picture("UNC-007", HOSTILE, HOSTILE, maps, {"uncertainty_map": HOSTILE, "uncertainty_range": [0, 1]})
        text = render_html(build_report(store), store.pictures())
    page = Page(text)

    assert [script.get("type") for script in page.all("script")] == ["application/json", None]
    assert page.all("img") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "".join(page.text).count("<script>alert(1)</script>") > 60


def test_a_page_without_uncertainty_says_so_and_has_no_figure_of_it(text: str):
    body = text[text.index('<body class="report">') : text.index('<script type="application/json"')]

    assert "No requirement is about uncertainty" in body
    assert not re.search(r'class="(wrong|ramp|colours|under-|uncertainty)', body)
    assert "<desc" not in body


def test_twenty_requirements_about_uncertainty_stay_below_five_megabytes(tmp_path: Path, uncertain):
    shown = uncertain.uncertainty(60)
    with Store.create(tmp_path / "run.sqlite", {}) as store:
        nothing = len(render_html(build_report(store)).encode())
        store.put_result(uncertain.result(shown))
        one = len(render_html(build_report(store)).encode()) - nothing

    assert nothing + 20 * one < 5_000_000


def test_of_many_requirements_the_most_pressing_are_drawn_and_all_have_their_numbers(
    tmp_path: Path, build_run, monkeypatch
):
    monkeypatch.setattr(view, "MOST_DRAWN", 2)
    with build_run(tmp_path / "run.sqlite", n_patients=8) as store:
        passed, failed = (store.results()[name] for name in ("ROB-001", "ROB-002"))
        store.forget_results()
        for number in range(5):
            store.put_result(replace(passed if number else failed, id=f"R{number}"))
        report = build_report(store)
    report["warnings"] = ["x" * MOST_PLAIN]
    text = render_html(report)
    page = Page(text)
    small = [a for a in page.all("svg") if a.get("class") == "small-curve"]

    assert len(small) == 3
    assert all("; n = 24 patients" in a["aria-label"] for a in small)
    assert "the 2 most pressing have all their figures" in text
    assert text.count("The curve in numbers") == len(report["requirements"])
    assert 'data-encoding="gzip+base64"' in text
    assert json.loads(gzip.decompress(base64.b64decode(page.scripts[0]))) == report


def test_a_report_of_an_earlier_version_has_every_section_and_says_what_is_not_recorded(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {"status": "complete"}) as store:
        store.put_result(RequirementResult("R", "DSC is at least 0.8", "passed", measure="DSC"))
        report = build_report(store)
    for key in ("agreement", "record"):
        report.pop(key, None)
    text = render_html(report)
    said = " ".join(" ".join(Page(text).text).split())

    for section in SECTIONS:
        assert f'<section id="{section.anchor}"' in text
    for part in (
        "Test run, not for record",
        "Whether the requirements were frozen before the run is not recorded.",
        "whether test and training data have patients in common is not recorded",
        "How often this test set has judged a model before is not recorded.",
        "No dispositions are recorded",
        "no result of `segrobust qualify` lies beside the requirements",
        "No volumes were recorded",
        "No subgroups were recorded",
        "No earlier release was named",
    ):
        assert part in said, part


def test_what_other_commands_record_stands_on_the_page(whole_report):
    text = render_html(*whole_report)
    said = " ".join(" ".join(Page(text).text).split())

    for part in (
        "The requirements have changed since they were frozen.",
        "TEST RUN, NOT FOR RECORD",
        "frozen on 2026-02-20 by R. Approver",
        "+ sigma <= 0.2",
        "tumour is missed in a noisy image",
        "H-9",
        "claim withdrawn",
        "Open: 1 of 2",
        "T. Tester",
        "1 test patient is in the training list.",
        "voxel hash",
        "This test set has judged 3 models in 11 runs",
        "BSD-3-Clause",
        "All 61 checks found what was expected.",
        "alone in its batch",
        "snr 10 dB and more",
    ):
        assert part in said, part


@pytest.mark.parametrize(
    ("state", "watermark"),
    [("test_run", "TEST RUN, NOT FOR RECORD"), ("draft", "DRAFT"), ("final", ""), ("?", "TEST RUN")],
)
def test_the_watermark_says_whether_a_report_stands_for_record(state, watermark):
    found = record({"record": {"state": state, "why": []}})

    assert found["watermark"].startswith(watermark)
    assert bool(found["watermark"]) == bool(watermark)
    assert record({})["state"] == "test_run"
