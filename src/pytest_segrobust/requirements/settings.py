"""The tables of segrobust.toml as pydantic models: model, data, decision, attack, trace, requirement.

The texts here are also what an editor shows while the file is written: they go into the published JSON Schema.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Discriminator, Field, Tag, model_validator

from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement_table import RequirementTable  # noqa: TC001 - pydantic reads the type
from pytest_segrobust.requirements.table import Table
from pytest_segrobust.requirements.uncertainty_settings import (
    UncertaintySettings,  # noqa: TC001 - pydantic reads the type
)

Outputs = Literal["logits", "probabilities", "labels", "mean_variance", "dirichlet"]

_T = TypeVar("_T")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class ModelSettings(Table):
    """[model]: how to open the checkpoint, feed it, and read its output."""

    network: str | None = Field(
        None,
        description="module:function that builds the network, for a file that holds weights alone",
        examples=["my_package.models:build_unet"],
    )
    outputs: Outputs = Field(
        "logits",
        description="what the network returns; mean_variance: a pair of probabilities and their variances; "
        "dirichlet: concentrations above 0 (evidence + 1)",
    )
    activation: Literal["softmax", "sigmoid"] = Field(
        "softmax", description="sigmoid where structures may overlap, one channel each"
    )
    classes: dict[str, int | list[int]] = Field(
        description="structure = channel (and label value); a list is their union",
        examples=[{"anterior": 1, "posterior": 2}],
    )
    background: int | None = Field(
        0, description="the channel that is no structure; sigmoid has none, so leave it out there"
    )
    channels: Annotated[int, Field(ge=1)] = Field(1, description="input channels")
    dimensions: Literal[2, 3] | None = Field(
        None, description="2: a 2-D network, fed a volume slice by slice along its last axis"
    )
    normalise: Literal["none", "zscore", "unit"] = Field(
        "none", description="after the perturbation, as in the product"
    )
    preprocess: str | None = Field(
        None,
        description="module:function(image, spacing) instead of normalise; image is a float tensor (channels, *spatial)",
    )
    window: list[Annotated[int, Field(ge=1)]] | None = Field(
        None, description="sliding window in voxels; smaller images are padded with 0 to it", examples=[[96, 96, 96]]
    )
    overlap: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="share by which windows overlap")
    pad_multiple: Annotated[int, Field(ge=1)] = Field(
        16, description="without a window: whole images, padded with 0 to multiples of this"
    )
    precision: Literal["full", "mixed"] = Field(
        "full", description="mixed: half precision where the device is faster so"
    )
    batch_size: Annotated[int, Field(ge=1)] | None = Field(
        None, description="images per forward pass; sized to the device when absent"
    )
    uncertainty: UncertaintySettings | None = Field(
        None,
        description="where uncertainty comes from; when absent, of the checkpoints where several are given, else of what "
        "one pass returns",
        examples=[{"method": "mc_dropout", "passes": 20}],
    )

    @model_validator(mode="before")
    @classmethod
    def _sigmoid_has_no_background(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("activation") == "sigmoid":
            return {"background": None, **values}
        return values

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for key in ("network", "preprocess"):
            named = getattr(self, key)
            if named is not None and not _FUNCTION.fullmatch(named):
                raise ValueError(f"{key} = '{named}' is not module:function, such as 'my_package.models:build_unet'")
        if self.preprocess is not None and self.normalise != "none":
            raise ValueError("preprocess replaces normalise; state one of them")
        if not self.classes:
            raise ValueError("classes is empty; name each structure with its channel, such as { lung = 1 }")
        if self.activation == "sigmoid" and self.background is not None:
            raise ValueError(
                "background has no meaning with activation = 'sigmoid', which gives each structure a channel of its own; leave it out"
            )
        self._check_uncertainty()
        for name, value in self.classes.items():
            values = value if isinstance(value, list) else [value]
            if not name.strip() or not name.isprintable():
                raise ValueError(f"classes: {name!r} is not a name that can be read; use letters and digits")
            if not values or min(values) < 0:
                raise ValueError(f"classes.{name} = {value} is no channel; channels count from 0")
            if len(set(values)) < len(values):
                raise ValueError(f"classes.{name} = {value} names a channel twice")
            if self.background in values:
                raise ValueError(
                    f"classes.{name} = {value} is the background, channel {self.background}; "
                    "give the structure its own channel, or say background = ..."
                )
        return self

    def _check_uncertainty(self) -> None:
        returned = {"mean_variance": "mean_variance", "dirichlet": "evidential"}
        method = None if self.uncertainty is None else self.uncertainty.method
        for outputs, needed in returned.items():
            if method is not None and (self.outputs == outputs) != (method == needed):
                raise ValueError(
                    f"outputs = '{self.outputs}' and uncertainty = '{method}' do not go together: "
                    f"'{needed}' is of networks with outputs = '{outputs}', and of no others"
                )
        if self.activation == "sigmoid" and self.outputs in returned:
            raise ValueError(
                f"outputs = '{self.outputs}' is of classes that exclude each other; leave activation = 'sigmoid' out"
            )


class Percentiles(Table):
    """The unit scale runs between two percentiles of each image and channel."""

    percentiles: tuple[Annotated[float, Field(ge=0, le=100)], Annotated[float, Field(ge=0, le=100)]] = Field(
        description="the percentiles that are 0 and 1", examples=[[0.5, 99.5]]
    )

    @model_validator(mode="after")
    def _rises(self) -> Self:
        return _rising(self, "percentiles", self.percentiles)


class Window(Table):
    """The unit scale runs between two fixed values, such as HU."""

    window: tuple[float, float] = Field(description="the intensities that are 0 and 1", examples=[[-1000, 400]])

    @model_validator(mode="after")
    def _rises(self) -> Self:
        return _rising(self, "window", self.window)


def _rising(table: _T, key: str, ends: tuple[float, float]) -> _T:
    low, high = ends
    if not low < high:
        raise ValueError(
            f"{key} = [{low:g}, {high:g}] does not rise; the first is what 0 means, the second what 1 means"
        )
    return table


def _kind_of_intensity(value: Any) -> str:
    keys = value if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    return "window" if "window" in keys else "percentiles"


Intensity = Annotated[
    Annotated[Percentiles, Tag("percentiles")] | Annotated[Window, Tag("window")], Discriminator(_kind_of_intensity)
]


class DataSettings(Table):
    """[data]: which cases there are, who is one patient, and what 1 means on the unit intensity scale."""

    images: str | list[str] | None = Field(
        None,
        description="pattern with * and {name}; a list is one pattern per channel",
        examples=["imagesTs/*.nii.gz", ["{name}/t1.nii.gz", "{name}/flair.nii.gz"]],
    )
    labels: str | None = Field(
        None,
        description="pattern with the placeholders of images; {name} is the file's name without ending",
        examples=["labelsTs/{name}.nii.gz"],
    )
    cases: str | None = Field(
        None,
        description="a .csv with columns id, image (or image_1, image_2 ...), label, patient; others are metadata",
        examples=["cases.csv"],
    )
    decathlon: str | None = Field(None, description="a Medical Segmentation Decathlon folder or its dataset.json")
    section: Literal["training", "test"] = Field("training", description="which section of a Decathlon folder")
    patient: str | None = Field(
        None,
        description="pattern of who counts as one, such as {name}; a column with cases",
        examples=["{name}", "{patient}"],
    )
    channel_axis: Literal["last", "first"] | None = Field(
        None, description="where a file holds several channels: which axis they are on"
    )
    intensity: Intensity = Field(
        Percentiles(percentiles=(0.5, 99.5)),
        description="what 0 and 1 are on the unit scale on which sigma and other strengths are stated",
    )
    label_values: dict[str, int | list[int]] = Field(
        default_factory=dict, description="where label values differ from the model's channels"
    )
    report_strata: list[str] | None = Field(
        None,
        description="columns whose subgroups every requirement reports, without deciding on them; when absent, all columns "
        "with 2 to 8 values, [] for none",
        examples=[["scanner", "sex"]],
    )
    note: str = Field(
        "",
        description="what a reader must know of the data first; it stands at the top of the report",
        examples=["one scanner, one site; no patient under 18"],
    )
    train: str | list[str] | None = Field(
        None,
        description="what the model was trained on, to show that the test data are apart from it: a pattern of images, a .csv "
        "with the columns image and patient (or one of them), a .json of `segrobust fingerprint`; a list is several of these",
        examples=["imagesTr/*.nii.gz", ["site_a.json", "site_b.csv"]],
    )
    train_patient: str | None = Field(
        None,
        description="who counts as one patient where train is a pattern; as in patient when absent",
        examples=["{name}"],
    )
    overlap: str | None = Field(
        None,
        description="why test cases may stand among the training data; without a reason such a run does not end with exit code 0",
        examples=["the phantom is scanned for both; its results are not part of the claim"],
    )
    exclude: dict[str, str] = Field(
        default_factory=dict,
        description="case = reason; excluded cases are listed in the report",
        examples=[{"case_17": "motion artefact seen at acquisition"}],
    )


class AttackSettings(Table):
    """[attack]: what an adversary may spend on one image, and which other model helps to see through a masked gradient."""

    steps: Annotated[int, Field(ge=1)] = Field(20, description="gradient steps from each start")
    restarts: Annotated[int, Field(ge=1)] = Field(1, description="random starts; the strongest result is kept")
    queries: Annotated[int, Field(ge=1)] = Field(200, description="images that a black-box attack may try")
    draws: Annotated[int, Field(ge=2)] | None = Field(
        None, description="passes over which a network that is stochastic by itself is averaged; 8 when absent"
    )
    surrogate: str | None = Field(
        None,
        description="another checkpoint of the same task, beside this file: attacks made on it must not beat those on the model",
    )
    surrogate_network: str | None = Field(
        None, description="module:function that builds the surrogate's network; that of [model] when absent"
    )
    surrogate_outputs: Outputs | None = Field(
        None, description="what the surrogate's network returns; as [model] outputs when absent"
    )


class TraceSettings(Table):
    """[trace]: where the hazards stand, and where uses of the test data are counted. No part of what is claimed."""

    risks: str | None = Field(
        None,
        description="the risks file beside this file: a .csv with columns id, hazard, control, or a .toml with [[risk]]",
        examples=["risks.csv"],
    )
    ledger: str = Field(
        "segrobust-ledger.jsonl",
        description="the use ledger, which counts how often these data have judged a model; several projects may share one",
    )
    deviations: str = Field(
        "deviations.toml", description="what was decided about everything that did not simply pass, and who signs"
    )


class SpecFile(Table):
    """The whole of segrobust.toml: a model, data, and the requirements that the model must meet on them."""

    model: ModelSettings
    data: DataSettings
    decision: DecisionSettings = DecisionSettings()
    attack: AttackSettings = AttackSettings()
    trace: TraceSettings = TraceSettings()
    requirement: list[RequirementTable] = Field(default_factory=list)
