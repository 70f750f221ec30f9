"""The six families, and their specs: each one's own [model], and below it noise.toml or attacks.toml, the same for all.

python families.py          # writes NAME.noise.segrobust.toml and NAME.attacks.segrobust.toml beside this file
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent

Part = Literal["noise", "attacks"]
PARTS: tuple[Part, ...] = ("noise", "attacks")


@dataclass(frozen=True)
class Family:
    """What builds a family's network, what that returns, where its uncertainty comes from, and its weights."""

    label: str
    build: str
    outputs: str
    uncertainty: str
    weights: tuple[str, ...]
    passes: int  # of one image, through all networks together
    paper: str | None = None  # its column in the paper

    def files(self) -> list[Path]:
        """The weights of its networks."""
        return [FOLDER / "weights" / f"{name}.safetensors" for name in self.weights]


FAMILIES = {
    "deterministic": Family(
        "deterministic", "build_unet", "logits", '{ method = "softmax" }', ("deterministic_0",), 1, "Det"
    ),
    "mc_dropout": Family(
        "MC dropout",
        "build_dropout_unet",
        "logits",
        '{ method = "mc_dropout", passes = 20 }',
        ("mc_dropout",),
        20,
        "MCD",
    ),
    "ensemble": Family(
        "ensemble",
        "build_unet",
        "logits",
        '{ method = "ensemble" }',
        tuple(f"deterministic_{n}" for n in range(5)),
        5,
        "Ens",
    ),
    "super_unet": Family(
        "SUPER-Net", "build_super_unet", "mean_variance", '{ method = "mean_variance" }', ("super_unet",), 1, "SN"
    ),
    "mean_field": Family(
        "Bayes by backprop",
        "build_mean_field",
        "logits",
        '{ method = "sampling", passes = 5 }',
        ("mean_field",),
        5,
    ),
    "swag": Family("SWAG", "build_swag", "logits", '{ method = "sampling", passes = 5 }', ("swag",), 5),
}

MODEL = """\
# Written by families.py: this family's network, and below it {part}.toml, which is the same for all families.

[model]
network = "network:{build}"
outputs = "{outputs}"
uncertainty = {uncertainty}
dimensions = 2                           # a volume is fed slice by slice along its last axis
window = [44, 60]                        # slices are smaller and are padded with 0 to it, as in training
batch_size = 48                          # all slices of a volume at once
normalise = "zscore"                     # of the whole volume
classes = {{ anterior = 1, posterior = 2 }}

"""


Form = Literal["whole", "short", "smoke"]
LESS: dict[Form, tuple[tuple[str, str], ...]] = {
    "whole": (),
    "short": (  # 18 volumes under noise and 8 under attack
        (r'images = "imagesTs/\*', 'images = "imagesTs/hippocampus_0*'),
        (r'images = "imagesTs/hippocampus_3\*', 'images = "imagesTs/hippocampus_*8'),
    ),
    "smoke": (  # six volumes, and hardly any effort
        (r'images = "[^"]*"', 'images = "imagesTs/hippocampus_*4.nii.gz"'),
        (r"passes = \d+", "passes = 2"),
        (r"(?m)^steps = \d+", "steps = 1"),
        (r"(?m)^queries = \d+", "queries = 2"),
    ),
}
SMOKE_REQUIREMENTS = {"TRU-001", "TRU-004", "TRU-016", "TRU-024", "TRU-030", "ADV-002", "ADV-008"}
"""What is less in the shorter forms: `short` asks the same of fewer volumes, `smoke` only shows that everything runs."""


def spec(name: str, part: Part, form: Form = "whole") -> str:
    """The text of a family's spec."""
    family = FAMILIES[name]
    shared = (FOLDER / f"{part}.toml").read_text(encoding="utf-8")
    text = MODEL.format(part=part, build=family.build, outputs=family.outputs, uncertainty=family.uncertainty) + shared
    for pattern, less in LESS[form]:
        text = re.sub(pattern, less, text)
    if form != "smoke":
        return text
    head, *requirements = text.split("[[requirement]]")
    return "[[requirement]]".join([head, *(each for each in requirements if each.split('"')[1] in SMOKE_REQUIREMENTS)])


def spec_path(name: str, part: Part, form: Form = "whole") -> Path:
    """Where it is written: beside network.py, which it names."""
    return FOLDER / f"{name}.{part}{'' if form == 'whole' else f'.{form}'}.segrobust.toml"


def write_specs(form: Form = "whole") -> list[Path]:
    """All specs, written where they differ from what is there."""
    paths = []
    for name in FAMILIES:
        for part in PARTS:
            path, text = spec_path(name, part, form), spec(name, part, form)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
            paths.append(path)
    return paths


if __name__ == "__main__":
    for written in write_specs():
        print(written.name)
