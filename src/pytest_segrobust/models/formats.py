"""Which kind of model a path holds, told by its content: .pt is the ending of four formats."""

from __future__ import annotations

import difflib
import struct
import zipfile
from pathlib import Path
from typing import Literal

from pytest_segrobust.errors import ModelError

Format = Literal["weights", "safetensors", "torchscript", "exported program", "onnx", "monai bundle"]

KINDS = (
    "weights (torch.save or safetensors), TorchScript, torch.export .pt2, ONNX and MONAI bundle folders can be opened"
)


def recognise(path: Path) -> Format:
    """The format of a file or folder.

    Raises ModelError where there is no such file (with the nearest names), where it is empty, or no model.
    """
    if not path.exists():
        raise ModelError(f"no such file: {path}{_nearest(path)}")
    if path.is_dir():
        return _recognise_folder(path)
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise ModelError(f"{path} is empty (0 bytes): was it copied to the end?")
    if head.startswith(b"PK"):
        return _recognise_zip(path)
    if len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= path.stat().st_size:
        return "safetensors"
    if head[0] == 0x80 and head[1] in range(2, 6):  # pickle's protocol mark: torch.save before 1.6
        return "weights"
    if head[0] == 0x08:  # protobuf's first field of an ONNX file, its IR version
        return "onnx"
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} is a Git LFS pointer, not the checkpoint itself: run git lfs pull")
    raise ModelError(f"{path} is not a checkpoint: {KINDS}")


def _recognise_zip(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError(f"{path} is cut off or damaged ({error}): copy it again") from error
    inner = {name.partition("/")[2] for name in names}
    if "archive_format" in inner or "serialized_exported_program.json" in names:
        return "exported program"
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return "torchscript"
    if "data.pkl" in inner:
        return "weights"
    raise ModelError(f"{path} is a zip file without a model in it: {KINDS}")


def _recognise_folder(path: Path) -> Format:
    if (path / "configs").is_dir():
        return "monai bundle"
    if (path / "plans.json").is_file() or any(path.glob("fold_*")) or any(path.glob("*__*__*/plans.json")):
        raise ModelError(
            f"{path} is an nnU-Net results folder, which cannot be opened yet: export it to TorchScript or ONNX"
        )
    raise ModelError(f"{path} is a folder, but no MONAI bundle (it has no configs/): name the checkpoint file in it")


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (there is no folder {path.parent})"
    names = sorted(entry.name for entry in path.parent.iterdir() if not entry.name.startswith("."))
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    if not near and not path.suffix:
        near = [name for name in names if Path(name).stem == path.name]
    return f"; did you mean {' or '.join(near)}?" if near else ""
