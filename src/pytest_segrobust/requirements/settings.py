"""The tables of segrobust.toml as pydantic models: model, data, decision, requirement."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Table(BaseModel):
    """A table of the file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(Table):
    """[model]: how to open the checkpoint, feed it, and read its output."""

    network: str | None = Field(None, description="module:function that builds the network, for a file that holds weights alone")
    outputs: Literal["logits", "probabilities", "labels"] = "logits"
    activation: Literal["softmax", "sigmoid"] = Field("softmax", description="sigmoid where structures may overlap, one channel each")
    classes: dict[str, int | list[int]] = Field(description="structure = channel (and label value); a list is their union")
    background: int | None = Field(0, description="the channel that is no structure; leave out ... for sigmoid")
    channels: Annotated[int, Field(ge=1)] = Field(1, description="input channels")
    dimensions: Literal[2, 3] | None = Field(None, description="2: a 2-D network, fed a volume slice by slice along its last axis")
    normalise: Literal["none", "zscore", "unit"] = Field("none", description="after the perturbation, as in the product")
    preprocess: str | None = Field(None, description="module:function(image, spacing) instead of normalise; image is a float tensor (channels, *spatial)")
    window: list[Annotated[int, Field(ge=1)]] | None = Field(None, description="sliding window in voxels; smaller images are padded with 0 to it")
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.5
    pad_multiple: Annotated[int, Field(ge=1)] = Field(16, description="without a window: whole images, padded with 0 to multiples of this")
    precision: Literal["full", "mixed"] = "full"
    batch_size: Annotated[int, Field(ge=1)] | None = Field(None, description="images per forward pass; sized to the device when absent")


class Percentiles(Table):
    """The unit scale runs between two percentiles of each image and channel."""

    percentiles: tuple[Annotated[float, Field(ge=0, le=100)], Annotated[float, Field(ge=0, le=100)]]


class Window(Table):
    """The unit scale runs between two fixed values, such as HU."""

    window: tuple[float, float]


class DataSettings(Table):
    """[data]: which cases there are, who is one patient, and what 1 means on the unit intensity scale."""

    images: str | list[str] | None = Field(None, description="pattern with * and {name}; a list is one pattern per channel")
    labels: str | None = Field(None, description="pattern with the placeholders of images; {name} is the file's name without ending")
    cases: str | None = Field(None, description="a .csv with columns id, image (or image_1, image_2 ...), label, patient; others are metadata")
    decathlon: str | None = Field(None, description="a Medical Segmentation Decathlon folder or its dataset.json")
    section: Literal["training", "test"] = "training"
    patient: str | None = Field(None, description="pattern of who counts as one, such as {name}; a column with cases")
    channel_axis: Literal["last", "first"] | None = Field(None, description="where a file holds several channels: which axis they are on")
    intensity: Percentiles | Window = Percentiles(percentiles=(0.5, 99.5))
    label_values: dict[str, int | list[int]] = Field(default_factory=dict, description="where label values differ from the model's channels")
    exclude: dict[str, str] = Field(default_factory=dict, description="case = reason; excluded cases are listed in the report")


class GrossFailure(Table):
    """What counts as a gross failure besides a crash, NaN, a wrong shape and a lost structure."""

    dsc_below: Annotated[float, Field(gt=0, le=1)]


class DecisionSettings(Table):
    """[decision]: how sure a verdict must be."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="one-sided")
    minimum_patients: Annotated[int, Field(ge=2)] = Field(5, description="fewer are not evaluable")
    empty_reference: Literal["exclude", "score"] = Field("exclude", description="cases whose reference lacks a structure: left out of its n, clean and perturbed alike, or scored 1 or 0")
    gross_failure: GrossFailure | None = None
    realisations: Annotated[int, Field(ge=1)] | None = Field(None, description="noise draws per patient and point; the profile's when absent")


class RequirementTable(Table):
    """[[requirement]]: one claim, as a sentence or in the long form."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    statement: str | None = None
    measure: str | None = Field(None, description="dsc, dsc_drop, relative_dsc_drop, hd95_increase, volume_bias, gross_failure_rate ...")
    structure: str | None = None
    average: bool = False
    tolerance: float | None = Field(None, description="mm, for nsd")
    perturbation: dict[str, dict[str, float | str | list[float] | list[str]]] = Field(default_factory=dict)
    below: float | None = None
    at_most: float | None = None
    above: float | None = None
    at_least: float | None = None
    within: float | None = None
    patients: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="share of patients for whom it must hold")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] | None = None
    rationale: str = ""
    risks: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)


class SpecFile(Table):
    """The whole of segrobust.toml."""

    model: ModelSettings
    data: DataSettings
    decision: DecisionSettings = DecisionSettings()
    requirement: list[RequirementTable] = Field(default_factory=list)
