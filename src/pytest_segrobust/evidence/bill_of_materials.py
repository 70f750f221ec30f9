"""The model with its metrics and the software it was tested with, as a CycloneDX 1.6 bill of materials (ML-BOM).

https://cyclonedx.org/docs/1.6/json/ ; metrics and bounds are texts there, with every digit.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMESPACE = uuid.UUID("9d3a2f0e-6d0b-5c55-9a8e-2f1d8b7c4e10")  # of the serial numbers that are made here


def bill_of_materials(report: Mapping[str, Any]) -> dict[str, Any]:
    """The bill of materials of a report; the same report gives the same one."""
    tool = report["tool"]
    metadata: dict[str, Any] = {
        "tools": {"components": [{"type": "application", "name": tool["name"], "version": tool["version"]}]},
        "component": _model(report),
    }
    if report.get("finished"):
        metadata = {"timestamp": report["finished"], **metadata}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, str(report.get('run_id')))}",
        "version": 1,
        "metadata": metadata,
        "components": [*_data(report), *_packages(report)],
    }


def _model(report: Mapping[str, Any]) -> dict[str, Any]:
    """The model under test; of an ensemble the whole, with its members inside."""
    members = list(_members(report["model"]))
    card = {
        "modelParameters": {
            "task": "image segmentation",
            **({"datasets": [{"ref": "data"}]} if report["data"].get("sha256") else {}),
        },
        "quantitativeAnalysis": {"performanceMetrics": list(_metrics(report))},
    }
    if len(members) == 1:
        return {**members[0], "bom-ref": "model", "modelCard": card}
    name = f"ensemble of {len(members)} models" if members else "model"
    whole = {"type": "machine-learning-model", "bom-ref": "model", "name": name, "modelCard": card}
    return {**whole, "components": members} if members else whole


def _members(model: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    paths, kinds = model.get("paths") or [], model.get("kinds") or []
    for number, digest in enumerate(model.get("sha256") or []):
        name = str(paths[number]).replace("\\", "/").rpartition("/")[2] if number < len(paths) else ""
        member: dict[str, Any] = {
            "type": "machine-learning-model",
            "bom-ref": f"model-{number + 1}",
            "name": name or f"model {number + 1}",
        }
        plain = digest.removeprefix("source:")
        if plain != digest or (number < len(kinds) and kinds[number] == "monai bundle"):
            # not the hash of one file of weights: said as what it is
            what = "source of the function" if plain != digest else "sorted files of the folder"
            member["properties"] = [{"name": f"segrobust:SHA-256 of the {what}", "value": plain}]
        else:
            member["hashes"] = [{"alg": "SHA-256", "content": plain}]
        yield member


def _metrics(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each requirement as it was judged, then its structures and strata."""
    for entry in report["requirements"]:
        kind = ": ".join(filter(None, (entry["id"], entry.get("measure") or entry["statement"])))
        if unit := entry.get("unit"):
            kind += f" [{unit}]"
        at = (entry.get("worst") or {}).get("text")
        yield _metric(kind, entry, [f"worst at {at}" if at else "", f"verdict {_word(entry)}", _patients(entry)])
        for part in entry.get("structures") or []:
            yield _metric(kind, part, [f"structure {part.get('structure', '?')}", _patients(part)])
        for part in entry.get("strata") or []:
            yield _metric(kind, part, [f"{part.get('column', '?')} = {part.get('stratum', '?')}", _patients(part)])


def _metric(kind: str, numbers: Mapping[str, Any], where: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": kind,
        "value": _text(numbers.get("estimate")),
        "slice": "; ".join(filter(None, where)),
    }
    interval = numbers.get("interval")
    if interval:
        found["confidenceInterval"] = {"lowerBound": _text(interval[0]), "upperBound": _text(interval[1])}
    return found


def _text(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else repr(value)


def _word(entry: Mapping[str, Any]) -> str:
    return str(entry["verdict"]).replace("_", " ")


def _patients(numbers: Mapping[str, Any]) -> str:
    return f"{numbers['n_patients']} patients" if numbers.get("n_patients") else ""


def _data(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    data = report["data"]
    if data.get("sha256"):
        words = f"{data['n_cases']} cases of {data['n_patients']} patients"
        described = [{"name": "segrobust:SHA-256 of the hashes of all files", "value": data["sha256"]}]
        yield {"type": "data", "bom-ref": "data", "name": "test data", "description": words, "properties": described}


def _packages(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for package in report.get("soup") or []:
        purl = f"pkg:pypi/{quote(package['name'].lower().replace('_', '-'))}@{quote(package['version'])}"
        component = {
            "type": "library",
            "bom-ref": purl,
            "name": package["name"],
            "version": package["version"],
            "purl": purl,
        }
        if package.get("license"):
            component["licenses"] = [{"license": {"name": package["license"]}}]
        yield component
