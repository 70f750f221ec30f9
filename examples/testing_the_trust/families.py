"""Write the spec of every family: its own [model], and requirements.toml below it, the same for all.

    python specs.py

A test holds the files to what this would write.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent

FAMILIES = {
    "deterministic": ("build_unet", "logits", '{ method = "softmax" }', ["deterministic_0"]),
    "mc_dropout": ("build_dropout_unet", "logits", '{ method = "mc_dropout", passes = 20 }', ["mc_dropout"]),
    "ensemble": ("build_unet", "logits", '{ method = "ensemble" }', [f"deterministic_{n}" for n in range(5)]),
    "super_unet": ("build_super_unet", "mean_variance", '{ method = "mean_variance" }', ["super_unet"]),
    "mean_field": ("build_mean_field", "logits", '{ method = "sampling", passes = 20 }', ["mean_field"]),
    "swag": ("build_swag", "logits", '{ method = "sampling", passes = 20 }', ["swag"]),
}
"""Per family: what builds its network, what that returns, where its uncertainty comes from, and its weights."""

MODEL = """\
# Written by specs.py: this family's network, and below it requirements.toml, which is the same for all families.

[model]
network = "network:{build}"
outputs = "{outputs}"
uncertainty = {uncertainty}
dimensions = 2                           # a volume is fed slice by slice along its last axis
window = [48, 64]                        # slices are smaller and are padded with 0 to it, as in training
normalise = "zscore"                     # of the whole volume
classes = {{ anterior = 1, posterior = 2 }}

"""


def spec(family: str) -> str:
    """The text of a family's spec."""
    build, outputs, uncertainty, _ = FAMILIES[family]
    shared = (FOLDER / "requirements.toml").read_text(encoding="utf-8")
    return MODEL.format(build=build, outputs=outputs, uncertainty=uncertainty) + shared


def weights(family: str) -> list[Path]:
    """The files of a family's networks."""
    return [FOLDER / "weights" / f"{name}.safetensors" for name in FAMILIES[family][-1]]


def main() -> None:
    """The command."""
    for family in FAMILIES:
        path = FOLDER / f"{family}.segrobust.toml"
        path.write_text(spec(family), encoding="utf-8")
        print(path.name)


if __name__ == "__main__":
    main()
