"""Packing the evidence of a run: what goes in, and the manifest over it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.store import Store

from .archive import Member, in_order, write_archive
from .consistency import PAGE, SPEC_FOLDER, STORE, inconsistencies, report_of
from .contents import Folder, sha256
from .copying import copy_store
from .manifest import NAME, is_plain, write_manifest
from .signature import PUBLIC_KEY, SIGNATURE, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .signature import Signer

_LEFT_OUT = (".zip", ".part", ".new", "-wal", "-shm")


@dataclass(frozen=True)
class Packed:
    """A bundle that was written: how many files, the SHA-256 of its manifest, and the signer's fingerprint, "" unsigned."""

    path: Path
    files: int
    manifest_sha256: str
    signer: str


class _Files:
    """Files by name, wherever they lie."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self.paths = paths
        self.names = sorted(paths)

    def open(self, name: str) -> IO[bytes]:
        return self.paths[name].open("rb")


def pack(directory: Path, output: Path, signer: Signer | None = None) -> Packed:
    """Write the bundle of a report folder; the same folder gives the same bytes.

    Everything in the folder goes in, but older runs, other archives and hidden files. Requirement files and locks are
    those of the time of the run.

    Raises:
        EvidenceError: no run or no page is there, it has not ended, its files do not say the same, or `output` exists.
    """
    if output.exists():
        raise EvidenceError(f"{output}: is there already, and evidence is never written over; name another --output")
    with tempfile.TemporaryDirectory(prefix="segrobust-") as temporary:
        made = Path(temporary)
        paths = {name: directory / name for name in _names(directory)}
        for name in (STORE, PAGE):
            if name not in paths:
                raise EvidenceError(f"{directory}: no {name}; run pytest, then segrobust report {directory}")
        paths |= _made(directory, made)
        files = _Files(paths)
        _refuse_what_differs(files, directory)
        manifest = write_manifest({name: sha256(files, name) for name in files.names}).encode("utf-8")
        if signer is not None:
            paths[PUBLIC_KEY] = _written(made / PUBLIC_KEY, signer.public)
            files = _Files(paths)
            manifest = write_manifest({name: sha256(files, name) for name in files.names}).encode("utf-8")
            paths[SIGNATURE] = _written(made / SIGNATURE, signer.sign(manifest))
        paths[NAME] = _written(made / NAME, manifest)
        _write(_Files(paths), output)
        return Packed(
            path=output,
            files=len(paths),
            manifest_sha256=sha256(_Files(paths), NAME),
            signer="" if signer is None else fingerprint(signer.public),
        )


def _names(directory: Path) -> Iterator[str]:
    if not directory.is_dir():
        raise EvidenceError(f"{directory}: there is no report folder here")
    for name in Folder(directory).names:
        parts = name.split("/")
        older = len(parts) == 1 and name.startswith("run-") and name.endswith(".sqlite")
        reserved = name in (NAME, SIGNATURE, PUBLIC_KEY) or name.startswith(SPEC_FOLDER)
        if older or reserved or name.endswith(_LEFT_OUT) or any(part.startswith(".") for part in parts):
            continue
        if not is_plain(name):
            raise EvidenceError(f"{directory}: {name!r} cannot be the name of a file on every system; rename it")
        if (directory / name).is_symlink():
            raise EvidenceError(f"{directory}: {name} is a link, whose target a bundle cannot hold; put the file there")
        yield name


def _made(directory: Path, folder: Path) -> dict[str, Path]:
    """What is not in the folder as it is: the copy of the store, and the requirement files as they were run."""
    made = {STORE: copy_store(directory / STORE, folder / STORE)}
    with Store.open(made[STORE]) as store:
        run = store.run()
    if run.get("status") == "running":
        raise EvidenceError(
            f"{directory}: the run has not come to its end; if it was killed: segrobust report {directory}"
        )
    (folder / "spec").mkdir()
    for number, (name, text) in enumerate(sorted((run.get("files") or {}).items())):
        if is_plain(name) and "/" not in name:
            made[SPEC_FOLDER + name] = _written(folder / "spec" / str(number), text.encode("utf-8"))
    return made


def _refuse_what_differs(files: _Files, directory: Path) -> None:
    """Evidence that contradicts itself is not packed: nobody could tell later which part is true."""
    report = report_of(files)
    found = [finding.text for finding in inconsistencies(files, report) if finding.changed]
    if found:
        raise EvidenceError(
            f"{directory}: {found[0]}; nothing was packed. segrobust report {directory} writes the files of a run anew"
        )


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _write(files: _Files, output: Path) -> None:
    """Write the archive beside its place and rename it: half a bundle must not look like one."""
    sizes = {name: path.stat().st_size for name, path in files.paths.items()}
    members = [Member(name, sizes[name], partial(files.open, name)) for name in in_order(files.names)]
    temporary = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w+b") as target:
            write_archive(target, members)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(output)
    except OSError as error:
        raise EvidenceError(f"{output}: cannot be written ({error.strerror or error})") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
