"""The page in a real browser: it loads nothing, says no error, can be read, sorted, filtered and reached by keyboard."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager

import pytest

from pytest_segrobust.evidence.html import render_html

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = os.environ.get("SEGROBUST_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

LAPTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory, whole_report):
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(render_html(*whole_report), encoding="utf-8")
    return file.as_uri()


@contextmanager
def opened(browser, address, **settings):
    """The page in a context of its own, with what its console said and what it asked for."""
    context = browser.new_context(**{"viewport": LAPTOP, **settings})
    page = context.new_page()
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    yield page
    context.close()


def shown(page) -> list[str]:
    return page.eval_on_selector_all(
        "#results-table tbody tr",
        "rows => rows.filter(r => !r.hidden).map(r => r.cells[0].querySelector('a').textContent)",
    )


def test_nothing_is_asked_for_and_the_console_is_silent(browser, address):
    with opened(browser, address) as page:
        page.wait_for_load_state("networkidle")
        page.get_by_label("Filter").fill("noise")

        assert page.said == []
        assert [url for url in page.asked if not url.startswith("data:")] == [address]


def test_the_policy_of_the_page_refuses_what_is_not_its_own(browser, address):
    with opened(browser, address) as page:
        page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.hurt = 1'; document.body.append(s) }"
        )

        assert page.evaluate("window.hurt") is None


def test_every_figure_has_a_text_that_stands_for_it(browser, address):
    with opened(browser, address) as page:
        drawings = page.eval_on_selector_all(
            "svg:not([aria-hidden=true]), img",
            "all => all.map(e => [e.getAttribute('role'), e.getAttribute('aria-label') || e.alt])",
        )

    assert len(drawings) > 60
    assert all(role == "img" and text and len(text) > 10 for role, text in drawings)


def test_results_are_filtered_by_words_and_by_verdict(browser, address):
    with opened(browser, address) as page:
        everything = shown(page)
        page.get_by_label("Filter").fill("gaussian NOISE")
        by_words = shown(page)
        page.get_by_label("Verdict", exact=True).select_option("passed")
        both = shown(page)

        assert page.locator("#controls output").text_content() == f"{len(both)} of {len(everything)} shown"
    assert set(both) < set(by_words) < set(everything)
    assert both == ["ROB-001", "ROB-004"]


def test_results_are_sorted_both_ways_by_the_keyboard(browser, address):
    with opened(browser, address) as page:
        button = page.get_by_role("button", name="Verdict")
        button.focus()
        page.keyboard.press("Enter")
        first = shown(page)
        page.keyboard.press("Enter")
        back = shown(page)

        head = page.locator("#results-table").get_by_role("columnheader", name="Verdict")
        assert head.get_attribute("aria-sort") == "descending"
        page.get_by_role("button", name="By distance to the limit").click()
        by_limit = shown(page)
    assert (first[0], back[0]) == ("ROB-002", "ROB-001"), "failed first, passed first"
    assert set(by_limit[-3:]) == {"SUB-001", "LAT-001", "UNC-001"}, "what has no interval comes last"


def test_without_scripts_all_results_are_there_and_no_dead_control(browser, address):
    with opened(browser, address, java_script_enabled=False) as page:
        assert page.locator("#results-table tbody tr:visible").count() == 10
        assert page.locator("#controls").is_hidden()
        assert page.locator("button").count() == 0


def test_the_first_tab_skips_to_the_results(browser, address):
    with opened(browser, address) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
        page.keyboard.press("Enter")

        assert page.evaluate("document.activeElement.id") == "results-table"


def test_nothing_hangs_over_the_edge_of_a_phone(browser, address):
    with opened(browser, address, viewport=PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_printed_page_is_marked_as_long_as_the_report_is_no_record(browser, address):
    with opened(browser, address) as page:
        assert page.locator(".watermark").is_hidden()
        page.emulate_media(media="print")

        assert page.locator(".watermark").is_visible()
        assert page.locator(".watermark").text_content() == "TEST RUN, NOT FOR RECORD"
        assert page.locator("#controls").is_hidden()


@pytest.mark.parametrize(("scheme", "viewport"), [("light", LAPTOP), ("dark", PHONE)])
def test_axe_finds_nothing_serious(browser, address, scheme, viewport):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with opened(browser, address, color_scheme=scheme, viewport=viewport) as page:
        # Drawings are left out for their many elements; that each has a text is tested above, their colours elsewhere.
        found = axe.Axe().run(page, context={"exclude": [["figure > svg"]]}, options={"resultTypes": ["violations"]})

    found = found.response["violations"]

    serious = [
        (v["id"], v["impact"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
