"""The files that lie beside report.json and say parts of it in the forms of others: environment, attestation, bill of materials."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import strict_json
from .atomic_write import write_atomically
from .attestation import statement
from .bill_of_materials import bill_of_materials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENVIRONMENT = "environment.json"
ATTESTATION = "attestation.intoto.json"
BILL_OF_MATERIALS = "bom.cdx.json"
NAMES = (ENVIRONMENT, ATTESTATION, BILL_OF_MATERIALS)


def companions(report: Mapping[str, Any]) -> dict[str, str]:
    """The text of each file that a report has beside it, by name; they follow from the report alone.

    A run that has not come to its end is attested by nothing.
    """
    if report["status"] != "complete":
        return {} if report["status"] == "running" else {ENVIRONMENT: _environment(report)}
    texts = {ENVIRONMENT: _environment(report), BILL_OF_MATERIALS: strict_json.dumps(bill_of_materials(report))}
    attested = statement(report)
    return texts if attested is None else {**texts, ATTESTATION: strict_json.dumps(attested)}


def write_companions(report: Mapping[str, Any], directory: Path) -> list[Path]:
    """Write them into the report folder, and remove those of an earlier run that this one does not have."""
    texts = companions(report)
    for name in NAMES:
        if name not in texts:
            with suppress(OSError):
                (directory / name).unlink(missing_ok=True)
    return [write_atomically(directory / name, text) for name, text in texts.items()]


def _environment(report: Mapping[str, Any]) -> str:
    keys = ("run_id", "environment", "provenance", "soup")
    return strict_json.dumps({key: report.get(key) for key in keys})
