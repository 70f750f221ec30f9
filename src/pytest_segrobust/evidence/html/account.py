"""The account of a run: what was tested, on what, with which cases, and what it does not show."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import percent

from .uncertainty_source import of_the_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.records import RequirementResult

_CONFIDENCE = 0.95


def identification(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The rows that tell this run from every other."""
    models = report["model"]["sha256"] or ["none"]
    cost = report["cost"]
    paths = report["model"].get("paths") or []
    share = (
        f" in {cost['forward_seconds']:.1f} s, of {cost['wall_seconds']:.1f} s of process time"
        if cost["wall_seconds"]
        else ""
    )
    rows = [
        ("run", report.get("run_id")),
        ("status", report["status"]),
        ("started", report.get("started")),
        ("finished", report.get("finished")),
        ("command", report.get("command")),
        ("profile", report.get("profile")),
        ("seed", report.get("seed")),
        ("device", report.get("device")),
        ("requirements SHA-256", report["spec"]["sha256"] or "none"),
        *((f"requirements SHA-256 ({_name(spec['path'])})", spec["sha256"]) for spec in report.get("specs", [])[1:]),
        *((f"model SHA-256{_named(path)}", digest) for path, digest in zip_longest(paths, models)),
        *(("weights SHA-256", digest) for digest in report["model"].get("weights_sha256") or [] if digest),
        ("uncertainty", of_the_model(report)),
        ("data SHA-256", report["data"].get("sha256")),
        ("tool", f"{report['tool']['name']} {report['tool']['version']}"),
        ("forward passes", f"{cost['forward_passes']}{share}"),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _named(path: str | None) -> str:
    return f" ({_name(path)})" if path else ""


def environment(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The environment flattened to rows: `torch threads`, `packages` in one line."""
    rows: list[tuple[str, str]] = []
    for key, value in environment.items():
        if isinstance(value, dict) and key == "packages":
            rows.append(("packages", ", ".join(f"{name} {version}" for name, version in value.items())))
        elif isinstance(value, dict):
            rows += [(f"{key} {name.replace('_', ' ')}", _plain(item)) for name, item in value.items()]
        else:
            rows.append((key, _plain(value)))
    return [(name, text) for name, text in rows if text]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def flow(data: Mapping[str, Any]) -> dict[str, Any]:
    """Every case accounted for: enrolled, excluded with reasons, evaluated."""
    excluded = data["excluded"]
    return {
        "enrolled": data["n_cases"] + len(excluded),
        "excluded": excluded,
        "evaluated": data["n_cases"],
        "patients": data["n_patients"],
    }


def limits(results: Sequence[RequirementResult]) -> list[str]:
    """What nobody may read out of this report."""
    sizes = [result.n_patients for result in results if result.n_patients]
    shown = [
        "Perturbations are simulated. They stand for a disturbance of the image, and are not scans that were acquired so.",
        "Only the perturbations and ranges named in the requirements were examined; nothing else was tested.",
        "Other scanners, sites, populations and structures than those of the data are untested.",
        "The worst parameters are the worst of those that were tried. A search can miss a worse one between them.",
        "A drop says nothing of a model that is bad already: read it beside a requirement on the absolute value.",
        "That all of several must pass needs no correction for their number (intersection-union); picking single ones does (Holm).",
        "The methods are statistical and empirical. There is no formal guarantee for any single image.",
    ]
    if sizes:
        fewest = min(sizes)
        open_rate = percent(words.rules_out(fewest, _CONFIDENCE), "up")
        shown.insert(
            4,
            f"Few patients rule out only frequent failures: {words.patients(fewest)} without a single failure leave open a "
            f"failure rate of up to {open_rate} (1 - 0.05^(1/{fewest}), with 95 % confidence).",
        )
    return shown
