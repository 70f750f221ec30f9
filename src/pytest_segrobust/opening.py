"""What a process of a run opens before its first item: the store, the spec, the run itself."""

from __future__ import annotations

import shlex
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import options

if TYPE_CHECKING:
    from .evidence.store import Store
    from .python_requirements import PythonRequirement
    from .requirements.requirement import Requirement
    from .requirements.spec import Spec
    from .run import Run

store_key = pytest.StashKey["Store"]()
specs_key = pytest.StashKey["list[Spec]"]()
run_key = pytest.StashKey["Run"]()


def open_store(config: pytest.Config) -> Store:
    """A new store on the controller, or the old one to resume; on a worker the store that the controller has opened.

    Raises:
        EvidenceError: the report folder holds something else than a run of this tool.
        OSError: it cannot be written.
    """
    from .evidence.provenance import now
    from .evidence.store import Store

    handed = getattr(config, "workerinput", {}).get("segrobust_store")
    if handed:
        return Store.open(Path(handed))
    from .evidence.older_runs import make_way

    directory = options.report_directory(config)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "run.sqlite"
    resumed = options.resume(config) and path.exists()
    if resumed:
        from .run import PEAK_MEMORY

        store = Store.open(path)
        said = store.run()
        # they may be of another model, spec or data; deciding again costs no forward pass. What was spent counts on, and
        # where the search looks first must be the same, or the numbers would not
        store.forget_results(but=[key for key in said if key == "first_points" or key.startswith(PEAK_MEMORY)])
        store.event("resumed", f"took over what a run started {said.get('started', 'earlier')} had measured")
    else:
        failing = _failing_points(path if path.exists() else None)  # what cannot be read is not moved either
        make_way(path)
        store = Store.create(path, {"first_points": failing})
    store.set_run(
        started=now(),
        command=shlex.join(["pytest", *map(str, config.invocation_params.args)]),
        run_id=uuid.uuid4().hex,
        unread=[],
        selection={"by": options.narrowed_by(config), "deselected": []},
        python_requirements=[],
        resumed=resumed,
        directory=str(config.invocation_params.dir),
        profile=options.profile(config),
        seed=options.seed(config),
        status="running",
    )
    return store


def open_run(config: pytest.Config) -> Run:
    """The run of this process: settings from the command line, spec as collected or found beside the project's root."""
    if run_key not in config.stash:
        from .run import Run, RunSettings

        specs = config.stash.get(specs_key, []) or [_spec_of_python_tests(config)]
        settings = RunSettings(
            spec=specs[0].path,
            models=tuple(options.models(config)),
            report=options.report_directory(config),
            data_root=options.data_root(config),
            profile=options.profile(config),
            device=options.device(config),
            seed=options.seed(config),
        )
        together = replace(specs[0], requirements=tuple(r for spec in specs for r in spec.requirements))
        config.stash[run_key] = Run(settings, together, config.stash.get(store_key, None))
        _share_cores(config)
    return config.stash[run_key]


def remember_spec(config: pytest.Config, spec: Spec) -> None:
    """Keep a collected spec: the first gives model and data, and no other may differ in them."""
    known = config.stash.setdefault(specs_key, [])
    for other in known:
        if _tables(other) != _tables(spec):
            from .errors import SpecError

            raise SpecError(
                f"{spec.path}: its [model], [data], [decision], [attack] or [trace] differs from {other.path}; run the two separately"
            )
    from .dossier import risks_of

    risks = risks_of(spec) if not known else None
    known.append(spec)
    store = config.stash.get(store_key, None)
    if store is not None:
        from .freezing import frozen_state, texts

        store.declare([declaration(requirement) for requirement in spec.requirements])
        store.set_run(
            spec={"path": str(known[0].path), "sha256": known[0].sha256, "text_sha256": known[0].text_sha256},
            specs=[{"path": str(each.path), "sha256": each.sha256} for each in known],
            warnings=_notes(known),
            freeze=frozen_state(known),
            files=texts(known),  # as they were run: a bundle must not take those of another day
        )
        if risks is not None:  # of the first spec: another's [trace] is the same, and its folder may not be
            store.set_run(trace_settings=spec.trace.model_dump(), risks=risks)


def _tables(spec: Spec) -> tuple[object, ...]:
    return spec.model, spec.data, spec.decision, spec.attack, spec.trace


def declaration(requirement: Requirement | PythonRequirement) -> dict[str, Any]:
    """What the report says of a requirement before it has been run."""
    return {
        "id": requirement.id,
        "statement": requirement.statement,
        "rationale": requirement.rationale,
        "risks": list(requirement.risks),
        "tags": list(requirement.tags),
        "tier": requirement.tier,
        "gates": requirement.gates,
    }


def note_unread_spec(config: pytest.Config, path: Path, why: str) -> None:
    """A spec that could not be read owes verdicts that nobody can count: the run cannot become complete."""
    store = config.stash.get(store_key, None)
    if store is not None:
        store.set_run(unread=[*store.run().get("unread", []), str(path)])
        store.event("spec not read", why)


def calm_hypothesis(config: pytest.Config) -> None:
    """An example costs a whole evaluation here: no deadline, and no health check that a slow example trips.

    Done before test modules are imported, so that a user's own `@settings(max_examples=...)` inherits it.
    """
    if config.getoption("--hypothesis-profile", None):
        return
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "segrobust",
        deadline=None,
        # the same inputs give the same verdict, whatever a folder of saved examples holds
        derandomize=True,
        database=None,
        max_examples=25,
        print_blob=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    settings.load_profile("segrobust")


def _notes(specs: list[Spec]) -> list[str]:
    """What the report says first: what the user says of the data, then what the spec leaves open."""
    said = [spec.data.note for spec in specs if spec.data.note]
    return list(dict.fromkeys([*said, *(warning for spec in specs for warning in spec.warnings)]))


def _failing_points(older: Path | None) -> dict[str, list[Any]]:
    """Where requirements failed in the last run of this folder: the next one looks there first."""
    if older is None:
        return {}
    from .evidence.store import Store

    with Store.open(older) as store:
        return {
            # the worst alone: it was decided in that run too, so that looking there again changes no number
            result.id: [result.worst["parameters"]]
            for result in store.results().values()
            if result.verdict == "failed" and result.worst is not None
        }


def _spec_of_python_tests(config: pytest.Config) -> Spec:
    from .errors import SpecError
    from .requirements.spec import load

    for directory in dict.fromkeys((config.rootpath, config.invocation_params.dir)):
        path = directory / options.SPEC_NAME
        if path.is_file():
            spec = load(path)
            remember_spec(config, spec)
            return spec
    raise SpecError(
        f"no {options.SPEC_NAME} in {config.rootpath}: it says how to open the model and where the cases are "
        "(--segrobust-spec=FILE names another)"
    )


def _share_cores(config: pytest.Config) -> None:
    """Workers of one machine share its cores: two networks on all cores each are slower than on half of them."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        import torch

        torch.set_num_threads(max(1, torch.get_num_threads() // workers))
