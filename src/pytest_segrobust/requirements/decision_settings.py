"""The table [decision] of segrobust.toml: how sure a verdict must be, and what is measured for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pytest_segrobust.requirements.table import Table


class GrossFailure(Table):
    """What counts as a gross failure besides a crash, NaN, a wrong shape and a lost structure."""

    dsc_below: Annotated[float, Field(gt=0, le=1)] = Field(description="a DSC below this is a gross failure")


class DecisionSettings(Table):
    """[decision]: how sure a verdict must be."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="one-sided")
    method: Literal["bootstrap", "betting"] | None = Field(
        None,
        description="of the interval of a mean: bootstrap when absent; betting assumes nothing of how values are distributed "
        "but their range, and needs many more patients. Shares have exact bounds, correlations their bootstrap, whatever stands here",
    )
    minimum_patients: Annotated[int, Field(ge=2)] = Field(5, description="fewer are not evaluable")
    empty_reference: Literal["exclude", "score"] = Field(
        "exclude",
        description="cases whose reference lacks a structure: left out of its n, clean and perturbed alike, or scored 1 or 0",
    )
    gross_failure: GrossFailure | None = Field(
        None, description="more that counts as a gross failure; no default looks official"
    )
    realisations: Annotated[int, Field(ge=1)] | None = Field(
        None, description="noise draws per patient and point; the profile's when absent"
    )
    stop_early: bool = Field(
        default=False,
        description="whether a point need not be measured on all patients once betting has decided it (profiles smoke and "
        "ci); those requirements are then decided by betting alone, which needs more patients near a limit",
    )
    gate_stress: bool = Field(
        default=False,
        description="whether stress tests, whose ranges go beyond what a clinic meets, end a run with exit code 1 too",
    )
    curve_of_single_strengths: bool = Field(
        default=True,
        description="whether a requirement of one strength alone (sigma = 0.1) is also measured at milder ones, for its "
        "degradation curve and breaking point; they decide nothing, and cost several times what decides",
    )
