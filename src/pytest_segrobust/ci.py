"""What a run leaves for the CI system that it runs in: a summary as Markdown, and annotations at the requirements' lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .evidence.records import RequirementResult

_MOST_BYTES = 900_000  # GitHub takes a MiB from a step, and nothing at all of more


def write_summaries(directory: Path) -> Path:
    """Write summary.md beside report.json, add it to GitHub's step summary where there is one, and say where it is."""
    from .evidence.markdown_summary import write_summary
    from .evidence.stored_report import read_stored_report

    path = write_summary(read_stored_report(directory, with_pictures=False).report, directory)
    shared = os.environ.get("GITHUB_STEP_SUMMARY")
    if shared:
        text = path.read_bytes()
        if len(text) > _MOST_BYTES:
            text = text[:_MOST_BYTES].rpartition(b"\n")[0] + b"\n\n(cut: all of it is in summary.md)\n"
        with Path(shared).open("ab") as file:  # other steps of the job may have written there too
            file.write(b"\n" + text)
    return path


def github_lines(
    results: Iterable[RequirementResult],
    locations: Mapping[str, tuple[str, int | None, str]],
    root: Path,
    faults: Iterable[tuple[str, str]] = (),
) -> list[str]:
    """Lines for GitHub's log, none outside of GitHub Actions; `locations` are pytest's, relative to `root`, by requirement.

    `faults` are of the run as a whole: what it is, and why.
    """
    if not os.environ.get("GITHUB_ACTIONS"):
        return []
    from .evidence.annotations import annotation_lines, place_of, run_lines

    workspace = os.environ.get("GITHUB_WORKSPACE") or str(root)
    places = {
        identifier: place_of(root / file, 0 if line is None else line + 1, workspace)
        for identifier, (file, line, _) in locations.items()
    }
    return [*run_lines(faults), *annotation_lines(results, places)]
