"""The formats that a report folder is rendered in again, without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_segrobust.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FORMATS = ("html", "pdf", "md", "csv")
# By one file of each a format is known to lie in a folder.
_FILES = {"html": "report.html", "pdf": "report.pdf", "md": "summary.md", "csv": "requirements.csv"}


def named_formats(text: str) -> list[str]:
    """The formats of `html,pdf,md,csv`, each once. EvidenceError names the one that is not known."""
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in FORMATS:
            raise EvidenceError(f"--format {text}: no format {name!r}; there are {', '.join(FORMATS)}")
    if not names:
        raise EvidenceError(f"--format: name at least one of {', '.join(FORMATS)}")
    return names


def lying_there(directory: Path) -> list[str]:
    """The formats that a report folder holds already: left as they are, they would speak of an earlier state of it."""
    return [name for name, file in _FILES.items() if (directory / file).exists()]


def write_formats(directory: Path, formats: Sequence[str]) -> list[Path]:
    """Write the named formats of the report in a folder, and say where the files are."""
    return [path for name in formats for path in _WRITERS[name](directory)]


def _html(directory: Path) -> list[Path]:
    from .html import write_html

    return [write_html(directory)]


def _pdf(directory: Path) -> list[Path]:
    from .pdf import write_pdf

    return [write_pdf(directory)]


def _md(directory: Path) -> list[Path]:
    from .markdown_summary import write_summary
    from .stored_report import read_stored_report

    return [write_summary(read_stored_report(directory, with_pictures=False).report, directory)]


def _csv(directory: Path) -> list[Path]:
    from .csv_tables import write_csv
    from .stored_report import read_stored_report

    return write_csv(read_stored_report(directory, with_pictures=False).report, directory)


_WRITERS: dict[str, Callable[[Path], list[Path]]] = {"html": _html, "pdf": _pdf, "md": _md, "csv": _csv}
