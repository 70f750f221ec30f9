"""The data of a run: cases, their patients, and lazy reading of both."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .enumeration import Enumeration, enumerate_cases
from .kept import KeptSamples
from .labels import masks_of, structure_values
from .reading import read_case, read_case_header, read_label
from .subgroups import Subgroups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..requirements.settings import DataSettings
    from .case import Case, Sample

KEPT_BYTES = 1 << 30
_NAMED_PROBLEMS = 3


def open_dataset(
    settings: DataSettings,
    *,
    root: Path,
    classes: Mapping[str, int | list[int]],
    channels: int,
    kept_bytes: int = KEPT_BYTES,
) -> Dataset:
    """Find the cases of [data] below `root`; files are opened by `check` and `read` only.

    `classes` are the model's structures and `channels` its input channels; `kept_bytes` bounds what is held in memory.
    Raises DataError where the cases cannot be told.
    """
    root = Path(root)
    return Dataset(
        settings, enumerate_cases(settings, root), root=root, classes=classes, channels=channels, kept_bytes=kept_bytes
    )


class Dataset:
    """Cases sorted by id. Reading is lazy; only as much as `kept_bytes` stays in memory."""

    def __init__(
        self,
        settings: DataSettings,
        enumeration: Enumeration,
        *,
        root: Path,
        classes: Mapping[str, int | list[int]],
        channels: int,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self.settings = settings
        self.root = root
        self.channels = channels
        self.cases: tuple[Case, ...] = enumeration.cases
        self.excluded: tuple[tuple[str, str], ...] = enumeration.excluded
        self.patients: tuple[str, ...] = tuple(sorted({case.patient for case in self.cases}))
        self.subgroups = Subgroups(enumeration.cases, enumeration.left_out)
        self.structures: tuple[str, ...] = tuple(classes)
        self.has_labels: bool = all(case.label is not None for case in self.cases)
        self.values = structure_values(classes, settings.label_values, labelled=self.has_labels)
        self._channel_axis = enumeration.channel_axis
        self._kept = KeptSamples(kept_bytes)
        self.unknown_spacing: tuple[str, ...] = ()  # cases whose files know no millimetres, once `check` has looked
        self.voxel_size: dict[str, float] = {}  # of the others: mm³ of a voxel, mm² of a pixel
        self.dimensions = 0

    @property
    def channel_axis(self) -> str | None:
        """Which axis of a file holds its channels, where it holds several."""
        return self._channel_axis

    def read(self, case: Case) -> Sample:
        """Image, label and geometry of a case, in arrays of the caller's own.

        Raises DataError, starting with the case's id, where a file is damaged or does not fit, or voxels are unusable.
        """
        return self._kept.get(case) or self._kept.keep(
            read_case(case, channels=self.channels, channel_axis=self._channel_axis, intensity=self.settings.intensity)
        )

    def reference(self, sample: Sample) -> dict[str, np.ndarray] | None:
        """One bool mask (*spatial) per structure, or None where the case has no label."""
        return None if sample.label is None else self.masks(sample.label)

    def masks(self, label: np.ndarray) -> dict[str, np.ndarray]:
        """One bool mask per structure of any label array, such as one that moved with its image."""
        return masks_of(label, self.values)

    def file_hashes(self, case: Case) -> dict[str, str]:
        """SHA-256 of each of the case's files, by path relative to the data folder where it lies in there."""
        paths = [*case.images, *([] if case.label is None else [case.label])]
        return {self._name(path): _sha256(path) for path in paths}

    def hashes(self) -> dict[str, dict[str, str]]:
        """SHA-256 of every file by case.

        Raises DataError where two patients have the same image: they would count as two and are one.
        """
        hashes = {case.id: self.file_hashes(case) for case in self.cases}
        first: dict[tuple[str, ...], Case] = {}
        for case in self.cases:
            images = tuple(hashes[case.id][self._name(path)] for path in case.images)
            twin = first.setdefault(images, case)
            if twin.patient != case.patient:
                raise DataError(
                    f"cases {twin.id} and {case.id} have the same image but count as two patients, {twin.patient} and "
                    f"{case.patient}; correct [data] patient, or exclude one of them"
                )
        return hashes

    def description(self) -> dict[str, Any]:
        """What decides how files become samples and structures, as plain data: part of what identifies a measurement."""
        return {
            "patients": {case.id: case.patient for case in self.cases},
            "channels": self.channels,
            "channel_axis": self._channel_axis,
            "intensity": self.settings.intensity.model_dump(mode="json"),
            "label_values": {name: list(numbers) for name, numbers in self.values.items()},
        }

    def check(self) -> None:
        """Open every file's header and compare them; of the voxels, labels are decoded until one structure is found.

        Raises one DataError that names the first problems and how many more cases have one.
        """
        problems, dimensions = [], dict[int, str]()
        unknown = []
        for case in self.cases:
            try:
                header = read_case_header(case, channels=self.channels, channel_axis=self._channel_axis)
            except DataError as error:
                problems.append(str(error))
                continue
            dimensions.setdefault(len(header.shape), case.id)
            if not header.spacing_known:
                unknown.append(case.id)
            else:
                self.voxel_size[case.id] = math.prod(header.spacing)
        self.unknown_spacing = tuple(unknown)
        self.dimensions = next(iter(dimensions), 0)
        if len(dimensions) > 1 and not problems:
            problems.append(
                f"case {dimensions[2]} is 2-D while case {dimensions[3]} is 3-D; keep them in two data sets"
            )
        if problems:
            raise DataError(_summary(problems, len(self.cases)))
        self._check_labels()

    def _check_labels(self) -> None:
        """Raise DataError where labels exist and none of them has any structure: the values must be other ones."""
        wanted = {number for numbers in self.values.values() for number in numbers}
        found: set[int] = set()
        labelled = [case for case in self.cases if case.label is not None]
        for case in labelled:
            found.update(map(int, np.unique(read_label(case))))
            if found & wanted:
                return
        if labelled:
            expected = ", ".join(f"{name} = {list(numbers)}" for name, numbers in self.values.items())
            raise DataError(
                f"none of the {len(labelled)} labels (such as {labelled[0].label}) holds any structure: they hold the values "
                f"{sorted(found)[:10]}, expected is {expected}; state the values with [data] label_values"
            )

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); correct [data] or exclude the case") from error


def _summary(problems: list[str], cases: int) -> str:
    if len(problems) == 1:
        return problems[0]
    named = "; ".join(problems[:_NAMED_PROBLEMS])
    more = len(problems) - _NAMED_PROBLEMS
    return f"{len(problems)} of {cases} cases cannot be used: {named}" + (f"; and {more} more" if more > 0 else "")
