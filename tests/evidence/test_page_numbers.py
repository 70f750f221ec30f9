"""Every number on the page is one of the report, rounded toward the unfavourable side."""

from __future__ import annotations

import html.parser
import json
import math
import re

import pytest

from pytest_segrobust.evidence import strict_json
from pytest_segrobust.evidence.html import render_html

NUMBER = re.compile(r"(?<![\w.])[-+±]?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w]|\.\d)")


class Tables(html.parser.HTMLParser):
    """The tables of a page: the section and the article they stand in, their class, and the texts of their cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[dict] = []
        self.articles: dict[str, list[str]] = {}
        self.section = self.article = ""
        self.cell: list[str] | None = None
        self.skipped = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "section" and "id" in attributes:
            self.section = attributes["id"]
        elif tag == "section":  # of uncertainty: sums and gaps of the numbers, held to them by its own tests
            self.skipped += 1
        elif tag == "article":
            self.article = attributes["id"]
        elif tag == "table":
            place = {"section": self.section, "article": self.article, "class": attributes.get("class", "")}
            self.tables.append({**place, "id": attributes.get("id", ""), "rows": []})
        elif tag == "tr" and self.tables:
            self.tables[-1]["rows"].append([])
        elif tag in ("td", "th") and self.tables:
            self.cell = []
        elif tag in ("svg", "script", "style", "code"):
            self.skipped += 1

    def handle_endtag(self, tag):
        if tag == "article":
            self.article = ""
        elif tag in ("td", "th") and self.cell is not None:
            self.tables[-1]["rows"][-1].append(" ".join("".join(self.cell).split()))
            self.cell = None
        elif tag in ("svg", "script", "style", "code") or (tag == "section" and self.article):
            self.skipped -= 1

    def handle_data(self, data):
        if self.skipped:
            return
        if self.cell is not None:
            self.cell.append(data)
        if self.article:
            self.articles.setdefault(self.article, []).append(data)

    def find(self, **wanted) -> list[list[str]]:
        """The body of the one table that fits."""
        (found,) = [t for t in self.tables if all(t[key] == value for key, value in wanted.items())]
        return found["rows"][1:]


@pytest.fixture(scope="module")
def report(whole_report):
    return json.loads(strict_json.dumps(whole_report[0]))


@pytest.fixture(scope="module")
def page(report):
    return Tables(render_html(report))


def numbers(text: str) -> list[float]:
    return [float(found.lstrip("±")) for found in NUMBER.findall(text.replace("\u00a0", " "))]


def close(printed: float, value: float) -> bool:
    return math.isclose(printed, value, rel_tol=0.011, abs_tol=1e-9)


def unfavourable(printed: float, value: float, comparison: str) -> bool:
    """Whether a printed number of a measure is no better than it is."""
    if comparison in ("above", "at least"):
        return printed <= value + 1e-12
    return abs(printed) >= abs(value) - 1e-12 if comparison == "within" else printed >= value - 1e-12


def test_the_table_of_results_is_that_of_the_report(report, page):
    rows = page.find(id="results-table")

    assert len(rows) == len(report["requirements"])
    for entry, (name, verdict, _, value, limit, patients) in zip(report["requirements"], rows, strict=True):
        assert name.startswith(entry["id"])
        assert verdict.replace(" ", "_") == entry["verdict"]
        assert (float(patients) if patients != "–" else 0) == entry["n_patients"]
        assert numbers(limit) == ([] if entry["limit"] is None else [entry["limit"]])
        if entry["interval"] is None:
            assert value == "–"
            continue
        estimate, low, high = numbers(value)
        assert close(estimate, entry["estimate"])
        assert unfavourable(estimate, entry["estimate"], entry["comparison"])
        assert close(low, entry["interval"][0])
        assert low <= entry["interval"][0]
        assert close(high, entry["interval"][1])
        assert high >= entry["interval"][1]


def test_the_first_page_shows_the_bound_that_decides(report, page):
    rows = {row[0]: row for row in page.find(**{"section": "", "class": "forest small"})}

    for entry in report["requirements"]:
        if entry["interval"] is not None:
            (bound,) = numbers(rows[entry["id"]][3])
            low, high = entry["interval"]
            decides = {"above": low, "at least": low}.get(entry["comparison"], high)
            if entry["comparison"] == "within":
                decides = max(low, high, key=abs)
            assert close(bound, decides)
            assert unfavourable(bound, decides, entry["comparison"])


def test_structures_strata_and_curves_are_those_of_the_report(report, page):
    checked = 0
    for position, entry in enumerate(report["requirements"], 1):
        article = {"article": f"r{position}"}
        if len(entry["structures"]) > 1:
            for each, row in zip(entry["structures"], page.find(**article, **{"class": "structures"}), strict=True):
                checked += holds(numbers(row[2]), each, entry)
        strata = [each for each in entry["strata"] if each["interval"]]
        if strata:
            rows = [row for row in page.find(**article, **{"class": "forest strata"}) if "[" in row[3]]
            for each, row in zip(strata, rows, strict=True):
                checked += holds(numbers(row[3]), each, entry)
                assert int(row[5]) == each["n_patients"]
        if entry["curve"]:
            rows = next(
                t["rows"][1:]
                for t in page.tables
                if t["article"] == f"r{position}" and t["rows"][0][:2] == ["Severity", "Parameters"]
            )
            for each, row in zip(entry["curve"], rows, strict=True):
                checked += holds(numbers(row[3]), each, entry)
                assert int(row[4]) == each["n_patients"]
    assert checked > 30


def holds(printed: list[float], each: dict, entry: dict) -> bool:
    estimate, low, high = printed
    assert close(estimate, each["estimate"])
    assert unfavourable(estimate, each["estimate"], entry["comparison"])
    assert low <= each["interval"][0] + 1e-12
    assert high >= each["interval"][1] - 1e-12
    assert close(low, each["interval"][0])
    assert close(high, each["interval"][1])
    return True


def test_biases_are_rounded_away_from_zero_and_their_limits_outwards(report, page):
    tables = [t["rows"][1:] for t in page.tables if t["section"] == "agreement"]
    found = {(row[0], row[1]): row for row in tables[0]}

    assert len(found) == len(report["agreement"]) > 4
    for entry in report["agreement"]:
        where = "clean images" if entry["requirement"] is None else f"{entry['requirement']}: {entry['point']}"
        row = found[entry["structure"], where]
        for cell, value in ((row[2], entry["bias"]), (row[4], entry["bias_percent"])):
            (printed,) = numbers(cell)
            assert close(printed, value)
            assert abs(printed) >= abs(value) - 1e-12
        for cell, limits in ((row[3], entry["limits"]), (row[5], entry["limits_percent"])):
            low, high = numbers(cell)
            assert low <= limits[0]
            assert high >= limits[1]
            assert close(low, limits[0])
            assert close(high, limits[1])
        assert numbers(row[6])[0] == entry["n_patients"]


def test_no_number_of_a_requirement_comes_from_elsewhere_than_its_report(report, page):
    for position, entry in enumerate(report["requirements"], 1):
        known, said = everything(entry)
        for token in NUMBER.findall(" ".join(page.articles[f"r{position}"]).replace("\u00a0", " ")):
            text = token.lstrip("±+")
            value = float(text)
            last = 10 ** -len(text.partition("e")[0].partition(".")[2]) if "e" not in text else abs(value) / 50
            near = (abs(value - scale * each) < last * (1 + 1e-9) for each in known for scale in (1, 100))
            assert text in said or text.lstrip("-") in said or any(near), f"{entry['id']}: {token} is not in the report"


def everything(plain) -> tuple[list[float], set[str]]:
    """All numbers of plain data, and the numerals in its texts; how many there are of a list is a number, too."""
    known, said = [0.95, 0.01, 0.0], set()

    def walk(value) -> None:
        if isinstance(value, dict):
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            known.append(len(value))
            for each in value:
                walk(each)
        elif isinstance(value, str):
            said.update(re.findall(r"\d+(?:\.\d+)?", value))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            known.append(float(value))

    walk(plain)
    return known, said


def test_every_figure_says_how_many_patients_it_is_of(whole_report):
    text = render_html(*whole_report)
    figures = re.findall(r'<figure>(<svg role="img" aria-label="([^"]*)".*?</svg>)', text, re.DOTALL)

    assert len(figures) > 15
    for drawing, label in figures:
        assert re.search(r"; n = (\d+ to )?\d+ patients?(, \d+ cases?)?$", label), label
        assert re.search(r">n = (\d+ to )?\d+ patients?(, \d+ cases?)?</text>", drawing), label
