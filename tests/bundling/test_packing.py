"""A bundle holds all of a run, is the same whenever it is made, and is packed only where the run's files agree."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import subprocess
import zipfile
from pathlib import Path

import pytest

from pytest_segrobust.bundling.archive import Member, write_archive
from pytest_segrobust.bundling.manifest import read_manifest, write_manifest
from pytest_segrobust.bundling.packing import pack
from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.formats import write_formats
from pytest_segrobust.evidence.store import Store

pytestmark = pytest.mark.usefixtures("not_drawn")  # what a page says anew is test_checking's subject


def test_a_bundle_holds_everything_of_the_run_and_nothing_of_others(report_folder: Path) -> None:
    (report_folder / "counterexamples").mkdir()
    (report_folder / "counterexamples" / "ROB-001.nii.gz").write_bytes(b"voxels")
    write_formats(report_folder, ["md"])
    for other in ("run-1.sqlite", ".hidden", "older.zip", ".report.json.part"):
        (report_folder / other).write_text("not of this run")

    pack(report_folder, report_folder.parent / "b.zip")

    with zipfile.ZipFile(report_folder.parent / "b.zip") as archive:
        assert archive.namelist() == [
            "MANIFEST.sha256", "attestation.intoto.json", "bom.cdx.json", "counterexamples/ROB-001.nii.gz",
            "environment.json", "report.html", "report.json", "run.sqlite", "spec/segrobust.toml", "summary.md",
        ]  # fmt: skip
        assert "né à Genève" in archive.read("spec/segrobust.toml").decode()


def test_the_same_folder_gives_the_same_bytes(report_folder: Path, tmp_path: Path) -> None:
    first = pack(report_folder, tmp_path / "a.zip")
    for path in report_folder.rglob("*"):
        path.touch()  # when a file was written says nothing of what is in it
    second = pack(report_folder, tmp_path / "b.zip")

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert not list(report_folder.glob("*-wal")), "packing leaves nothing behind"
    assert first.manifest_sha256 == second.manifest_sha256


def test_the_form_of_the_archive_stays_as_it_was_published() -> None:
    """A later version of this tool or of Python must not find an old bundle changed."""
    target = io.BytesIO()
    members = [("MANIFEST.sha256", b"a"), ("größe.txt", b"b" * 1000)]
    write_archive(target, [Member(name, len(body), lambda body=body: io.BytesIO(body)) for name, body in members])

    assert hashlib.sha256(target.getvalue()).hexdigest() == (
        "106197374ce05ee7be2c4b6d4e62bff5301e03e27667c8eb09279737f02139bf"
    )


def test_sha256sum_accepts_the_manifest(report_folder: Path, tmp_path: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum here")
    pack(report_folder, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        archive.extractall(tmp_path / "out")

    done = subprocess.run(["sha256sum", "--strict", "-c", "MANIFEST.sha256"], cwd=tmp_path / "out", capture_output=True)

    assert done.returncode == 0, done.stdout


def test_the_store_in_a_bundle_is_whole_names_no_home_and_leaves_no_files_beside_it(
    report_folder: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("HOME", str(Path.home()))
    with Store.open(report_folder / "run.sqlite") as store:  # still open: its last commits are in the log beside it
        store.set_run(note=f"{Path.home()}/secret")
        pack(report_folder, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        content = archive.read("run.sqlite")
    (tmp_path / "copy.sqlite").write_bytes(content)

    assert f"{Path.home()}/".encode() not in content
    connection = sqlite3.connect(f"file:{tmp_path}/copy.sqlite?mode=ro", uri=True)
    assert json.loads(connection.execute("SELECT value FROM run WHERE key = 'note'").fetchone()[0]) == "~/secret"
    connection.close()
    assert [path.name for path in tmp_path.glob("copy.sqlite*")] == ["copy.sqlite"]


def test_evidence_is_never_written_over(report_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("older evidence")

    with pytest.raises(EvidenceError, match="never written over"):
        pack(report_folder, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "older evidence"


@pytest.mark.parametrize("name", ["report.json", "report.html", "bom.cdx.json", "attestation.intoto.json"])
def test_files_that_do_not_agree_are_not_packed(report_folder: Path, tmp_path: Path, name: str) -> None:
    path = report_folder / name
    path.write_text(path.read_text(encoding="utf-8").replace("ROB-002", "ROB-009"), encoding="utf-8")

    with pytest.raises(EvidenceError, match="nothing was packed"):
        pack(report_folder, tmp_path / "b.zip")
    assert not list(tmp_path.glob("*.zip*"))


def test_a_run_that_goes_on_is_not_packed(report_folder: Path, tmp_path: Path) -> None:
    with Store.open(report_folder / "run.sqlite") as store:
        store.set_run(status="running")

    with pytest.raises(EvidenceError, match="not come to its end"):
        pack(report_folder, tmp_path / "b.zip")


@pytest.mark.parametrize("missing", ["run.sqlite", "report.html"])
def test_a_folder_without_store_or_page_is_not_packed(report_folder: Path, tmp_path: Path, missing: str) -> None:
    (report_folder / missing).unlink()

    with pytest.raises(EvidenceError, match=f"no {missing}"):
        pack(report_folder, tmp_path / "b.zip")


def test_a_link_is_not_followed_out_of_the_folder(report_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("not of this run")
    (report_folder / "notes.txt").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(EvidenceError, match=r"notes\.txt is a link"):
        pack(report_folder, tmp_path / "b.zip")


def test_a_manifest_is_read_in_its_one_form_only() -> None:
    text = write_manifest({"b/ä.txt": "0" * 64, "a": "1" * 64})

    assert text.splitlines()[0] == f"{'1' * 64}  a"
    assert read_manifest(text.encode()) == {"a": "1" * 64, "b/ä.txt": "0" * 64}
    names = ("../a", "/a", "a/../b", "C:a", "a\\b", "a\x00", "./a", "a//b")
    others = [text + "\n", text.rstrip("\n"), text * 2, "".join(reversed(text.splitlines(keepends=True)))]
    for wrong in (*others, *(f"{'0' * 64}  {name}\n" for name in names)):
        with pytest.raises(EvidenceError):
            read_manifest(wrong.encode())
