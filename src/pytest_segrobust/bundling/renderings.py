"""What is made of report.json for readers and other tools: texts that can be made again and compared, and the document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOCUMENT = "report.pdf"
_DIGEST = re.compile(rb"report\.json SHA-256 ([0-9a-f]{64})")  # among the keywords that evidence/pdf gives a document


def renderings(report: Mapping[str, Any]) -> dict[str, Callable[[], str]]:
    """How each text is made that a report folder may hold besides the page, by file name."""
    from pytest_segrobust.evidence import csv_tables, markdown_summary
    from pytest_segrobust.traceability.exports import FORMATS

    def table(name: str) -> Callable[[], str]:
        return lambda: csv_tables.csv_tables(report)[name]

    def export(text: Callable[[Mapping[str, Any], Mapping[str, Any]], str]) -> Callable[[], str]:
        return lambda: text(report["trace"], report)

    made: dict[str, Callable[[], str]] = {name: table(name) for name in csv_tables.NAMES}
    made[markdown_summary.FILE_NAME] = lambda: markdown_summary.markdown_summary(report)
    made |= {name: export(text) for form in FORMATS.values() for name, text in form}
    return made


def digests_in(document: bytes) -> set[str]:
    """Which report.json a document says that it was set from; empty where it says nothing of it.

    It says no more than that: whoever edits a document leaves its keywords as they were.
    """
    return {found.decode("ascii") for found in _DIGEST.findall(document)}
