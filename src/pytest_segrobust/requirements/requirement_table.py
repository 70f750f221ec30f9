"""[[requirement]] of segrobust.toml as a pydantic model; its texts go into the published JSON Schema."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pytest_segrobust.requirements.table import Table

# An end of a range may be infinite: an SNR of inf dB is no noise at all.
_End = Annotated[float, Field(allow_inf_nan=True)]


class RequirementTable(Table):
    """[[requirement]]: one claim, as a sentence or in the long form."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(
        description="its name in reports and test ids", examples=["ROB-001"]
    )
    statement: str | None = Field(
        None,
        description="[mean] MEASURE [for DSC below LIMIT] [of STRUCTURE] [under PERTURBATION [from STRUCTURE to STRUCTURE] [on STRUCTURE] "
        "[with BOUNDS | at level N of TABLE | up to level N of TABLE] [and PERTURBATION ...]] is COMPARISON LIMIT "
        "[for 95 % of patients] [for each COLUMN] [with 97.5 % confidence]; "
        "or uncertainty [of STRUCTURE] correlates with error COMPARISON LIMIT [under ...], uncertainty rises with severity, "
        "uncertainty separates errors with AUROC COMPARISON LIMIT, removing uncertain voxels raises DSC",
        examples=[
            "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %",
            "DSC drop under gamma with 0.7 <= gamma <= 1.5 is below 3 % for 95 % of patients",
            "HD95 increase under gaussian blur with sigma <= 1 mm is below 3 mm",
            "DSC drop under gaussian noise up to level 3 of medmnist-c organ ct is below 5 %",
            "DSC drop under targeted pgd from anterior to posterior with epsilon <= 2/255 is below 20 %",
            "DSC is at least 0.85",
            "DSC drop under gaussian noise with sigma <= 0.1 is below 5 % for each scanner",
            "uncertainty correlates with error above 0.4 under gaussian noise with sigma <= 0.2",
            "silent failure rate for DSC below 0.7 under gaussian noise with sigma <= 0.1 is below 5 %",
        ],
    )
    measure: str | None = Field(
        None,
        description="long form: dsc, dsc_drop, relative_dsc_drop, hd95_increase, volume_bias, gross_failure_rate; of "
        "uncertainty spearman, error_auroc, ece, ece_increase, aurc, silent_failure_rate ...",
    )
    structure: str | None = Field(None, description="long form: one of the classes; each of them when absent")
    average: bool = Field(default=False, description="long form: the mean over structures instead of each structure")
    tolerance: float | None = Field(None, description="long form: mm, for nsd")
    dsc_below: float | None = Field(
        None,
        description="long form: a case with a lower DSC is a failure, for failure_auroc, failure_recall, silent_failure_rate",
    )
    referral: float | None = Field(
        None, description="long form: the share of cases that may be referred to a reader, for failure_recall"
    )
    fall: float | None = Field(
        None, description="long form: the drop of the DSC that is to be warned of, for early_warning"
    )
    perturbation: dict[str, dict[str, _End | str | list[_End] | list[str]]] = Field(
        default_factory=dict,
        description="long form: name = { parameter = [low, high] or exactly one value, choice = word or words, "
        "source = structure, target = structure, on = structure }; several are applied in order",
        examples=[{"gaussian_noise": {"sigma": [0, 0.1]}}, {"flip": {"axis": ["left-right"]}}],
    )
    below: float | None = Field(None, description="long form: the limit, in the measure's unit (5 % is 0.05)")
    at_most: float | None = Field(None, description="long form: the limit, itself allowed")
    above: float | None = Field(None, description="long form: the limit of a measure that is better higher")
    at_least: float | None = Field(None, description="long form: that limit, itself allowed")
    within: float | None = Field(
        None, description="long form: the largest size of a measure with a sign, such as volume_bias"
    )
    patients: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="long form: share of patients for whom it must hold; their mean when absent"
    )
    for_each: str | None = Field(
        None,
        description="long form: a column of the table of cases, in each of whose strata it must hold by itself",
        examples=["scanner"],
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] | None = Field(
        None, description="one-sided; that of [decision] when absent"
    )
    rationale: str = Field(
        "", description="why this limit and this range", examples=["inter-reader DSC is 0.90; see RMF-12"]
    )
    risks: list[str] = Field(
        default_factory=list, description="risks that this requirement controls", examples=[["H-3"]]
    )
    tags: list[str] = Field(default_factory=list, description="words to select it by (-k)")
    gate: bool | None = Field(
        None,
        description="of a stress test: whether it ends a run with exit code 1; [decision] gate_stress when absent. "
        "Requirements within plausible ranges always do",
    )
