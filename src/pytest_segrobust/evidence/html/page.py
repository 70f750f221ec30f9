"""The page: the report's data put into the templates, everything escaped."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pytest_segrobust.evidence.atomic_write import write_atomically
from pytest_segrobust.evidence.report import result_of
from pytest_segrobust.evidence.store import Store
from pytest_segrobust.evidence.stored_report import STORE_NAME, read_stored_report

from .forest import WIDTH, place
from .sections.gallery import shown
from .view import short, view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture

_TEMPLATES = Path(__file__).parent / "templates"
_PAGE_NAME = "report.html"
MOST_PLAIN = (
    1_500_000  # characters of the report inside the page; a longer one is compressed, or a browser would slow down
)


def render_html(report: Mapping[str, Any], pictures: Sequence[Picture] = (), *, digest: str | None = None) -> str:
    """The page of a report (see `build_report`); the same report and pictures give the same text.

    `digest` is the SHA-256 of report.json, where it is known already.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(place=place, forest_width=WIDTH, short=short)
    variables = view(report, pictures, digest)
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    # Safe to mark: style sheets and script are files of this package, and the data hold no "<" any more.
    style = "\n".join(
        (_TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "report.css", "print.css")
    )
    style += _page_line(report, variables["report_sha256"])
    data, encoding = _script_data(report)
    return (
        environment.get_template("page.html.jinja").render(
            variables,
            style=Markup(style),  # noqa: S704
            script=Markup(script),  # noqa: S704
            policy=_policy(script),
            data=data,
            data_encoding=encoding,
        )
        + "\n"
    )


def write_html(directory: Path) -> Path:
    """Write `directory/report.html` from the report.json and run.sqlite that lie there, and say where it is.

    EvidenceError where there is no report, or it is not JSON.
    """
    directory = Path(directory)
    stored = read_stored_report(directory, with_pictures=False)
    pictures: list[Picture] = []
    if (directory / STORE_NAME).exists():  # a report that was sent alone still has its page
        wanted = shown([result_of(entry) for entry in stored.report["requirements"]])
        with Store.open(directory / STORE_NAME) as store:
            pictures = [picture for identifier in wanted for picture in store.pictures(identifier)]
    return write_atomically(directory / _PAGE_NAME, render_html(stored.report, pictures, digest=stored.sha256))


def _script_data(report: Mapping[str, Any]) -> tuple[Markup, str]:
    """The report as JSON that cannot end the script element it stands in, and how it is encoded."""
    text = json.dumps(report, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text) > MOST_PLAIN:
        packed = gzip.compress(text.encode("utf-8"), mtime=0)
        return Markup(base64.b64encode(packed).decode("ascii")), "gzip+base64"  # noqa: S704
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text), ""  # noqa: S704


def _policy(script: str) -> str:
    """What a browser may load and run: nothing but what stands in the page, and of scripts this one alone."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _page_line(report: Mapping[str, Any], digest: str) -> str:
    """The line at the foot of every printed page: which run, which report."""
    run = re.sub(r"[^0-9A-Za-z-]", "", str(report.get("run_id") or ""))[:12] or "-"
    return f'\n@page {{ @bottom-left {{ content: "run {run} · report {short(digest)}"; }} }}\n'
