"""Identification: what tells this run, and all that it rests on, from every other."""

from __future__ import annotations

import hashlib
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence import strict_json

from ..uncertainty_source import of_the_model
from .record import freeze_words

if TYPE_CHECKING:
    from collections.abc import Mapping


def report_sha256(report: Mapping[str, Any]) -> str:
    """The SHA-256 of report.json, as `sha256sum` gives it: the file is written from these data by the same rule."""
    return hashlib.sha256(strict_json.dumps(report).encode("utf-8")).hexdigest()


def identification(report: Mapping[str, Any], digest: str) -> list[tuple[str, str]]:
    """The rows that tell this run from every other; `digest` is the SHA-256 of report.json."""
    models = report["model"]["sha256"] or ["none"]
    cost = report["cost"]
    paths = report["model"].get("paths") or []
    share = (
        f" in {cost['forward_seconds']:.1f} s, of {cost['wall_seconds']:.1f} s of process time"
        if cost["wall_seconds"]
        else ""
    )
    provenance = report.get("provenance") or {}
    lock = provenance.get("lock_file") or {}
    rows = [
        ("run", report.get("run_id")),
        ("report.json SHA-256", digest),
        ("status", report["status"]),
        ("started", report.get("started")),
        ("finished", report.get("finished")),
        ("command", report.get("command")),
        ("profile", report.get("profile")),
        ("seed", report.get("seed")),
        ("device", report.get("device")),
        ("requirements SHA-256", report["spec"]["sha256"] or "none"),
        *((f"requirements SHA-256 ({_name(spec['path'])})", spec["sha256"]) for spec in report.get("specs", [])[1:]),
        ("frozen", freeze_words(report)),
        *((f"model SHA-256{_named(path)}", digest) for path, digest in zip_longest(paths, models)),
        *(("weights SHA-256", digest) for digest in report["model"].get("weights_sha256") or [] if digest),
        *(
            (f"code SHA-256 ({code.get('what')}: {code.get('name')})", code.get("sha256"))
            for code in _codes(provenance)
        ),
        ("lock file SHA-256", f"{lock.get('sha256')} ({_name(str(lock.get('name')))})" if lock.get("sha256") else ""),
        ("uncertainty", of_the_model(report)),
        ("data SHA-256", report["data"].get("sha256")),
        ("tool", f"{report['tool']['name']} {report['tool']['version']}"),
        ("forward passes", f"{cost['forward_passes']}{share}"),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def amendments(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Changes of the requirements after they were frozen, each with its diff."""
    found = (report.get("freeze") or {}).get("amendments") or []
    return [
        {
            "time": str(each.get("time") or "–"),
            "approver": str(each.get("approver") or "–"),
            "reason": str(each.get("reason") or "–"),
            "sha256": str(each.get("sha256") or "–"),
            "diff": "\n".join(map(str, each.get("diff") or [])),
        }
        for each in found
    ]


def _codes(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [code for code in provenance.get("code") or [] if isinstance(code, dict)]


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _named(path: str | None) -> str:
    return f" ({_name(path)})" if path else ""
