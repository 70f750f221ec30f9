"""The records that cross processes and enter reports: plain data, JSON both ways."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_segrobust.errors import EvidenceError

Verdict = Literal["passed", "failed", "inconclusive", "not_evaluable", "invalid", "not_run"]
Tier = Literal["plausible", "stress"]


@dataclass(frozen=True)
class Measurement:
    """The scores of one structure of one case at one point (see `perturbations.point`).

    `scores` maps a metric's key to its value (NSD: "nsd@2" for a tolerance of 2 mm); a failed case holds worst values.
    `failure` is None, or what went wrong: "crashed: ...", "NaN ...", "shape ...", "missed" (the reference has the
    structure, the prediction has none of it), "false detection" (the other way round). `strength` holds the realised
    strength: "snr" in dB inside the perturbed region, "changed" as a share of its voxels.
    `reference_voxels` is None where the case has no label.
    `undefined` says, by the key of an uncertainty measure, why this case has no value of it (no wrong voxel ...), and
    `reliability` holds per bin of confidence how many voxels there are, the sum of their confidences, and how many are
    right; both are empty where uncertainty was not asked for.
    """

    case: str
    patient: str
    point: str
    realisation: int
    structure: str
    scores: dict[str, float]
    failure: str | None = None
    reference_voxels: int | None = None
    predicted_voxels: int | None = None
    strength: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    reliability: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class CurvePoint:
    """One severity of the degradation curve: estimate and deciding interval over all patients."""

    severity: float  # 0 at the identity, 1 at the end of the stated domain
    point: str
    parameters: list[dict[str, Any]]  # Point.to_json()
    structure: str
    estimate: float
    interval: tuple[float, float]
    n_patients: int
    strength: dict[str, float] = field(default_factory=dict)  # median over cases


@dataclass(frozen=True)
class GrossFailures:
    """Patients with a gross failure, and the exact one-sided upper bound of their share."""

    count: int
    n_patients: int
    upper_bound: float
    cases: list[dict[str, str]] = field(default_factory=list)  # case, structure, point, failure


@dataclass(frozen=True)
class BreakingPoint:
    """The mildest failing severity on the line from the identity to the worst point, or how far it held."""

    severity: float | None
    parameters: list[dict[str, Any]] | None
    interval: tuple[float | None, float | None] = (None, None)  # in severity; None: beyond what was tried
    held_to: list[dict[str, Any]] | None = None
    words: str = ""


@dataclass(frozen=True)
class CaseResult:
    """One case at the requirement's worst point: what the spaghetti plot and the gallery draw."""

    case: str
    patient: str
    structure: str
    clean: float | None
    perturbed: float | None
    value: float | None  # of the requirement's measure
    failure: str | None = None


@dataclass(frozen=True)
class RequirementResult:
    """What a report says of one requirement; the keys are the contract of `report.json`."""

    id: str
    statement: str
    verdict: Verdict
    measure: str = ""
    estimate: float | None = None
    interval: tuple[float, float] | None = None  # the deciding interval, both bounds one-sided at `confidence`
    two_sided: tuple[float, float] | None = None  # 95 %, for the reader
    limit: float | None = None
    comparison: str = ""
    unit: str = ""
    confidence: float = 0.95
    method: str = ""  # of the interval, with its reason
    n_patients: int = 0
    n_cases: int = 0
    gross_failures: GrossFailures | None = None
    worst: dict[str, Any] | None = None  # "parameters" (Point.to_json()), "text", "structure"
    breaking_point: BreakingPoint | None = None
    breaking_by_patient: dict[str, Any] | None = None  # steps, patients, words, margin; see `verification`
    curve: list[CurvePoint] = field(default_factory=list)
    structures: list[dict[str, Any]] = field(default_factory=list)  # per structure: estimate, interval, worst, verdict
    strata: list[dict[str, Any]] = field(default_factory=list)
    # per stratum: column, stratum, whether it decides, verdict, estimate, interval, n_patients, worst, holm or reason
    quantiles: list[dict[str, Any]] = field(
        default_factory=list
    )  # median and claimed quantile over patients, in words too
    cases: list[CaseResult] = field(default_factory=list)
    search: dict[str, Any] = field(default_factory=dict)  # how it was searched; "caveats": warnings of this case
    warnings: list[str] = field(default_factory=list)
    reason: str = ""
    rationale: str = ""
    risks: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    tier: Tier = "plausible"  # "stress" where a range goes beyond what a clinic meets
    gates: bool = True  # whether a run ends red where this was not met
    plausible_part: dict[str, Any] | None = (
        None  # of a stress test: verdict, estimate, interval, parameters, text, structure
    )
    uncertainty: dict[str, Any] | None = None  # what its figures draw, see `verification.uncertainty_evidence`
    domains: list[dict[str, Any]] = field(default_factory=list)  # per perturbation: the claimed range of its parameters
    volumes: dict[str, Any] | None = None  # columns of voxels per case at the worst point, see `verification.volumes`
    replay: str = ""
    context: str = ""  # of the measurements, see `evaluation.context`
    score_keys: list[str] = field(default_factory=list)  # what that evaluation scored
    duration_seconds: float = 0.0

    def __post_init__(self) -> None:
        """A result that says nothing of the model gates whatever its tier: a broken set-up is no finding of a stress test."""
        if self.verdict in ("invalid", "not_evaluable"):
            object.__setattr__(self, "gates", True)

    def to_json(self) -> dict[str, Any]:
        """Plain data with the names of the contract; lists and dicts in it are the result's own, and not to be changed."""
        plain = vars(self) | {key: [dict(vars(each)) for each in getattr(self, key)] for key in ("curve", "cases")}
        for key in ("gross_failures", "breaking_point"):
            if plain[key] is not None:
                plain[key] = dict(vars(plain[key]))
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> RequirementResult:
        """The inverse of `to_json`, through JSON's lists.

        Raises EvidenceError for a result that another version of this tool wrote, with other keys.
        """
        try:
            return cls._restored(plain)
        except (TypeError, KeyError) as error:
            raise EvidenceError(
                f"result {plain.get('id', '?')} was written by another version of this tool ({error}); "
                "choose another report folder, or read it with the version that wrote it"
            ) from None

    @classmethod
    def _restored(cls, plain: dict[str, Any]) -> RequirementResult:
        values = dict(plain)
        for key in ("interval", "two_sided"):
            if values.get(key) is not None:
                values[key] = tuple(values[key])
        if values.get("gross_failures"):
            values["gross_failures"] = GrossFailures(**values["gross_failures"])
        if values.get("breaking_point"):
            breaking = dict(values["breaking_point"])
            breaking["interval"] = tuple(breaking["interval"])
            values["breaking_point"] = BreakingPoint(**breaking)
        values["curve"] = [CurvePoint(**{**p, "interval": tuple(p["interval"])}) for p in values.get("curve", [])]
        values["cases"] = [CaseResult(**case) for case in values.get("cases", [])]
        return cls(**values)
