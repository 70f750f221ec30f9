"""The environment in rows, and the software of unknown provenance (IEC 62304) that the run used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def environment(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The environment flattened to rows: `torch threads`, `git commit`; threads, determinism and seeds of `provenance`."""
    rows = _rows({key: value for key, value in (report.get("environment") or {}).items() if key != "packages"})
    provenance = report.get("provenance") or {}
    rows += _rows({key: provenance[key] for key in ("threads", "determinism", "seeds") if key in provenance})
    return rows


def soup(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """The list of software items: `soup` where it was recorded, else the packages that the environment names."""
    found = report.get("soup")
    if not found:
        packages = (report.get("environment") or {}).get("packages") or {}
        found = [{"name": name, "version": version} for name, version in packages.items()]
    return [
        {key: str(each.get(key) or "–") for key in ("name", "version", "license")}
        for each in found
        if isinstance(each, dict)
    ]


def _rows(plain: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in plain.items():
        name = f"{before}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            rows += _rows(value, f"{name} ")
        else:
            rows.append((name, _plain(value)))
    return [(name, text) for name, text in rows if text]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
