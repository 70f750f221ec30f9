"""Copy the volumes of this example's split out of a Decathlon Task04 folder: 100 for training, 60 for testing.

    python split.py Task04_Hippocampus OUTPUT

All of them are from imagesTr: the Decathlon keeps the labels of its own imagesTs to itself.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

# fmt: off
TRAINING = (
    1, 3, 4, 17, 26, 33, 34, 36, 38, 49, 51, 52, 56, 58, 60, 65, 74, 77, 87, 91, 93, 94, 114, 124, 127,
    130, 133, 135, 136, 141, 143, 144, 148, 155, 161, 162, 163, 164, 173, 174, 177, 178, 185, 199, 212,
    216, 217, 222, 226, 228, 229, 231, 235, 242, 243, 252, 253, 257, 263, 265, 268, 269, 277, 280, 282,
    286, 287, 289, 292, 295, 297, 298, 301, 303, 305, 308, 314, 317, 318, 321, 326, 328, 329, 330, 331,
    333, 336, 340, 351, 353, 355, 356, 363, 368, 372, 374, 376, 381, 383, 387
)

TEST = (
    6, 7, 8, 11, 19, 23, 25, 37, 40, 41, 42, 44, 53, 83, 88, 89, 90, 96, 107, 108, 123, 132, 138, 142,
    149, 154, 171, 181, 184, 190, 193, 197, 221, 227, 230, 233, 236, 238, 244, 249, 250, 261, 264, 274,
    276, 310, 311, 319, 320, 322, 335, 338, 343, 345, 358, 359, 361, 375, 378, 386
)
# fmt: on


def copy(source: Path, output: Path) -> None:
    """Images and labels of both parts; OSError names a file that is missing."""
    for part, numbers in (("Tr", TRAINING), ("Ts", TEST)):
        for kind in ("images", "labels"):
            folder = output / f"{kind}{part}"
            folder.mkdir(parents=True, exist_ok=True)
            for number in numbers:
                name = f"hippocampus_{number:03}.nii.gz"
                shutil.copyfile(source / f"{kind}Tr" / name, folder / name)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="the unpacked Task04_Hippocampus")
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    try:
        copy(arguments.source, arguments.output)
    except OSError as problem:
        sys.exit(f"split.py: {problem}")
    print(f"{arguments.output}: {len(TRAINING)} volumes for training, {len(TEST)} for testing")


if __name__ == "__main__":
    main()
