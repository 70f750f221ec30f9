"""The command `segrobust`: begin a spec, check it, render a report again, replay what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from . import __version__
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
    from .requirements.sentence import render
    from .requirements.spec import load

    loaded = load(spec)
    for requirement in loaded.requirements:
        click.echo(f"{requirement.id}: {render(requirement)}")
    for warning in loaded.warnings:
        click.echo(f"note: {warning}")
    dataset = open_dataset(
        loaded.data,
        root=(data or spec.parent).resolve(),
        classes=loaded.model.classes,
        channels=loaded.model.channels,
    )
    dataset.check()
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
@click.argument("directory", type=click.Path(path_type=Path), default=Path("segrobust-report"))
def report(directory: Path) -> None:
    """Write report.json and report.html of a run again, from its store; also of a run that was killed."""
    from .evidence.html import write_html
    from .evidence.report import write_report
    from .evidence.store import Store

    with Store.open(directory / "run.sqlite") as store:
        status = store.run().get("status", "interrupted")
        if status == "running":
            # whoever wrote it last did not come to its end, or has not yet; either way it is not complete
            status = "interrupted"
        write_report(store, directory, status=status)
    click.echo(write_html(directory))


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("requirement")
@click.option("--case", "cases", multiple=True, help="this case; again for more (default: the worst five)")
@click.option("--save", type=click.Path(path_type=Path), help="folder for images, labels and predictions as NIfTI")
def replay(directory: Path, requirement: str, cases: tuple[str, ...], save: Path | None) -> None:
    """Measure a requirement's worst point again and compare with what the run had stored; exit 1 where they differ."""
    from .replay import replay as measure_again

    outcome = measure_again(directory, requirement, cases=cases, save=save)
    for line in outcome.lines:
        click.echo(line)
    if not outcome.same:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
