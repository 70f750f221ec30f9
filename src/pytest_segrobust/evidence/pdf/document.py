"""From a report to the bytes of a PDF/A-2b file: the data beside the template, and typst to set them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence import strict_json
from pytest_segrobust.evidence.atomic_write import write_bytes_atomically
from pytest_segrobust.evidence.stored_report import read_stored_report

from .characters import font_folder
from .content import document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture

FILE_NAME = "report.pdf"
_TEMPLATE = Path(__file__).with_name("report.typ")


def render_pdf(report: Mapping[str, Any], pictures: Sequence[Picture] = (), *, digest: str = "") -> bytes:
    """The document of a report (see `build_report`); the same report and pictures give the same bytes.

    `digest` is the SHA-256 of the report's file; without it that of the report as this version writes it. EvidenceError
    where typst is not installed, or cannot set the document.
    """
    typst = _typst()
    digest = digest or hashlib.sha256(strict_json.dumps(report).encode("utf-8", "surrogatepass")).hexdigest()
    content, drawings = document(report, pictures, digest)
    files = {
        "main.typ": _TEMPLATE.read_bytes(),
        # What users wrote comes in as data: typst never sees it as its own language.
        "document.json": json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8"),
        **drawings,
    }
    try:
        made: bytes = typst.compile(
            files,
            format="pdf",
            pdf_standards="a-2b",
            font_paths=[str(font_folder())],
            ignore_system_fonts=True,  # the same document on every machine
            timestamp=0,  # not the time of rendering; the document's own date is the run's
        )
    except typst.TypstError as error:
        raise EvidenceError(f"{FILE_NAME}: typst cannot set the document ({error})") from error
    return made


def write_pdf(directory: Path) -> Path:
    """Write `directory/report.pdf` from the report.json and run.sqlite that lie there, and say where it is.

    EvidenceError where there is no report, or typst is not installed.
    """
    _typst()  # before the work
    stored = read_stored_report(Path(directory))
    return write_bytes_atomically(
        Path(directory) / FILE_NAME, render_pdf(stored.report, stored.pictures, digest=stored.sha256)
    )


def _typst() -> Any:
    try:
        import typst
    except ImportError:
        raise EvidenceError(
            'the PDF needs typst, which is not installed: pip install "pytest-segrobust[pdf]"'
        ) from None
    return typst
