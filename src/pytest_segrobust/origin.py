"""Where a run's numbers come from: command, code, data, software and switches, as the report's key "provenance"."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from .evidence.process_settings import determinism, threads
from .evidence.software import installed, lock_files
from .models.loaded_code import loaded_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .datasets.dataset import Dataset
    from .evidence.store import Store
    from .models.segmenter import Segmenter
    from .requirements.settings import ModelSettings


def keep_origin(
    store: Store,
    segmenter: Segmenter,
    dataset: Dataset,
    data_files: Mapping[str, Mapping[str, str]],
    *,
    project: Path,
    seed: int,
) -> None:
    """Write into the store where the numbers come from; `data_files` are the hashes of `Dataset.hashes`.

    `project` is the folder of the requirement file. The packages are listed by the first process alone, and modules that
    another process has loaded stay.
    """
    run = store.run()
    soup = run.get("soup") or installed()
    locks = lock_files(project)
    command = run.get("command") or ""
    store.set_run(
        soup=soup,
        provenance={
            "command": shlex.split(command) if isinstance(command, str) else list(command),
            "code": [*_named_code(segmenter), *_loaded(run.get("provenance"))],
            "lock_file": locks[0] if locks else None,
            "lock_files": locks,
            "packages": {package["name"]: package["version"] for package in soup},
            "threads": threads(),
            "determinism": determinism(),
            "git": (run.get("environment") or {}).get("git"),
            "seeds": {"noise, search and intervals": seed, "weights of a function": seed},
            "data_files": [
                {
                    "case": case.id,
                    "patient": case.patient,
                    "files": {_placeless(name): digest for name, digest in data_files[case.id].items()},
                }
                for case in dataset.cases
            ],
        },
    )


def keep_loaded_code(store: Store, segmenter: Segmenter, project: Path) -> None:
    """Add the user's source files that this process has loaded by now: what a function imports only when called, too."""
    found = loaded_code({project, *segmenter.code_folders})
    with store.exclusive():
        provenance = store.run().get("provenance")
        if provenance is None:
            return
        known = _loaded(provenance)
        named = {(entry["name"], entry["sha256"]) for entry in known}
        new = [
            {"what": "loaded", "name": name, "sha256": digest}
            for name, digest in found.items()
            if (name, digest) not in named
        ]
        if new:
            others = [entry for entry in provenance["code"] if entry["what"] != "loaded"]
            in_order = sorted([*known, *new], key=lambda entry: (entry["name"], entry["sha256"]))
            store.set_run(provenance={**provenance, "code": [*others, *in_order]})


def _loaded(provenance: Mapping[str, Any] | None) -> list[dict[str, str]]:
    return [entry for entry in (provenance or {}).get("code", []) if entry["what"] == "loaded"]


def _named_code(segmenter: Segmenter) -> list[dict[str, str]]:
    return [
        {
            "what": _role(entry["function"], segmenter.settings),
            "name": entry["function"],
            "file": entry["file"],
            "sha256": entry["sha256"],
        }
        for entry in segmenter.description()["code"]
    ]


def _role(function: str, settings: ModelSettings) -> str:
    roles = {settings.network: "network", settings.preprocess: "preprocess"}
    return roles.get(function, "model")


def _placeless(name: str) -> str:
    """A data file's name below the data folder; of one that lies elsewhere its own name and its folder's."""
    path = PurePosixPath(name)
    return "/".join(path.parts[-2:]) if path.is_absolute() or Path(name).is_absolute() else name
