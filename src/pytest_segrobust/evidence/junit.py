"""The properties of a requirement in JUnit XML: neutral keys that no test-management tool reads as its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .words import deciding_bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import RequirementResult


def properties(result: RequirementResult, run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of key and text for `user_properties`; `run` is `Store.run()`, for the hashes of spec and model.

    Numbers have every digit, and an absent value is an empty text. `test_id` and `requirements` are left out on purpose:
    Xray and TestRail give them different meanings.
    """
    return [
        ("segrobust.req", result.id),
        ("segrobust.statement", result.statement),
        ("segrobust.verdict", result.verdict),
        ("segrobust.tier", result.tier),
        ("segrobust.gates", "true" if result.gates else "false"),
        ("segrobust.measure", result.measure),
        ("segrobust.estimate", _number(result.estimate)),
        ("segrobust.bound", _number(deciding_bound(result))),
        ("segrobust.limit", _number(result.limit)),
        ("segrobust.comparison", result.comparison),
        ("segrobust.confidence", _number(result.confidence)),
        ("segrobust.n", str(result.n_patients)),
        ("segrobust.gross_failures", "" if result.gross_failures is None else str(result.gross_failures.count)),
        ("segrobust.risks", ", ".join(result.risks)),
        ("segrobust.spec_sha256", _hashes(run, "spec")),
        ("segrobust.model_sha256", _hashes(run, "model")),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _hashes(run: Mapping[str, Any], name: str) -> str:
    found = (run.get(name) or {}).get("sha256") or ""
    return found if isinstance(found, str) else ", ".join(found)
