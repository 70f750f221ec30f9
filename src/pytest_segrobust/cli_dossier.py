"""The commands about what goes round the verdicts: trace, deviations, fingerprint, ledger."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .errors import EvidenceError, SpecError

_DIRECTORY = click.argument("directory", type=click.Path(path_type=Path), default=Path("segrobust-report"))


@click.command()
@_DIRECTORY
@click.option(
    "--format", "formats", default="csv", show_default=True, help="csv, needs, doorstop, strictdoc; several with commas"
)
@click.option("--output", type=click.Path(path_type=Path), help="folder to write to (default: the report folder)")
def trace(directory: Path, formats: str, output: Path | None) -> None:
    """Write the trace matrix of a run: hazard, control, requirement, test, verdict, and what hangs loose."""
    from .dossier import refresh
    from .evidence.report import build_report
    from .evidence.store import Store
    from .traceability.exports import FORMATS, write_exports

    asked = [name.strip() for name in formats.split(",") if name.strip()]
    if unknown := [name for name in asked if name not in FORMATS]:
        raise click.BadParameter(f"{unknown[0]} is none of {', '.join(FORMATS)}", param_hint="--format")
    with Store.open(directory / "run.sqlite") as store:
        refresh(store)
        report = build_report(store)
    for path in write_exports(report["trace"], report, output or directory, asked):
        click.echo(path)
    click.echo(report["trace"]["words"])


@click.command()
@_DIRECTORY
@click.option("--print", "only_print", is_flag=True, help="print what is to be filled in, and write nothing")
def deviations(directory: Path, *, only_print: bool) -> None:
    """Append to deviations.toml, beside the spec, what of a run still wants a disposition or a signature.

    Fill it in, then write the report again with `segrobust report DIR`. What stands in the file stays.
    """
    from .dossier import deviations_path, refresh
    from .evidence.store import Store
    from .traceability.deviations import append_template, template

    with Store.open(directory / "run.sqlite") as store:
        fault = refresh(store)
        run = store.run()
    if fault:
        raise SpecError(fault)
    path = deviations_path(run)
    present = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    wanted = template(run["deviations"], str(run.get("run_id")), present)
    items = run["deviations"]
    click.echo(f"{len(items['items'])} items, {items['open']} without a disposition", err=only_print)
    if only_print:
        click.echo(wanted, nl=False)
    elif wanted:
        append_template(path, wanted)
        click.echo(f"wrote {wanted.count('[[')} tables to {path}; fill them in, then: segrobust report {directory}")
    else:
        click.echo(f"{path} has a table for everything; fill in what is blank, then: segrobust report {directory}")


@click.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--patient", default="{name}", show_default=True, help="who counts as one, as in [data] patient")
@click.option(
    "--root", type=click.Path(path_type=Path), default=Path(), help="folder that the patterns are relative to"
)
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("training-fingerprints.json"), show_default=True
)
@click.option("--no-thumbnails", is_flag=True, help="leave out the coarse images; near-duplicates cannot be found then")
def fingerprint(images: tuple[str, ...], *, patient: str, root: Path, output: Path, no_thumbnails: bool) -> None:
    """Write a list of training IMAGES (patterns in quotation marks, or tables) that names no patient and no file.

    Whoever verifies the model names it in [data] train: their test data are then compared with the training data by
    patient, file, voxels and likeness.
    """
    from .datasets.training_list import shared_list, training_fingerprints
    from .evidence.atomic_write import write_atomically
    from .requirements.settings import DataSettings

    settings = DataSettings(train=list(images), train_patient=patient)
    found = training_fingerprints(settings, root)
    plain = shared_list(found, thumbnails=not no_thumbnails)
    write_atomically(output, json.dumps(plain, indent=1) + "\n")
    people = len({each.patient for each in found if each.patient})
    click.echo(f"wrote {output}: {len(found)} images of {people} patients, salted hashes, no names")


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("segrobust-ledger.jsonl"))
@click.option(
    "--report", "directory", type=click.Path(path_type=Path), help="check that this run's report is part of it"
)
def ledger(file: Path, directory: Path | None) -> None:
    """Show the use ledger: how often which data have judged which models. Exit code 1 where its chain is broken."""
    from .evidence.store import Store
    from .evidence.use_ledger import holds, read_ledger, summary_lines

    if not file.is_file():
        raise EvidenceError(f"{file}: no use ledger; a run with --segrobust-model writes one beside the spec")
    found = read_ledger(file)
    for line in summary_lines(found):
        click.echo(line)
    missing = False
    if directory is not None:
        with Store.open(directory / "run.sqlite") as store:
            said = store.run().get("use_ledger") or {}
        missing = not holds(found, str(said.get("head")))
        click.echo(
            f"{directory}: NOT part of this ledger as it is now: lines were cut off or changed"
            if missing
            else f"{directory}: its last line is part of this ledger"
        )
    if not found.intact or missing:
        raise SystemExit(1)


COMMANDS = (trace, deviations, fingerprint, ledger)
