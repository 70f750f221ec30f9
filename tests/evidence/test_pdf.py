"""The PDF: PDF/A-2b, the report's own words on it, and nothing that a user wrote is ever typst."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.pdf import render_pdf, write_pdf
from pytest_segrobust.evidence.records import CaseResult, CurvePoint, RequirementResult
from pytest_segrobust.evidence.report import build_report, write_report
from pytest_segrobust.evidence.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pypdf = pytest.importorskip("pypdf")
pytest.importorskip("typst")

HOSTILE = '#read("/etc/passwd") $x^2$ \\ "q" *b* _i_ `r` <l> @ref ${a} #{1+1} // /* = a\n- b #image("x.svg") ]] [['


def texts(pdf: bytes) -> list[str]:
    """The text of every page, in one line each."""
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]
    return [" ".join(text.replace("\u00a0", " ").split()) for text in pages]


def with_record(report: dict[str, Any], state: str, *why: str) -> dict[str, Any]:
    return {**report, "record": {"state": state, "why": list(why)}}


@pytest.fixture(scope="module")
def store(tmp_path_factory, build_run):
    with build_run(tmp_path_factory.mktemp("pdf") / "run.sqlite", picture_size=48) as made:
        yield made


@pytest.fixture(scope="module")
def pdf(store: Store) -> bytes:
    return render_pdf(with_record(build_report(store), "draft", "No approver has signed."), store.pictures("ROB-001"))


@pytest.fixture(scope="module")
def pages(pdf: bytes) -> list[str]:
    return texts(pdf)


def small(tmp_path: Path, *results: RequirementResult, **run: Any) -> dict[str, Any]:
    """The report of a run with few results, quick to set."""
    with Store.create(tmp_path / "run.sqlite", {"status": "complete", **run}) as made:
        for result in results:
            made.put_result(result)
        return build_report(made)


def test_it_is_pdf_a_2b_and_says_so(pdf: bytes):
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode("utf-8")

    assert re.search(r"pdfaid:part[^0-9]+2\b", metadata)
    assert re.search(r"pdfaid:conformance\W+B\b", metadata)
    assert reader.trailer["/Root"]["/OutputIntents"]
    assert reader.metadata.title.startswith("2 of 9 requirements failed")
    assert reader.metadata.creation_date.isoformat().startswith("2026-03-02T09:26:41"), "the run's end, not today"


def test_all_fonts_are_inside_and_nothing_is_fetched_or_run(pdf: bytes):
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"].get("/Font", {}).values()]

    assert fonts
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor)
    links = [a.get_object() for page in reader.pages for a in page.get("/Annots") or []]
    assert all("/A" not in link or link["/A"]["/S"] == "/GoTo" for link in links)
    assert not {"/AA", "/OpenAction", "/AcroForm"} & set(reader.trailer["/Root"])


def test_every_page_has_its_number_the_run_and_the_hash_of_the_report(pages: list[str]):
    assert len(pages) > 5
    for number, text in enumerate(pages, 1):
        assert f"page {number} of {len(pages)}" in text
        assert "report 5f0c1a7be2d4" in text
        assert re.search(r"SHA-256 [0-9a-f]{12}…", text)


def test_the_first_page_is_enough_to_decide_by(pages: list[str]):
    for part in (
        "2 of 9 requirements failed",
        "At least one requirement was shown not to be met.",
        "No approver has signed.",
        "ROB-002 failed: L = 0.0712 lies beyond the limit of 0.05",
        "aaaaaaaaaaaa",
        "bbbbbbbbbbbb",
        "cccccccccccc",
        "24 of 24 patients",
        "0.122",
        "inconclusive",
        "tester, date",
    ):
        assert part in pages[0], part
    assert "Contents" in pages[1]


def test_everything_that_the_page_says_stands_in_the_document(store: Store, pages: list[str]):
    from pytest_segrobust.evidence.html import render_html
    from pytest_segrobust.evidence.pdf.inline import hidden
    from pytest_segrobust.evidence.pdf.page_tree import Element, read_page

    def said(element: Element) -> list[str]:
        if hidden(element) or {"colours", "key", "watermark", "record"} & set(element.classes):  # in other words there
            return []
        texts = [child for child in element.children if isinstance(child, str)]
        return [*texts, *(text for child in element.elements() for text in said(child))]

    page = read_page(render_html(build_report(store), store.pictures("ROB-001")))
    parts = [
        re.sub(r"\s", "", text)
        for each in page.body.elements()
        if each.tag in ("header", "main")
        for text in said(each)
    ]
    document = re.sub(r"\s", "", " ".join(pages))
    absent = [part for part in parts if part not in document]

    assert len(parts) > 400
    assert len(absent) <= 4, absent  # those that go over the end of a page


def test_sections_stand_in_the_order_of_the_page(store: Store, pages: list[str]):
    from pytest_segrobust.evidence.html import render_html

    page = render_html(build_report(store))
    titles = [
        re.sub(r"<[^>]*>|\s", "", title) for title in re.findall(r"<h2[^>]*>(.*?)</h2>", page[page.index("<main") :])
    ]
    document = re.sub(r"\s", "", " ".join(pages[1:]))
    places = [document.rindex(title) for title in titles if len(title) > 8]

    assert len(places) > 3
    assert places == sorted(places)


def test_every_requirement_is_told_with_its_figures_cases_and_replay(pages: list[str]):
    text = " ".join(pages)

    for part in (
        "2 of 24 patients (at most 24.1 % with 95 % confidence)",
        "breaks at sigma = 0.124 [0.110, 0.140]",
        "hippocampus_004",
        "gaussian noise: sigma (unit scale)",  # the axis of a figure: its text is text
        "segrobust replay segrobust-report ROB-002",
        "label cut off at the edge of the volume",
        "gw1 ended with signal 9",
        "inter-reader DSC is 0.90; see RMF-12",
        "3 patients without a single failure leave open a failure rate of up to 63.2 %",
    ):
        assert part in text, part


def test_figures_are_vectors_and_pictures_alone_are_pixels(store: Store, pdf: bytes):
    from pytest_segrobust.evidence.html import render_html

    reader = pypdf.PdfReader(io.BytesIO(pdf))
    pixels = sum(len(page.images) for page in reader.pages)
    pictures = render_html(build_report(store), store.pictures("ROB-001")).count("data:image/png;base64,")

    assert 3 < pixels <= pictures, "no curve or forest plot became an image"


@pytest.mark.parametrize(
    ("state", "mark"),
    [("test_run", "TEST RUN, NOT FOR RECORD"), ("draft", "DRAFT"), ("final", ""), ("approved", "TEST RUN")],
)
def test_the_watermark_says_whether_a_report_stands_for_record(tmp_path: Path, state: str, mark: str):
    report = with_record(small(tmp_path, RequirementResult("R", "s", "passed")), state, "Because of this.")
    pages = texts(render_pdf(report))

    for text in pages:
        assert text.count(mark) >= 2 if mark else "DRAFT" not in text  # across the page, and in its head
        assert mark.startswith("TEST RUN") or "NOT FOR RECORD" not in text
    assert ("Because of this." in pages[0]) == (state != "approved")


def test_a_report_that_does_not_say_whether_it_stands_for_record_does_not(tmp_path: Path):
    report = small(tmp_path, RequirementResult("R", "s", "passed"))
    del report["record"]  # as reports of earlier versions are
    pages = texts(render_pdf(report))

    assert all(text.count("NOT FOR RECORD") >= 2 for text in pages)
    assert "does not say whether its requirements were frozen" in pages[0]


def test_what_users_wrote_is_never_taken_for_typst(tmp_path: Path, whole):
    result = whole.hostile_result(HOSTILE)
    report = small(
        tmp_path,
        result,
        warnings=[HOSTILE],
        command=HOSTILE,
        environment={HOSTILE: HOSTILE},
        data={"excluded": {HOSTILE: HOSTILE}},
    )
    report |= {
        "record": {"state": "draft", "why": [HOSTILE]},
        "sign_off": [{"role": "tester", "name": HOSTILE, "date": HOSTILE, "meaning": HOSTILE}],
    }
    text = re.sub(r"\s", "", " ".join(texts(render_pdf(report))))

    assert "root:" not in text
    for part in ('#read("/etc/passwd")', "$x^2$", '\\"q"*b*_i_`r`<l>@ref${a}', "#{1+1}///*=a", '#image("x.svg")]][['):
        assert text.count(part) > 15, part


@pytest.mark.parametrize("character", ["\u4e2d", "\x00", "\x1b", "\u202e", "\u200b", "\ue000", "\U0001f9e0"])
def test_a_character_without_a_glyph_is_written_as_its_number(tmp_path: Path, character: str):
    cases = [CaseResult("case", "p", "s", 0.9, 0.5, 0.4)]
    report = small(tmp_path, RequirementResult("R", "s", "failed", measure="DSC drop", cases=cases))
    report["requirements"][0]["id"] = f"R{character}1"
    report["requirements"][0]["cases"][0]["case"] = f"case{character}"
    text = " ".join(texts(render_pdf(report)))

    assert f"R[U+{ord(character):04X}]1" in text
    assert f"case[U+{ord(character):04X}]" in text, "in a figure too"


def test_the_same_report_gives_the_same_bytes(store: Store):
    report = build_report(store)
    report["requirements"] = report["requirements"][1:2]

    first = render_pdf(report, store.pictures("ROB-002"))
    assert render_pdf(report, store.pictures("ROB-002")) == first


def test_it_is_written_beside_the_report_with_the_hash_of_its_file(tmp_path: Path):
    import hashlib

    with Store.create(tmp_path / "run.sqlite", {"status": "complete"}) as store:
        store.put_result(RequirementResult("R", "s", "passed"))
        write_report(store, tmp_path, status="complete")
    digest = hashlib.sha256((tmp_path / "report.json").read_bytes()).hexdigest()

    assert write_pdf(tmp_path) == tmp_path / "report.pdf"
    pages = texts((tmp_path / "report.pdf").read_bytes())
    assert all(f"SHA-256 {digest[:12]}…" in text for text in pages)
    assert f"SHA-256 of the report.json that this document was made from: {digest}" in " ".join(pages)


def test_without_typst_the_error_says_what_to_install(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)

    with pytest.raises(EvidenceError, match=re.escape('pip install "pytest-segrobust[pdf]"')):
        write_pdf(tmp_path)


def test_the_document_claims_nothing_that_a_test_cannot_show(pages: list[str]):
    text = " ".join(pages).lower()

    assert not re.findall(r"complian|certif|\bprove[sn]?\b|\bproof\b|\bsafe|validated|guaranteed", text)


def test_who_signed_stands_on_the_first_page(tmp_path: Path):
    signed = [{"role": "approver", "name": "C. Beispiel", "date": "2026-03-03", "meaning": "released"}]
    pages = texts(render_pdf({**small(tmp_path, RequirementResult("R", "s", "passed")), "sign_off": signed}))

    assert "C. Beispiel, 2026-03-03" in pages[0]


def test_long_tables_that_the_page_folds_away_are_printed_in_part(tmp_path: Path):
    points = [CurvePoint(n / 40, "p", [], f"structure {n}", 0.1, (0.0, 0.2), 5) for n in range(40)]
    text = " ".join(
        texts(render_pdf(small(tmp_path, RequirementResult("R", "s", "failed", measure="DSC", curve=points))))
    )

    assert "and 16 more rows, in report.json and on the page" in text


def test_of_many_requirements_the_first_page_has_the_most_pressing(tmp_path: Path):
    results = [RequirementResult(f"OK-{number:02}", "s", "passed") for number in range(30)]
    pages = texts(render_pdf(small(tmp_path, *results, RequirementResult("BAD-1", "s", "failed", reason="why"))))

    assert pages[0].count("BAD-1") == 2, "among the findings and in the plot"
    assert "OK-00" in pages[0]
    assert "OK-29" not in pages[0]
    assert "Contents" in pages[1]


def test_a_long_name_without_spaces_does_not_run_out_of_its_column(tmp_path: Path):
    name = "a1b2c3d4e5f6" * 15
    report = small(tmp_path, replace(RequirementResult(name, f"DSC of {name}", "failed"), reason=name))
    reader = pypdf.PdfReader(io.BytesIO(render_pdf(report)))
    rightmost = 0.0

    def visit(text: str, cm: list[float], matrix: list[float], _font: Any, size: float) -> None:
        nonlocal rightmost
        if text.strip() and abs(matrix[1]) < 1e-6 and abs(cm[1]) < 1e-6:  # the watermark goes across
            end = 0.35 * size * len(text.strip())  # at least: letters are about half as wide as they are high
            rightmost = max(rightmost, matrix[4] * cm[0] + cm[4] + end)

    for page in reader.pages:
        page.extract_text(visitor_text=visit)

    assert 400 < rightmost < 595 - 51, "the right margin of A4"
    document = "".join(page.extract_text() for page in reader.pages)
    assert name in re.sub(r"\s", "", document), "and is copied as it is written"
    assert "\u200b" not in document
