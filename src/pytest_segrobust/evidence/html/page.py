"""The page: the report's data put into the templates, everything escaped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pytest_segrobust.evidence.atomic_write import write_atomically
from pytest_segrobust.evidence.stored_report import read_stored_report

from .forest import WIDTH, place
from .view import short, view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture

_TEMPLATES = Path(__file__).parent / "templates"
_PAGE_NAME = "report.html"


def render_html(report: Mapping[str, Any], pictures: Sequence[Picture] = ()) -> str:
    """The page of a report (see `build_report`); the same report and pictures give the same text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(place=place, forest_width=WIDTH, short=short)
    # Safe to mark: the style sheet is a file of this package, and the data hold no "<" any more.
    style = Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704
    template = environment.get_template("page.html.jinja")
    return template.render(view(report, pictures), style=style, data=_script_data(report)) + "\n"


def write_html(directory: Path) -> Path:
    """Write `directory/report.html` from the report.json and run.sqlite that lie there, and say where it is.

    EvidenceError where there is no report, or it is not JSON.
    """
    directory = Path(directory)
    stored = read_stored_report(directory)
    return write_atomically(directory / _PAGE_NAME, render_html(stored.report, stored.pictures))


def _script_data(report: Mapping[str, Any]) -> Markup:
    """The report as JSON that cannot end the script element it stands in."""
    text = json.dumps(report, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704
