"""The command `segrobust`: begin a spec, check it, render a report again, replay what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from . import __version__, cli_dossier, cli_records
from .errors import SegrobustError


class _Commands(click.Group):
    """Turns errors for the user into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SegrobustError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="segrobust")
def main() -> None:
    """Robustness requirements of segmentation models: what goes around `pytest --segrobust-model=...`."""


@main.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("segrobust.toml"))
def init(file: Path) -> None:
    """Write a first segrobust.toml to fill in; an existing file is never touched."""
    from .requirements.template import TEMPLATE

    if file.exists():
        raise click.ClickException(f"{file} exists already; it stays as it is")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(TEMPLATE, encoding="utf-8")
    click.echo(f"wrote {file}; fill in [model] and [data], then: segrobust check {file}")


@main.command()
@click.argument("spec", type=click.Path(path_type=Path), default=Path("segrobust.toml"))
@click.option(
    "--data", type=click.Path(path_type=Path), help="root of the spec's relative data paths; checks the files too"
)
def check(spec: Path, data: Path | None) -> None:
    """Parse a spec, say each requirement in canonical words, and check the headers of the data."""
    from .datasets.dataset import open_dataset
    from .dossier import foreseen
    from .requirements.measure import score_key
    from .requirements.sentence import render
    from .requirements.spec import load
    from .requirements.uncertainty_settings import source_words

    loaded = load(spec)
    for requirement in loaded.requirements:
        click.echo(f"{requirement.id}: {render(requirement)}")
    if any(score_key(requirement.measure) == "uncertainty" for requirement in loaded.requirements):
        click.echo(f"uncertainty: {source_words(loaded.model.uncertainty, loaded.model.outputs)}")
    for warning in loaded.warnings:
        click.echo(f"note: {warning}")
    dataset = open_dataset(
        loaded.data,
        root=(data or spec.parent).resolve(),
        classes=loaded.model.classes,
        channels=loaded.model.channels,
    )
    dataset.check()
    for line in foreseen(loaded, dataset):
        click.echo(line)
    asked = {requirement.for_each for requirement in loaded.requirements if requirement.for_each is not None}
    for column in sorted(asked | set(loaded.data.report_strata or [])):
        sizes = ", ".join(f"{value} {len(patients)}" for value, patients in dataset.subgroups.strata(column).items())
        click.echo(f"{column}: {sizes} patients")
    click.echo(
        f"{len(loaded.requirements)} requirements, {len(dataset.cases)} cases of {len(dataset.patients)} patients, "
        f"{len(dataset.excluded)} excluded; spec {loaded.sha256[:12]}"
    )


@main.command()
def schema() -> None:
    """Print the JSON Schema of segrobust.toml, for editors."""
    from .requirements.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@main.command()
@click.argument("name", nargs=-1)
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
def perturbations(name: tuple[str, ...], form: str) -> None:
    """List all perturbations with their units, ranges, modality and flags, or say all about one."""
    from .perturbations import description
    from .perturbations.checks import named

    one = named(" ".join(name)).name if name else None
    if form == "markdown":
        click.echo(description.markdown(one), nl=False)
    elif form == "json":
        click.echo(json.dumps(description.plain(one), indent=2, ensure_ascii=False))
    else:
        click.echo(description.text(one))


@main.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--perturbation", required=True, help="as in a sentence: 'gaussian noise with sigma <= 0.2'")
@click.option("--output", type=click.Path(path_type=Path), default=Path("preview.png"), show_default=True)
@click.option("--label", type=click.Path(path_type=Path), help="its outlines are drawn, moved along where labels move")
@click.option("--structure", "structures", multiple=True, help="NAME=VALUE in the label, for 'on NAME'; again for more")
@click.option("--window", type=float, nargs=2, help="the intensities that are 0 and 1, such as -1000 400")
@click.option("--severities", type=click.IntRange(min=1), default=4, show_default=True)
@click.option("--slices", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def preview(
    image: Path,
    *,
    perturbation: str,
    output: Path,
    label: Path | None,
    structures: tuple[str, ...],
    window: tuple[float, float] | None,
    severities: int,
    slices: int,
    seed: int,
) -> None:
    """Write a contact sheet of an image under a perturbation: severities side by side, slices below each other."""
    from .preview import contact_sheet, intensity_of, structures_of

    shown = contact_sheet(
        image,
        perturbation,
        output,
        label=label,
        structures=structures_of(structures),
        intensity=intensity_of(window),
        severities=severities,
        slices=slices,
        seed=seed,
    )
    for each in shown[1:]:
        strength = ", ".join(f"{key} {value:.3g}" for key, value in each.strength.items())
        click.echo(f"{each.point}: {strength}")
    click.echo(output)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("segrobust-report"))
@click.option(
    "--format",
    "formats",
    default="html",
    show_default=True,
    metavar="LIST",
    help="html, pdf, md, csv, or several: html,pdf",
)
def report(directory: Path, formats: str) -> None:
    """Write report.json of a run again from its store, also of a run that was killed, and render it.

    Formats that lie in the folder already are rendered anew too. A report.json that was sent without its store is rendered
    as it is. Nothing is measured.
    """
    from .dossier import refresh, write_trace
    from .evidence.formats import lying_there, named_formats, write_formats
    from .evidence.report import FILE_NAME, write_report
    from .evidence.store import Store

    wanted, fault = named_formats(formats), ""
    store_path = directory / "run.sqlite"
    if store_path.exists() or not (directory / FILE_NAME).exists():
        with Store.open(store_path) as store:
            status = store.run().get("status", "interrupted")
            if status == "running":
                # whoever wrote it last did not come to its end, or has not yet; either way it is not complete
                status = "interrupted"
            fault = refresh(store)
            write_report(store, directory, status=status)
            write_trace(store, directory)
    for path in write_formats(directory, list(dict.fromkeys([*wanted, *lying_there(directory)]))):
        click.echo(path)
    if fault:
        raise click.ClickException(fault)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("requirement")
@click.option("--case", "cases", multiple=True, help="this case; again for more (default: the worst three)")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    help="folder for images, references, predictions and uncertainties as NIfTI, and an overlay as PNG",
)
def replay(directory: Path, requirement: str, cases: tuple[str, ...], save: Path | None) -> None:
    """Measure a requirement's worst point again and compare with what the run had stored; exit 1 where they differ."""
    from .replay import replay as measure_again

    outcome = measure_again(directory, requirement, cases=cases, save=save)
    for line in outcome.lines:
        click.echo(line)
    if not outcome.same:
        raise SystemExit(1)


@main.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.argument("more", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--margin", "margins", multiple=True, help="by how much NEW may be worse: '2 %', 0.02, '1.5 mm'; one a unit"
)
@click.option("--common", is_flag=True, help="other requirement files: compare what both state in the same words")
@click.option(
    "--measure", is_flag=True, help="measure with the models what only one of the runs has; needs them at hand"
)
@click.option("--spec", type=click.Path(path_type=Path), help="the runs' requirement file, where it lies elsewhere now")
@click.option("--output", type=click.Path(path_type=Path), default=Path("segrobust-comparison"), show_default=True)
def compare(
    old: Path,
    new: Path,
    more: tuple[Path, ...],
    *,
    margins: tuple[str, ...],
    common: bool,
    measure: bool,
    spec: Path | None,
    output: Path,
) -> None:
    """Compare report folders with the first of them, patient by patient at the same points.

    Exit code 0: non-inferior at every point compared, no new failure, no verdict lost. 1: not shown. 2: refused, since
    data, seed, tool or requirements differ.
    """
    from rich.console import Console

    from .comparison.comparing import compare as compare_runs
    from .comparison.margins import read_margins
    from .comparison.printed import print_comparison
    from .evidence.html.comparison import write_comparison

    try:
        report = compare_runs(
            [old, new, *more], margins=read_margins(margins), common=common, spec=spec, measure=measure
        )
    except SegrobustError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from None
    console = Console(highlight=False)
    console.width = max(console.width, 110)  # a pipe is no narrow terminal
    print_comparison(report, console)
    for path in write_comparison(report, output):
        click.echo(path)
    if not report.non_inferior:
        raise SystemExit(1)


@main.command()
@click.option("--spec", type=click.Path(path_type=Path), default=Path("segrobust.toml"), show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="root of the spec's relative data paths")
@click.option(
    "--pilot", type=click.Path(path_type=Path), help="report folder of a pilot run: spread of patients, and time"
)
@click.option("--power", type=click.FloatRange(0.5, 1, max_open=True), default=0.9, show_default=True)
@click.option("--profile", default="ci", show_default=True, help="smoke, ci or evidence")
def plan(spec: Path, *, data: Path | None, pilot: Path | None, power: float, profile: str) -> None:
    """Say before anything runs what a spec costs, how many patients it needs, and what those at hand can rule out."""
    from rich.console import Console

    from .planning.plan import plan as plan_of
    from .planning.printed import print_plan

    planned = plan_of(spec, data=data, pilot=pilot, power=power, profile=profile)
    console = Console(highlight=False)
    console.width = max(console.width, 110)  # a pipe is no narrow terminal
    print_plan(planned, console)


@main.command()
@click.option("--output", type=click.Path(path_type=Path), default=Path("segrobust-qualification"), show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="of the made patients and noise")
def qualify(output: Path, *, seed: int) -> None:
    """Qualify this installation: known answers, and models with planted defects that must not pass.

    Writes a filled, unsigned validation form. Exit code 1 where anything is not as expected.
    """
    from rich.console import Console

    from .qualification.form import write_form
    from .qualification.printed import print_qualification
    from .qualification.qualify import qualify as qualify_here

    click.echo("qualifying; this takes a minute or two", err=True)
    found = qualify_here(seed=seed)
    console = Console(highlight=False)
    console.width = max(console.width, 110)  # a pipe is no narrow terminal
    written = list(write_form(found, output))  # first: a reader of the lines may have gone
    print_qualification(found, console)
    for path in written:
        click.echo(path)
    if not found.passed:
        raise SystemExit(1)


for _command in (*cli_records.COMMANDS, *cli_dossier.COMMANDS):
    main.add_command(_command)


if __name__ == "__main__":
    main()
