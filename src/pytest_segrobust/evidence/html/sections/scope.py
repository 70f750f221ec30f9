"""Purpose and scope: what claim the report supports, the operating range that was examined, and what its words mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .ranges import range_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult

GLOSSARY = (
    ("requirement", "one claim on the model, with one measure, one limit and one verdict"),
    ("perturbation", "what is done to an image before the model sees it, with exact parameters"),
    ("case, patient", "a case is one image with its reference; the patient is who is counted in every interval"),
    ("reference", "the segmentation that a prediction is judged by"),
    ("structure", "one class of the segmentation; where none is named, each must meet the limit"),
    ("drop, increase", "the change of a metric from the clean to the perturbed image of the same patient"),
    ("worst point", "the parameters, among all that were tried, at which the measure is worst"),
    ("estimate", "the mean over patients, or the share of them, at the worst point"),
    ("[L, U]", "the interval that decides; L and U are one-sided bounds at the stated confidence"),
    ("limit", "the value that the whole of [L, U] must be on the good side of"),
    ("severity", "0 is the clean image, 1 the end of the claimed range; evenly in the parameter's own scale"),
    ("breaking point", "the mildest severity at which the requirement fails"),
    (
        "gross failure",
        "a crash, no number, another shape, or a structure lost or invented; it counts with the worst value",
    ),
    ("stress test", "a requirement whose range goes beyond what its source says a clinic meets"),
)


def scope(results: Sequence[RequirementResult], anchors: Mapping[str, str]) -> dict[str, Any]:
    """The claimed ranges, each with the requirements that claim it; and how many are about clean images."""
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for result in results:
        for domain in result.domains:
            key = (str(domain.get("perturbation")), range_text(domain))
            found.setdefault(key, []).append({"id": result.id, "anchor": anchors[result.id]})
    rows = [
        {"perturbation": name, "range": text, "requirements": claimed}
        for (name, text), claimed in sorted(found.items())
    ]
    structures = dict.fromkeys(
        str(name)
        for result in results
        for name in [(result.worst or {}).get("structure"), *(entry.get("structure") for entry in result.structures)]
        if name
    )
    clean = [result for result in results if not result.domains and result.worst and not result.worst.get("parameters")]
    return {
        "rows": rows,
        "without_ranges": bool(results) and not rows,
        "clean": [{"id": result.id, "anchor": anchors[result.id]} for result in clean],
        "structures": list(structures),
        "glossary": GLOSSARY,
    }
