"""From the page to blocks: nothing that is said is lost, nothing that is hidden is said."""

from __future__ import annotations

import pytest

from pytest_segrobust.evidence.pdf.blocks import Typesetter, anchors_of
from pytest_segrobust.evidence.pdf.drawings import Drawings
from pytest_segrobust.evidence.pdf.inline import words
from pytest_segrobust.evidence.pdf.page_tree import read_page
from pytest_segrobust.evidence.pdf.standalone_svg import palette, standalone
from pytest_segrobust.evidence.pdf.tables import widths

MARK = '<symbol id="shape-failed" viewBox="0 0 16 16"><path d="M0 0h9v9" fill="currentColor"/></symbol>'


def blocks(body: str) -> list[dict]:
    page = read_page(
        f'<html><head><title>t</title></head><body><svg aria-hidden="true">{MARK}</svg>{body}</body></html>'
    )
    return list(Typesetter(Drawings(page.marks), anchors_of(page.body)).blocks(page.body))


def test_text_of_any_element_is_said():
    found = blocks("<div>loose <b>bold</b> end</div><pre>- a\n  + b</pre><blockquote>quoted</blockquote>")

    assert [words(block.get("runs", [])) for block in found] == ["loose bold end", "", "quoted"]
    assert found[1]["text"] == ["- a", "  + b"]


@pytest.mark.parametrize(
    "body",
    [
        "<p hidden>x</p>",
        "<nav>x</nav>",
        "<script>x</script>",
        "<button>x</button>",
        '<p class="skip">x</p>',
        "<p> </p>",
    ],
)
def test_what_is_hidden_on_paper_is_not_said(body: str):
    assert blocks(body) == []


def test_links_lead_to_what_is_there_and_to_nothing_else():
    found = blocks(
        '<p><a href="#r1">one</a> <a href="#none">two</a> <a href="http://x">three</a></p><section id="r1"><h2>R</h2></section>'
    )

    assert [run.get("link") for run in found[0]["runs"] if run["text"].strip()] == ["r1", None, None]
    assert words(found[0]["runs"]) == "one two three"
    assert found[1]["anchor"] == "r1"


def test_a_heading_has_its_number_and_its_verdict():
    (first, second) = blocks(
        '<h2><span class="section-number">3</span> Data</h2>'
        '<div><h3>R-1</h3><span class="badge failed"><svg><use href="#shape-failed"/></svg>failed</span><span class="tier">stress</span></div>'
    )

    assert (first["number"], words(first["runs"])) == ("3", "Data")
    assert [run["mark"] for run in second["runs"] if "mark" in run] == ["failed"]
    assert words(second["runs"]) == "R-1\u2003failed stress"


def test_cells_of_a_table_keep_their_column():
    (found,) = blocks(
        "<table><thead><tr><th>A</th><th>B</th><th>C</th></tr></thead><tbody>"
        '<tr><th scope="row">x</th><td></td><td><span class="badge failed">failed</span></td></tr><tr><td>only</td></tr></tbody></table>'
    )

    assert [words(cell["runs"]) for cell in found["heads"]] == ["A", "B", "C"]
    assert [[words(cell["runs"]) for cell in row] for row in found["rows"]] == [["x", "", "failed"], ["only", "", ""]]
    assert found["rows"][0][0]["runs"][0]["bold"]


def test_columns_are_as_wide_as_what_stands_in_them():
    rows = [[{"runs": [{"text": text}]} for text in ("short", "x" * 40, "25 characters, or so, of it")]] * 2

    assert widths(rows, 3) == ["auto", "40", "auto"]
    assert widths([[{"runs": [{"text": "y" * 22}]}] * 8], 8).count("auto") == 5, "no wider than the page"
    assert widths([[{"drawing": {}}, {"runs": []}]], 2) == ["46mm", "auto"]


def test_a_drawing_stands_alone_in_the_colours_of_the_page():
    drawn = standalone(
        '<td><svg aria-label="a &amp; b" viewBox="0 0 9 9"><path class="bar" style="fill: var(--ink)"/></svg></td>',
        verdict="failed",
        within="forest plot",
    )

    assert drawn.alt == "a & b"
    assert "var(" not in drawn.svg
    assert palette()["ink"] in drawn.svg
    assert f"stroke: {palette()['failed']}" in drawn.svg, "the rule of the style sheet for bars of forest plots"
    assert 'xmlns="http://www.w3.org/2000/svg"' in drawn.svg


def test_an_unknown_colour_is_an_error_rather_than_black():
    with pytest.raises(ValueError, match="has no --nonsense"):
        standalone('<svg viewBox="0 0 1 1"><path style="fill: var(--nonsense)"/></svg>')
    with pytest.raises(ValueError, match="no <svg>"):
        standalone("<p>nothing</p>")
