"""The options of `pytest --segrobust-…`, their ini twins, and which files are specs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .python_requirements import PythonRequirement
    from .requirements.requirement import Requirement

requirement_key: pytest.StashKey[Requirement | PythonRequirement] = pytest.StashKey()
"""On an item: the requirement that it decides."""

PROFILES = ("smoke", "ci", "evidence")
JUNIT_PROFILES = ("generic", "xray", "testrail", "polarion")
SPEC_NAME = "segrobust.toml"


def add(parser: pytest.Parser) -> None:
    """Declare every option once on the command line and once as ini value."""
    group = parser.getgroup("segrobust", "robustness requirements of segmentation models")
    group.addoption(
        "--segrobust-model",
        action="append",
        default=[],
        metavar="PATH|MODULE:FUNCTION",
        help="the checkpoint to verify, or a function that returns the network; again for an ensemble",
    )
    group.addoption(
        "--segrobust-spec",
        action="append",
        default=[],
        metavar="FILE",
        help=f"requirement file; default: every {SPEC_NAME} or *.{SPEC_NAME} under the arguments",
    )
    group.addoption("--segrobust-report", metavar="DIR", help="where the evidence goes (default: segrobust-report)")
    group.addoption("--segrobust-profile", choices=PROFILES, help="how much is evaluated (default: ci)")
    group.addoption(
        "--segrobust-device", metavar="DEVICE", help="cuda, cuda:1, mps or cpu (default: the best there is)"
    )
    group.addoption("--segrobust-seed", type=int, metavar="N", help="seed of every noise and search (default: 0)")
    group.addoption(
        "--segrobust-data", metavar="DIR", help="root of the spec's relative data paths (default: the spec's folder)"
    )
    group.addoption(
        "--segrobust-resume",
        action="store_true",
        default=False,
        help="take over the measurements of an interrupted run in the report folder, where its inputs are the same",
    )
    group.addoption(
        "--segrobust-reference",
        metavar="DIR",
        help="report folder of the release: this run is compared with it, patient by patient, as `segrobust compare` does",
    )
    group.addoption(
        "--segrobust-margin",
        action="append",
        default=[],
        metavar="MARGIN",
        help="by how much the model may be worse than the reference: '2 %%', 0.02, '1.5 mm'; one a unit, no default",
    )
    group.addoption(
        "--segrobust-junit-profile",
        choices=JUNIT_PROFILES,
        help="for whom the properties in --junitxml are written (default: generic, read by nobody as its own)",
    )
    parser.addini("segrobust_model", "as --segrobust-model, one per line", type="linelist", default=[])
    parser.addini("segrobust_spec", "as --segrobust-spec, one per line", type="linelist", default=[])
    parser.addini("segrobust_report", "as --segrobust-report", default="")
    parser.addini("segrobust_profile", "as --segrobust-profile", default="")
    parser.addini("segrobust_device", "as --segrobust-device", default="")
    parser.addini("segrobust_seed", "as --segrobust-seed", default="")
    parser.addini("segrobust_data", "as --segrobust-data", default="")
    parser.addini("segrobust_resume", "as --segrobust-resume", type="bool", default=False)
    parser.addini("segrobust_reference", "as --segrobust-reference", default="")
    parser.addini("segrobust_margin", "as --segrobust-margin, one per line", type="linelist", default=[])
    parser.addini("segrobust_junit_profile", "as --segrobust-junit-profile", default="")


def models(config: pytest.Config) -> list[str]:
    """The models named, files as absolute paths."""
    return [_model(text, base) for text, base in _several(config, "model")]


def specs(config: pytest.Config) -> list[Path]:
    """The requirement files named on the command line or in the ini file, absolute."""
    return [(base / text).resolve() for text, base in _several(config, "spec")]


def report_directory(config: pytest.Config) -> Path:
    """The folder of the evidence, absolute."""
    text, base = _one(config, "report")
    return (base / text if text else config.invocation_params.dir / "segrobust-report").resolve()


def data_root(config: pytest.Config) -> Path | None:
    """The root of the spec's relative data paths, or None for the spec's own folder."""
    text, base = _one(config, "data")
    return (base / text).resolve() if text else None


def profile(config: pytest.Config) -> str:
    """smoke, ci or evidence."""
    text = _one(config, "profile")[0] or "ci"
    if text not in PROFILES:
        raise pytest.UsageError(f"segrobust_profile = {text}: one of {', '.join(PROFILES)}")
    return text


def junit_profile(config: pytest.Config) -> str:
    """generic, xray, testrail or polarion."""
    text = _one(config, "junit_profile")[0] or JUNIT_PROFILES[0]
    if text not in JUNIT_PROFILES:
        raise pytest.UsageError(f"segrobust_junit_profile = {text}: one of {', '.join(JUNIT_PROFILES)}")
    return text


def device(config: pytest.Config) -> str | None:
    """The device asked for; under xdist the one that the controller has handed this worker."""
    handed: str | None = getattr(config, "workerinput", {}).get("segrobust_device")
    return _one(config, "device")[0] or handed or None


def seed(config: pytest.Config) -> int:
    """The seed of every noise and search."""
    text = _one(config, "seed")[0]
    try:
        return int(text or 0)
    except ValueError:
        raise pytest.UsageError(f"segrobust_seed = {text}: a whole number is needed") from None


def resume(config: pytest.Config) -> bool:
    """Whether an interrupted run's measurements are taken over."""
    return bool(config.getoption("segrobust_resume") or config.getini("segrobust_resume"))


def reference(config: pytest.Config) -> Path | None:
    """The report folder of the release to compare with, absolute, or None."""
    text, base = _one(config, "reference")
    return (base / text).resolve() if text else None


def margins(config: pytest.Config) -> list[str]:
    """By how much the model may be worse than the reference, as it was written."""
    return [text for text, _ in _several(config, "margin")]


def refuse_comparison_of_nothing(config: pytest.Config) -> None:
    """End a run as a usage error whose command line asks for a comparison that cannot come about.

    An ini file may name the release for all runs, those without a model too.
    """
    if config.getoption("segrobust_reference") and not wanted(config):
        raise pytest.UsageError(
            "--segrobust-reference needs --segrobust-model: without a model nothing would be compared"
        )
    if config.getoption("segrobust_margin") and reference(config) is None:
        raise pytest.UsageError("--segrobust-margin needs --segrobust-reference: without it nothing would be compared")


def wanted(config: pytest.Config) -> bool:
    """True where this run is to verify something: a model or a spec was named."""
    return bool(models(config) or specs(config))


def is_spec(path: Path, config: pytest.Config) -> bool:
    """True for a file that holds requirements."""
    return path.name == SPEC_NAME or path.name.endswith("." + SPEC_NAME) or path in specs(config)


def collect_named_specs(config: pytest.Config) -> None:
    """Let pytest collect the specs named by option: alone where no path was given, besides the paths otherwise."""
    named = specs(config)
    for path in named:
        if not path.is_file():
            raise pytest.UsageError(f"--segrobust-spec: no such file: {path}")
    if not named:
        return
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args.clear()
    given = {Path(config.invocation_params.dir, argument.partition("::")[0]).resolve() for argument in config.args}
    config.args.extend(str(path) for path in named if path not in given)


NO_MODEL = "no model: give --segrobust-model=CHECKPOINT (or module:function), or leave {spec} out of the arguments"


def refuse_specs_without_model(config: pytest.Config, node_ids: Sequence[str]) -> None:
    """End the run as a usage error where requirement files were collected and there is no model."""
    if models(config):
        return
    for node_id in node_ids:
        name = node_id.partition("::")[0]
        if is_spec(Path(config.rootpath, name), config):
            raise pytest.UsageError(NO_MODEL.format(spec=name))


def narrowed_by(config: pytest.Config) -> list[str]:
    """What on the command line may leave out requirements that this run then never hears of.

    -k and -m are told by what they deselect; --lf passes over whole files of Python tests, and a node id over the rest of one.
    """
    found = ["--lf"] if config.getoption("lf", default=False) else []
    nodes = (argument.partition("::") for argument in config.args if "::" in argument)
    return found + [f"{Path(file).name}::{node}" for file, _, node in nodes]


def _several(config: pytest.Config, name: str) -> list[tuple[str, Path]]:
    given: list[str] = config.getoption(f"segrobust_{name}")
    if given:
        return [(text, config.invocation_params.dir) for text in given]
    return [(text, config.rootpath) for text in config.getini(f"segrobust_{name}")]


def _one(config: pytest.Config, name: str) -> tuple[str, Path]:
    given: Any = config.getoption(f"segrobust_{name}")
    if given is not None:
        return str(given), config.invocation_params.dir
    return str(config.getini(f"segrobust_{name}")), config.rootpath


def _model(text: str, base: Path) -> str:
    path = base / text
    return text if ":" in text and not path.exists() else str(path.resolve())
