"""[model] uncertainty: where a model's uncertainty comes from, and how one number per case is made of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pytest_segrobust.requirements.table import Table

Method = Literal["softmax", "mc_dropout", "ensemble", "tta", "sampling", "mean_variance", "evidential"]
Map = Literal[
    "variance", "summed_variance", "predictive_entropy", "expected_entropy", "mutual_information", "least_confidence"
]
Aggregation = Literal["image", "foreground", "boundary", "volume", "patch", "threshold"]

ONE_PASS_MAPS: tuple[Map, ...] = ("predictive_entropy", "least_confidence")
"""Maps that a single pass has; the others say how passes differ."""


RETURNED: dict[str, Method] = {"mean_variance": "mean_variance", "dirichlet": "evidential"}
"""What [model] outputs says of where uncertainty comes from, where nothing else can be meant."""


class UncertaintySettings(Table):
    """[model] uncertainty: what is predicted is the mean over all passes, as the product would."""

    method: Method = Field(
        description="softmax: of one pass; mc_dropout: only dropout layers switched on; ensemble: of the checkpoints given; "
        "tta: flips and small changes of intensity, inverted; sampling: a network that is stochastic by itself; "
        "mean_variance and evidential: networks that return it (see outputs)",
    )
    passes: Annotated[int, Field(ge=2)] = Field(20, description="of mc_dropout and sampling")
    map: Map | None = Field(
        None,
        description="variance (of the predicted class) where passes differ, else predictive_entropy, unless stated",
    )
    aggregation: Aggregation = Field(
        "boundary", description="how a map becomes one number per case: the mean over the band round the boundary"
    )
    band: Annotated[float, Field(gt=0)] | None = Field(
        None, description="mm on both sides of the boundary; 4 voxels when absent"
    )
    patch: Annotated[float, Field(gt=0)] | None = Field(
        None, description="mm, edge of the patch of aggregation = 'patch'; 10 voxels when absent"
    )
    threshold: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="voxels above it are uncertain; when absent it is frozen on clean images, so that 95 % of right voxels stay",
    )
    flips: list[Annotated[int, Field(ge=0, le=2)]] | None = Field(
        None, description="tta: axes that are mirrored, counted from 0; all of them when absent, none for []"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.method == "softmax" and self.map is not None and self.map not in ONE_PASS_MAPS:
            raise ValueError(
                f"map = '{self.map}' says how passes differ, and softmax has one; write one of {', '.join(ONE_PASS_MAPS)}"
            )
        if "passes" in self.model_fields_set and self.method not in ("mc_dropout", "sampling"):
            raise ValueError(f"passes is of mc_dropout and sampling; {self.method} has its own number, leave it out")
        for key, wanted in (("patch", "aggregation = 'patch'"), ("flips", "method = 'tta'")):
            name, value = wanted.replace("'", "").split(" = ")
            if getattr(self, key) is not None and getattr(self, name) != value:
                raise ValueError(f"{key} is for {wanted}; leave it out")
        return self

    @property
    def shown_map(self) -> Map:
        """The map that is used: as stated, or the method's own."""
        return self.map or ("predictive_entropy" if self.method == "softmax" else "variance")

    def words(self) -> str:
        """Method, map and aggregation, with the defaults that were not stated."""
        passes = f", {self.passes} passes" if self.method in ("mc_dropout", "sampling") else ""
        about = {
            "boundary": f" of {self.band:g} mm on both sides" if self.band else " of 4 voxels on both sides",
            "patch": f" of {self.patch:g} mm" if self.patch else " of 10 voxels",
        }
        return f"{self.method}{passes}; map {self.shown_map}; aggregation {self.aggregation}{about.get(self.aggregation, '')}"


def source_words(stated: UncertaintySettings | None, outputs: str) -> str:
    """Where uncertainty will come from, as far as a file can tell: how many checkpoints are given is only known in a run."""
    if stated is not None:
        return stated.words()
    if outputs in RETURNED:
        return f"{UncertaintySettings(method=RETURNED[outputs]).words()} (outputs = '{outputs}')"
    alone, several = (UncertaintySettings(method=method) for method in ("softmax", "ensemble"))
    return (
        f"{alone.words()}; with several checkpoints {several.method}, map {several.shown_map} (no [model] uncertainty)"
    )
